"""Scores of a hyperparameter search, per run and task."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from mmv2.config import TrainingConfig
from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.registry import architecture
from mmv2.reporting.accuracies import accuracy_by_query, reference
from mmv2.reporting.fields import MEMBER, field, main_score
from mmv2.reporting.selection import of_task

TOLD = ("learning_rate", "global_batch_size", "warmup_steps")
"""Settings of every run that are told of it, whether they differ or not."""
_NAMES = {
    "learning_rate": "peak learning rate",
    "global_batch_size": "batch (sequences)",
    "warmup_steps": "warm-up steps",
    "weight_decay": "weight decay",
    "rope_theta": "base of rotary frequencies",
    "short_term_window": "h (tokens)",
    "long_term_delay": "m (tokens)",
    "initial_theta_beta": "initial theta_beta",
}
_FOLLOWING = ("max_steps", "training_seed", "corpus_seed", "head_dim")
"""Settings that no search tries: seeds, and what follows from others."""


def name_of(setting: str) -> str:
    """What tables and axes call a setting."""
    return _NAMES.get(setting, setting)


def varied(runs: pd.DataFrame) -> list[str]:
    """The settings, numbers all, in which runs of one architecture differ: those with a name first."""
    found = [name.removeprefix("setting_") for name in map(str, runs) if name.startswith("setting_")]
    found = [name for name in found if name not in _FOLLOWING and _is_number(runs[f"setting_{name}"])]
    found = [name for name in found if runs.groupby("arch")[f"setting_{name}"].nunique().max() > 1]
    order = {name: place for place, name in enumerate(_NAMES)}
    return sorted(found, key=lambda name: (order.get(name, len(order)), name))


def _is_number(values: pd.Series) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values.dropna().tolist())


def papers_value(setting: str, context: int) -> float | None:
    """The paper's value of a setting; h and m in proportion to the training context, as in the paper's own (Section 3).

    Args:
        setting: its key.
        context: tokens per training sequence.

    Returns:
        None where the paper states none, or none that holds at other sizes and budgets.
    """
    paper = architecture("mmv2").sizes["small"]
    if setting in ("short_term_window", "long_term_delay"):
        return float(getattr(paper, setting) * context / paper.max_seq_len)
    if setting == "initial_theta_beta":
        return float(getattr(paper, setting))
    return float(TrainingConfig.model_fields[setting].default) if setting == "weight_decay" else None


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


def each_run(records: pd.DataFrame) -> pd.DataFrame:
    """Every run by itself: a search compares runs, each of one seed."""
    return records.assign(run=field(records, MEMBER).fillna(records["run"]))


def searched(records: pd.DataFrame) -> pd.DataFrame:
    """One row for each run that was searched, of its last step, in a fixed order.

    Raises:
        UserError: records tell no settings.
    """
    records = each_run(records)
    whole = records[records["reduction"].isna()]
    runs = whole.sort_values(["run", "step"]).drop_duplicates("run", keep="last")
    settings = [f"setting_{name}" for name in TOLD]
    lacking = [name for name in settings if field(runs, name).isna().any()]
    if lacking:
        raise UserError(f"records: some have no {', '.join(lacking)}; evaluate the runs again")
    settings += [f"setting_{name}" for name in varied(runs) if name not in TOLD]
    return runs.sort_values(["arch", "training_context", *settings, "seed", "run"])


def search_tasks(records: pd.DataFrame) -> list[SearchTask]:
    """The main score of every task, subtask and split, of all runs that answered it."""
    records, tasks = each_run(records), []
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
