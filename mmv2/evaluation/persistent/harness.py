"""lm-eval's task objects for the benchmarks of the table, on rows from local files, and its scores of single answers.

A task is lm-eval's own configuration of it, with nothing replaced but where the rows come from and from which seed
demonstrations are drawn: one for each question, so that they do not depend on the order of questions, on how many are
asked, or on the number of processes (lm-eval draws all from one stream).
"""

import json
import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path
from typing import Any

from datasets import Dataset, disable_progress_bars
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

from mmv2.errors import UserError
from mmv2.evaluation.persistent import own_tasks
from mmv2.evaluation.persistent.local_data import read_all, splits
from mmv2.evaluation.persistent.table import Benchmark, harness_tasks

disable_progress_bars()  # lm-eval cleans rows one by one
Rows = Mapping[str, list[dict[str, Any]]]
"""Split -> rows."""
VERSION = "0.4.13"
"""Of lm-eval: another one may ask and score otherwise."""
MATH_PACKAGES = "sympy, math_verify and antlr4-python3-runtime 4.11 (pip install 'lm-eval[math]')"


class PersistentTask(ConfigurableTask):  # type: ignore[misc]  # lm-eval is untyped
    """One benchmark, or one of its subsets, as a task of lm-eval."""

    def __init__(self, benchmark: Benchmark, subset: str, shots: int, rows: Rows):
        check_version()
        self._rows = rows
        self._seed: int | None = None
        with _quiet():  # lm-eval tries the task on a row when it is made
            super().__init__(config=_config(benchmark, subset, shots))

    def download(self, dataset_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Where lm-eval loads from the Hub."""
        self.dataset = {split: Dataset.from_list(rows) for split, rows in self._rows.items()}

    def set_fewshot_seed(self, seed: int | None = None) -> None:
        """See the module."""
        self._seed = seed
        super().set_fewshot_seed(seed=seed)

    def fewshot_context(self, doc: Any, **kwargs: Any) -> str | list[str]:
        """The whole prompt; demonstrations are drawn for this question alone."""
        if self._seed is not None and hasattr(self, "sampler"):
            self.sampler.set_rnd(zlib.crc32(json.dumps([self._seed, doc], sort_keys=True).encode()))
        found: str | list[str] = super().fewshot_context(doc, **kwargs)
        return found

    def requests(self, doc: Any, row: int) -> list[Instance]:
        """What lm-eval asks a model about one question."""
        shots = self.config.num_fewshot
        context = self.fewshot_context(doc, num_fewshot=shots, gen_prefix=self.doc_to_prefix(doc))
        found = self.construct_requests(doc=doc, ctx=context, metadata=(self.config.task, row, 1))
        return found if isinstance(found, list) else [found]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The questions, as their file has them."""
        return self._rows[self.config.test_split or self.config.validation_split]

    def document(self, row: dict[str, Any]) -> Any:
        """One row as lm-eval's functions take it."""
        process = self.config.process_docs
        return row if process is None else process(Dataset.from_list([row]))[0]

    def right_choice(self, doc: Any) -> int:
        """Number of the right answer of a question with choices."""
        found = self.doc_to_text(doc) if self.multiple_input else self.doc_to_target(doc)
        assert isinstance(found, int), f"{self.config.task}: the right choice is {found!r}, no number"
        return found

    def scores(self, doc: Any, responses: Sequence[Any]) -> dict[str, float]:
        """Every metric of one question after every filter, by the name that ``score_name`` makes of it.

        Args:
            doc: as from ``document``.
            responses: the answer's text, or of each choice its log-likelihood and whether it is the greedy one.
        """
        self._instances = [
            Instance("generate_until", doc, ("",), place, (self.config.task, 0, 1), resps=[response])
            for place, response in enumerate(responses)
        ]
        self.apply_filters()
        return {
            score_name(f"{metric},{name}"): float(value)
            for name in self._instances[0].filtered_resps
            for metric, value in self.process_results(
                doc, [instance.filtered_resps[name] for instance in self._instances]
            ).items()
        }


def score_name(metric: str) -> str:
    """lm-eval's "metric,filter" as the name of a score in records: acc, exact_match_strict_match."""
    name, _, filtered = metric.partition(",")
    return name if filtered == "none" else f"{name}_{filtered}".replace("-", "_")


def load_task(benchmark: Benchmark, subset: str, shots: int, root: Path, from_hub: bool = False) -> PersistentTask:
    """The task with all its rows; raises UserError where they cannot be read."""
    return PersistentTask(benchmark, subset, shots, read_all(benchmark, subset, shots, root, from_hub))


def check_version() -> None:
    """Raise UserError unless lm-eval is the version whose protocol this is."""
    if version("lm_eval") != VERSION:
        raise UserError(f"lm-eval {version('lm_eval')} is installed, the benchmarks are those of {VERSION}; install it")


_SCORING: dict[tuple[str, str], PersistentTask] = {}


def scoring_task(benchmark: Benchmark, subset: str, row: dict[str, Any]) -> PersistentTask:
    """A task that only scores, kept for further questions; lm-eval tries each task on a row when it is made."""
    key = benchmark.name, subset
    if key not in _SCORING:
        rows = {split: [row] for split in splits(benchmark, benchmark.shots)}
        _SCORING[key] = PersistentTask(benchmark, subset, benchmark.shots, rows)
    return _SCORING[key]


def _config(benchmark: Benchmark, subset: str, shots: int) -> dict[str, Any]:
    """lm-eval's configuration of a task, less what only its index of tasks and the Hub need."""
    config = _own(benchmark) if benchmark.yaml is None else _stock(benchmark, benchmark.subsets[subset])
    for key in ("tag", "include", "dataset_path", "dataset_name", "dataset_kwargs"):
        config.pop(key, None)
    drawn = shots and benchmark.shots_split
    for key, value in benchmark.changes.items():
        config[key] = [*config[key], *value] if isinstance(value, list) else value
    return {
        **config,
        "task": task_name(benchmark, subset),
        # lm-eval reads the training split whenever one is named, even for no shots.
        "training_split": benchmark.shots_split if drawn and config.get("training_split") else None,
        "fewshot_split": benchmark.shots_split if drawn else None,
        "validation_split": benchmark.split if config.get("test_split") is None else None,
        "num_fewshot": shots,
    }


def task_name(benchmark: Benchmark, subset: str = "") -> str:
    """What our task is called on lm-eval's command line, where its own names mean its own tasks on the Hub's data."""
    return f"mmv2_{benchmark.name}_{subset}" if subset else f"mmv2_{benchmark.name}"


def _stock(benchmark: Benchmark, file: str) -> dict[str, Any]:
    try:
        return deepcopy(load_yaml(harness_tasks() / file))
    except ModuleNotFoundError as error:
        raise UserError(f"benchmarks: {benchmark.name}: lm-eval's task needs {MATH_PACKAGES}: {error.name}") from None


def _own(benchmark: Benchmark) -> dict[str, Any]:
    configs = dict(own_tasks.CONFIGS)
    if benchmark.runs_code:
        from mmv2.evaluation.persistent import code_problems

        configs |= code_problems.CONFIGS
    return deepcopy(configs[benchmark.task])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without lm-eval's warnings of what a configuration leaves to its defaults: its own tasks mean it so."""
    logger = logging.getLogger("lm_eval.api.task")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
