"""One trained model, as claims take it: its answers, and the terms of comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.contrasts import Term
from mmv2.reporting import fields, selection
from mmv2.reporting.prompt_styles import best_style
from mmv2.reporting.verdict import CEILING, Condition

CELL = ["subtask", "context_length", "num_shots", "label_kind"]
"""What one accuracy is of, within a task."""


def mean_terms(records: pd.DataFrame, arm: str, score: str, weight: float = 1.0) -> list[Term]:
    """Terms of the mean of a column over subtasks, each counting the same, of the mean over their cells.

    Args:
        records: of one trained model.
        arm: names it, see ``Term``.
        score: the column.
        weight: of the whole mean in a contrast.
    """
    subtasks = [of_subtask for _, of_subtask in records.groupby("subtask")]
    terms = []
    for of_subtask in subtasks:
        cells = [cell for _, cell in of_subtask.groupby(CELL, dropna=False)]
        terms += [Term(weight / (len(subtasks) * len(cells)), arm, cell, score) for cell in cells]
    return terms


@dataclass(frozen=True)
class Answers:
    """One trained model's answers to some of a task's examples."""

    name: str
    """Of the model, for people."""
    arm: str
    records: pd.DataFrame

    @property
    def score(self) -> str:
        """The column of the score that the paper reports."""
        return fields.main_score(self.records)

    @property
    def percent(self) -> float:
        """Mean over subtasks of the mean over their cells."""
        means = self.records.groupby(CELL, dropna=False)[self.score].mean()
        return float(100 * means.groupby("subtask").mean().mean())

    @property
    def chance(self) -> float:
        """As ``percent``, of an answer that ignores what was asked."""
        return float(100 * self.records.groupby("subtask")["chance"].mean().mean())

    @property
    def lengths(self) -> list[int]:
        """Task lengths in tokens."""
        return sorted(int(length) for length in self.records["context_length"].unique())

    @property
    def shots(self) -> list[int]:
        return sorted(int(number) for number in self.records["num_shots"].unique())

    @property
    def doublings(self) -> float:
        """From the fewest to the most shots, of the subtask where that is least."""
        found = {str(name): these["num_shots"].agg(["min", "max"]) for name, these in self.records.groupby("subtask")}
        name, ends = min(found.items(), key=lambda item: item[1]["max"] / item[1]["min"])
        if ends["min"] == ends["max"]:
            raise UserError(
                f"records: {self.name}: one number of shots ({ends['min']:g}) of {name} has no slope; evaluate several"
            )
        return float(np.log2(ends["max"] / ends["min"]))

    def of_subtask(self, subtask: str) -> "Answers":
        """Those of one subtask; raises UserError without any."""
        return replace(self, records=selection.where(self.records, subtask=subtask))

    def at(self, *, lengths: Sequence[int] = (), shots: Sequence[int] = ()) -> "Answers":
        """Those of some lengths or numbers of shots alone; raises UserError unless all of them are there."""
        found = self.records
        for column, wanted in (("context_length", lengths), ("num_shots", shots)):
            lacking = sorted(set(wanted) - set(found[column]))
            if lacking:
                raise UserError(
                    f"records: {self.name}: {found['task'].iloc[0]} has no {column} {lacking[0]} (there are: "
                    f"{', '.join(str(int(one)) for one in sorted(found[column].unique()))}); "
                    f"evaluate it there or leave this claim out"
                )
            found = found[found[column].isin(wanted)] if wanted else found
        return replace(self, records=found)

    def mean(self, weight: float = 1.0) -> list[Term]:
        """Terms of the mean accuracy: every subtask counts the same, within it every cell."""
        return mean_terms(self.records, self.arm, self.score, weight)

    def minus(self, other: "Answers", weight: float = 1.0) -> list[Term]:
        """Terms of this mean accuracy minus another's; raises UserError unless both were asked in the same cells."""
        self.check_asked_alike(other)
        return [*self.mean(weight), *other.mean(-weight)]

    def above_chance(self, weight: float = 1.0) -> list[Term]:
        """Terms of mean accuracy minus mean chance."""
        return [*self.mean(weight), *(replace(term, score="chance") for term in self.mean(-weight))]

    def check_asked_alike(self, other: "Answers") -> None:
        """Raise UserError unless another was asked the same subtasks at the same lengths and numbers of shots."""
        differing = sorted(map(str, self._cells ^ other._cells))
        if differing:
            raise UserError(
                f"records: {self.name} and {other.name}: only one of them answered {self.records['task'].iloc[0]} "
                f"({', '.join(CELL)}) {differing[0]}; evaluate both alike, or leave this claim out"
            )

    @property
    def _cells(self) -> set[tuple[Any, ...]]:
        return set(self.records[CELL].astype(str).itertuples(index=False, name=None))

    def slope(self) -> list[Term]:
        """Terms of the least-squares slope over log2 of the shots, the mean over subtasks."""
        terms = []
        subtasks = dict(list(self.records.groupby("subtask")))
        for of_subtask in subtasks.values():
            cells = {float(np.log2(float(str(shots)))): cell for shots, cell in of_subtask.groupby("num_shots")}
            away = np.array(list(cells)) - np.mean(list(cells))
            shares = away / (away**2).sum() / len(subtasks)
            terms += [
                Term(float(w), self.arm, cell, self.score) for w, cell in zip(shares, cells.values(), strict=True)
            ]
        return terms

    @property
    def room(self) -> Condition:
        """Whether another can be better, or this one rise."""
        return Condition(
            text=f"{self.name} stands at {self.percent:.1f} % {self.where}, where {CEILING:g} leaves no room above",
            met=self.percent < CEILING,
        )

    @property
    def where(self) -> str:
        """What was asked, in words."""
        first = self.records.iloc[0]
        told = f"on {first['task']}"
        if pd.notna(first["num_shots"]):
            return f"{told}, {first['label_kind']} labels, {_range(self.shots)} shots"
        return f"{told} at {_range(self.lengths)} tokens"


def _range(numbers: Sequence[int]) -> str:
    return f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}"


@dataclass(frozen=True)
class Trained:
    """One trained model: its runs of all seeds, at one step, whole or reduced."""

    name: str
    arm: str
    records: pd.DataFrame
    """Of all tasks and splits."""

    @property
    def training_context(self) -> int:
        return int(self.records["training_context"].iloc[0])

    def of(self, task: str, **asked: Any) -> Answers:
        """Its answers to the test examples of a task with these field values; raises UserError without any."""
        found = selection.where(self._task(task), split="test", **asked)
        return Answers(self.name, self.arm, found)

    def in_context(self, label_kind: str) -> Answers:
        """Its answers to many-shot prompts, in the style that was best on development examples at each shot count."""
        found = selection.where(self._task("many_shot"), label_kind=label_kind)
        return Answers(self.name, self.arm, best_style(found, "best on dev"))

    def _task(self, task: str) -> pd.DataFrame:
        found = self.records[self.records["task"] == task]
        if found.empty:
            raise UserError(f"records: {self.name}: none of task {task}; evaluate it or leave this claim out")
        return found


def common_context(*models: Trained) -> int:
    """The training context that models share; raises UserError when they do not."""
    contexts = {model.name: model.training_context for model in models}
    if len(set(contexts.values())) > 1:
        told = ", ".join(f"{name}: {context}" for name, context in contexts.items())
        raise UserError(
            f"records: training contexts differ ({told}); a claim compares models trained at the same length"
        )
    return next(iter(contexts.values()))
