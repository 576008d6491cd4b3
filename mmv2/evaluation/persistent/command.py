"""lm-eval's own command line, which knows our models as ``mmv2`` and the benchmarks of the table as ``mmv2_<name>``.

    python -m mmv2.evaluation.persistent --model mmv2 --model_args pretrained=FINAL --tasks mmv2_obqa,mmv2_bbh \\
        --metadata data_root=DATA --output_path OUT --log_samples

lm-eval finds models that somebody imports, and tasks that YAML files name: this imports the one and writes the others
into a folder that lives as long as the call. Any other model of lm-eval answers the same tasks. lm-eval's own task
names mean its tasks on the Hub's data, as ever. ``--num_fewshot`` is every task's, as ever; one of ours whose
demonstrations are part of it refuses another number, which lm-eval would ignore or cut down.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from lm_eval._cli import HarnessCLI
from lm_eval.config.evaluate_config import EvaluatorConfig
from lm_eval.utils import setup_logging

import mmv2.evaluation.language_model  # noqa: F401  # registers the model
from mmv2.data.prepare import DATA_ROOT
from mmv2.errors import UserError, choices
from mmv2.evaluation.persistent.harness import PersistentTask, task_name
from mmv2.evaluation.persistent.local_data import read_all, shots_of
from mmv2.evaluation.persistent.table import BENCHMARKS, Benchmark


class CommandTask(PersistentTask):
    """A task as lm-eval makes it of one of the files; ``--metadata data_root=FOLDER`` says where the rows are."""

    def __init__(self, config: dict[str, Any]):
        known = config["metadata"]
        asked, subset = BENCHMARKS[known["benchmark"]], known["subset"]
        if asked.runs_code:
            from mmv2.evaluation.persistent import code_problems

            code_problems.require(known["execute_code"])
        shots = shots_of(asked, known["num_fewshot"], "--num_fewshot")
        rows = read_all(asked, subset, shots, Path(known.get("data_root", DATA_ROOT)))
        super().__init__(asked, subset, shots, rows)


def write_task_files(folder: Path, num_fewshot: int | None, execute_code: bool) -> None:
    """One file for each subset of each benchmark, and one for each group of subsets.

    Args:
        folder: to write to.
        num_fewshot: demonstrations that the user asks for; None: each task's own.
        execute_code: whether models' programs may run.
    """
    for asked in BENCHMARKS.values():
        names = {subset: task_name(asked, subset) for subset in asked.subsets}
        for subset, name in names.items():
            of_task = {"benchmark": asked.name, "subset": subset}
            known = {**of_task, "num_fewshot": num_fewshot, "execute_code": execute_code}
            text = yaml.safe_dump({"task": name, "metadata": known})
            # YAML's own writer has no unquoted tags.
            (folder / f"{name}.yaml").write_text(f"{text}class: !function {CommandTask.__module__}.CommandTask\n")
        if "" not in names:
            (folder / f"{task_name(asked)}_group.yaml").write_text(yaml.safe_dump(_group(asked, list(names.values()))))


def _group(asked: Benchmark, names: Sequence[str]) -> dict[str, Any]:
    """The mean over all questions, whatever their subset, as records are averaged."""
    metric, _, filtered = asked.metric.partition(",")
    mean = {"metric": metric, "aggregation": "mean", "weight_by_size": True, "filter_list": [filtered]}
    return {"group": task_name(asked), "task": list(names), "aggregate_metric_list": [mean]}


def main(arguments: Sequence[str]) -> None:
    """Run lm-eval's command line.

    Raises:
        UserError: a task is unknown, or whatever the tasks and the model raise.
    """
    setup_logging()
    sys.argv = ["lm_eval", *arguments]
    command = HarnessCLI()
    given = command.parse_args()
    # With what a file of --config says; other commands than run have fewer options.
    options = EvaluatorConfig.from_cli(given) if given.command == "run" else given
    if getattr(options, "include_path", None):
        raise UserError("--include_path: is taken by the benchmarks' own task files; leave it out")
    _check_metadata(getattr(given, "metadata", None) or {}, getattr(given, "tasks", None) or ())
    with TemporaryDirectory() as folder:
        shots, execute_code = getattr(options, "num_fewshot", None), getattr(options, "confirm_run_unsafe_code", False)
        write_task_files(Path(folder), shots, execute_code)
        given.include_path = folder
        try:
            command.execute(given)
        except ValueError as error:
            _tell_unknown_task(str(error))
            raise


def _check_metadata(given: Mapping[str, Any], tasks: Sequence[str]) -> None:
    """Raise UserError for a key that none of the tasks reads; lm-eval's own have keys of theirs."""
    wrong = [key for key in given if key != "data_root"]
    if wrong and all(name.startswith("mmv2_") for name in tasks):
        raise UserError(f"--metadata: {wrong[0]}: no such key; the benchmarks read data_root alone")


def _tell_unknown_task(message: str) -> None:
    """Raise UserError with the nearest names where that is what lm-eval's message says."""
    unknown = re.fullmatch(r"Tasks not found: (.*)", message)
    if unknown is not None:
        wrong = unknown[1].split(", ")[0]
        named = [task_name(asked) for asked in BENCHMARKS.values()]
        raise UserError(f"--tasks: no task {wrong!r}, neither here nor in lm-eval; {choices(wrong, named)}") from None
