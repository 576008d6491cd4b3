"""Scores of a hyperparameter search, per run and task."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.reporting.selection import accuracy_by_query, field, main_score, of_task, reference

SEARCHED = {
    "learning_rate": "peak learning rate",
    "global_batch_size": "batch (sequences)",
    "warmup_steps": "warm-up steps",
}
"""Settings that a search varies, and their names."""


@dataclass(frozen=True)
class SearchTask:
    """One column of a search."""

    name: str
    """Task and subtask; where a task was answered on several splits, also which."""
    found: Mapping[str, Interval]
    """Run -> main score in percent."""
    chance: float
    """In percent."""

    @property
    def scores(self) -> dict[str, float]:
        return {run: value.mean for run, value in self.found.items()}


def searched(records: pd.DataFrame) -> pd.DataFrame:
    """One row for each run that was searched, of its last step, in a fixed order.

    Raises:
        UserError: records tell no settings.
    """
    whole = records[records["reduction"].isna()]
    runs = whole.sort_values(["run", "step"]).drop_duplicates("run", keep="last")
    settings = [f"setting_{name}" for name in SEARCHED]
    lacking = [name for name in settings if field(runs, name).isna().any()]
    if lacking:
        raise UserError(f"records: some have no {', '.join(lacking)}; evaluate the runs again")
    return runs.sort_values(["arch", "training_context", *settings, "seed", "run"])


def search_tasks(records: pd.DataFrame) -> list[SearchTask]:
    """The main score of every task, subtask and split, of all runs that answered it."""
    tasks = []
    splits = {str(task): these["split"].nunique() for task, these in records.groupby("task")}
    for (task, split), _ in records.groupby(["task", "split"]):
        measured = of_task(records, str(task), split=str(split))
        for subtask, these in measured.groupby("subtask"):
            score = main_score(these)
            found = {str(run): accuracy_by_query(of_run, score) for run, of_run in these.groupby("run")}
            name = f"{task}: {subtask}" + (f", {split}" if splits[str(task)] > 1 else "")
            tasks.append(SearchTask(name, found, chance=reference(these, "chance").mean))
    return tasks


def last_loss(metrics: pd.DataFrame, run: str) -> float:
    """Mean training loss over the last tenth of a run's steps; raises UserError when its metrics are not given."""
    losses = metrics.loc[metrics["run"] == run, "loss"]
    if losses.empty:
        raise UserError(f"metrics: none of run {run}; name its metrics.jsonl too")
    return float(losses.tail(max(1, len(losses) // 10)).mean())
