"""The training loop: resume, make steps, write metrics and checkpoints, export at the end.

What a step computes is in ``step``; what makes it start is in ``start``; the loop decides when to write what.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from mmv2.data.shards import Corpus
from mmv2.layers.decoder import LanguageModel
from mmv2.runs import RunConfig
from mmv2.training.checkpoint import Checkpoints, full_disk_told
from mmv2.training.export import check_milestones, export, pretraining_budget
from mmv2.training.identity import run_fingerprint
from mmv2.training.metrics import Metrics
from mmv2.training.optimizer import build_optimizer
from mmv2.training.parallel import World, join_world
from mmv2.training.progress import progress, say
from mmv2.training.start import check_start, set_numerics, start_model
from mmv2.training.step import StepResult, train_step

STOPPED = 128 + signal.SIGTERM
"""Exit status of a run that was asked to stop, wrote a checkpoint and can go on: not a success for a scheduler."""


def train(
    run: RunConfig,
    corpus_folder: Path,
    output_folder: Path,
    init_folder: Path | None = None,
    device: str | None = None,
) -> None:
    """Train one run to its end, from its newest checkpoint where there is one; a finished run is only exported again.

    Args:
        run: what to train.
        corpus_folder: a prepared corpus.
        output_folder: receives final/, milestones/, metrics.jsonl and, to resume from, checkpoints/.
        init_folder: the final/ folder of the run that ``run.init_from`` names.
        device: None: this rank's GPU, or the CPU where there is none.

    Raises:
        UserError: wrong settings, a damaged checkpoint, a full disk, a loss that is not finite.
        SystemExit: with STOPPED, after SIGTERM; the checkpoint of the running step is written.
    """
    with join_world(device) as world, full_disk_told(output_folder), _stop_signal() as stop:
        job = _prepare(run, corpus_folder, output_folder, init_folder, world)
        check_milestones(run, job.checkpoints)
        step = job.checkpoints.newest()
        if step < run.max_steps:
            _run_steps(job, step, stop)
        export(run, job.corpus, job.checkpoints, job.model, job.budget, output_folder)


@dataclass
class _Job:
    """All that the loop handles."""

    run: RunConfig
    corpus: Corpus
    world: World
    checkpoints: Checkpoints
    model: LanguageModel
    optimizer: torch.optim.Optimizer
    budget: float
    """Of the pre-training."""

    def say(self, message: str) -> None:
        """Tell the user one line, once for all ranks."""
        if self.world.is_main:
            say(message)


def _prepare(run: RunConfig, corpus_folder: Path, output_folder: Path, init_folder: Path | None, world: World) -> _Job:
    with world.together():
        set_numerics(run, world.device)
        corpus = Corpus.open(corpus_folder, verify=world.is_main)
        check_start(run, corpus, world, init_folder)
        budget = pretraining_budget(run, init_folder)
        checkpoints = Checkpoints(output_folder, run_fingerprint(run, corpus, init_folder), world)
        model = start_model(run, world, init_folder)
        optimizer = build_optimizer(model, run.training)
    checkpoints.prepare(say)
    return _Job(run, corpus, world, checkpoints, model, optimizer, budget)


@contextmanager
def _stop_signal() -> Iterator[Callable[[], bool]]:
    """Take SIGTERM for a request to stop; yields a function that tells whether there was one."""
    requests: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: requests.append(number))
    try:
        yield lambda: bool(requests)
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_steps(job: _Job, start: int, stop: Callable[[], bool]) -> None:
    """Make all steps after ``start``."""
    run, training = job.run, job.run.training
    if start:
        job.checkpoints.load(start, job.model, job.optimizer)
        job.say(f"{run.name}: goes on from {job.checkpoints.path(start)}")
    with _recorder(job, start) as record:
        for step in range(start + 1, run.max_steps + 1):
            began = time.perf_counter()
            result = train_step(job.model, job.optimizer, run, job.corpus, job.world, step, stop)
            stopping = result.stop and step < run.max_steps
            due = step % training.checkpoint_interval == 0 or step in training.milestones or step == run.max_steps
            record(step, result, time.perf_counter() - began, due or stopping)
            if due or stopping:
                _save(job, step)
            if stopping:
                job.say(f"{run.name}: stopped by SIGTERM after step {step}; start it again to go on")
                raise SystemExit(STOPPED)


@contextmanager
def _recorder(job: _Job, start: int) -> Iterator[Callable[[int, StepResult, float, bool], None]]:
    """What the main rank does with the numbers of a step: step, result, seconds, whether a checkpoint follows."""
    if not job.world.is_main:
        yield lambda step, result, seconds, durable: None
        return
    run = job.run
    with (
        Metrics(job.checkpoints.folder / "metrics.jsonl", start) as metrics,
        progress(run.name, start, run.max_steps, run.training.log_interval) as report,
    ):

        def record(step: int, result: StepResult, seconds: float, durable: bool) -> None:
            line = {
                "step": step,
                "loss": result.loss,
                "learning_rate": result.learning_rate,
                "grad_norm": result.grad_norm,
                "tokens_seen": step * run.tokens_per_step,
                "tokens_per_second": run.tokens_per_step / seconds,
            }
            metrics.append(line, durable)
            report(line)

        yield record


def _save(job: _Job, step: int) -> None:
    run = job.run
    state = {
        "tokens_seen": step * run.tokens_per_step,
        "rows": step * run.training.global_batch_size,
        "run": run.model_dump(mode="json"),
    }
    job.checkpoints.save(step, job.model, job.optimizer, state)
    job.checkpoints.rotate(run.training.keep_last, run.training.milestones)
