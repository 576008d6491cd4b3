"""A run of seconds, and training in processes of its own, which tests may kill."""

import itertools
import json
import multiprocessing
import os
import pkgutil
import signal
import socket
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmv2.config import TrainingConfig
from mmv2.data.shards import write_corpus
from mmv2.data.sources.tiny_world import TinyWorldConfig
from mmv2.data.tokenizer import build_word_level
from mmv2.errors import UserError
from mmv2.files import sha256
from mmv2.registry import architecture
from mmv2.runs import RunConfig
from mmv2.training import trainer

Sabotage = Callable[[], None]
"""Run in the training process before training: patches a function to kill the process at a chosen place."""

TOLD = 3
"""Exit status of a training process that ended with a UserError; 1 would be any other error."""
CORPUS = TinyWorldConfig(source="tiny_world", seed=0, unit_tokens=4096, largest_budget=2.0)
"""For its name only: the corpus is random words, which are quick to make."""
WORDS = [f"w{number}" for number in range(40)]


def make_corpus(folder: Path) -> Path:
    """Random documents of 5 to 60 words, 8192 tokens."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng((0, 8192))
    documents = (rng.integers(3, 43, size=rng.integers(5, 60)).tolist() for _ in range(10_000))
    write_corpus(folder, CORPUS, build_word_level(WORDS), documents)
    return folder


def tiny_run(arch: str = "mmv2", name: str = "tiny", init_from: str | None = None, **training: Any) -> RunConfig:
    """Ten steps of 4 sequences in micro-batches of 2, a checkpoint every 3 steps."""
    settings: dict[str, Any] = {
        "seed": 7,
        "global_batch_size": 4,
        "micro_batch_size": 2,
        "max_steps": 10,
        "learning_rate": 3e-3,
        "warmup_steps": 2,
        "checkpoint_interval": 3,
        "log_interval": 1,
    }
    return RunConfig(
        name=name,
        arch=arch,
        model=architecture(arch).tiny,
        corpus=CORPUS,
        budget=1.0,
        training=TrainingConfig(**{**settings, **training}),
        init_from=init_from,
    )


def start(
    run: RunConfig,
    corpus: Path,
    output: Path,
    sabotage: Sabotage | None = None,
    environment: dict[str, str] | None = None,
) -> BaseProcess:
    """Train in a process of its own, one rank."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imports torch once
    process = context.Process(target=_work, args=(run, corpus, output, sabotage, environment or {}))
    process.start()
    return process


def kill_at(owner: str, name: str, call: int, after: bool = False) -> None:
    """A sabotage (with functools.partial): SIGKILL before or after the n-th call of a function.

    Args:
        owner: the module or class that holds the function, such as ``torch`` or ``pathlib.Path``.
    """
    holder = pkgutil.resolve_name(owner)
    original, calls = getattr(holder, name), itertools.count(1)

    def killing(*args: Any, **kwargs: Any) -> Any:
        last = next(calls) == call
        if last and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, name, killing)


def terminate_at(step: int, rank: int = 0) -> None:
    """A sabotage: SIGTERM reaches one rank while it makes a step."""
    original = trainer.train_step

    def terminated(*args: Any) -> Any:
        if args[5] == step and int(os.environ.get("RANK", 0)) == rank:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*args)

    trainer.train_step = terminated


def _work(run: RunConfig, corpus: Path, output: Path, sabotage: Sabotage | None, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    if sabotage is not None:
        sabotage()
    try:
        trainer.train(run, corpus, output, device="cpu")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(TOLD)


def finish(process: BaseProcess) -> int:
    """Wait for a process; returns its exit status, negative for a signal."""
    process.join(timeout=120)
    assert process.exitcode is not None, "the training process hangs"
    return process.exitcode


def run_ranks(ranks: int, run: RunConfig, corpus: Path, output: Path, sabotage: Sabotage | None = None) -> list[int]:
    """Train on several gloo ranks; returns their exit statuses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    world = {"WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    environments = [{**world, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(ranks)]
    processes = [start(run, corpus, output, sabotage, environment) for environment in environments]
    return [finish(process) for process in processes]


def final_sha256(output: Path) -> str:
    """Of the final weights."""
    return sha256(output / "final" / "model.safetensors")


def metrics_of(output: Path) -> list[dict[str, Any]]:
    """The metrics of a finished run, without what depends on the clock."""
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "tokens_per_second"} for line in lines]


def checkpoint_folder(output: Path) -> Path:
    """The only fingerprint's folder."""
    (folder,) = (output / "checkpoints").iterdir()
    return folder


def steps_in(folder: Path) -> list[int]:
    """The steps of the complete checkpoints."""
    return sorted(int(path.name[5:]) for path in folder.glob("step-*") if path.suffix != ".tmp")
