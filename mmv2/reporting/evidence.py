"""What claims take out of the records: trained models by what they are, their answers by what was asked.

A trained model is all runs that differ in nothing but the training seed. Where a suite has several sizes of one, claims
are about the largest, as the paper's are. Ablations are none of the paper's models. Where several delays were fixed in
training, a claim is about the one at which the model with a drawn delay is evaluated: the two then read the same pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.contrasts import Term, contrast
from mmv2.evaluation.statistics import Interval
from mmv2.registry import architecture
from mmv2.reporting import selection
from mmv2.reporting.prompt_styles import best_style
from mmv2.reporting.published import read_published
from mmv2.reporting.verdict import ABLE, CEILING, CLEAR, Condition, points

SIZES = ("small", "large")
"""The paper's model sizes, as they end the names in its tables."""
_CELL = ["subtask", "context_length", "num_shots", "label_kind"]
"""What one accuracy is of, within a task."""
_DELAY = "setting_long_term_delay"


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
        return selection.main_score(self.records)

    @property
    def percent(self) -> float:
        """Mean over subtasks of the mean over their cells."""
        means = self.records.groupby(_CELL, dropna=False)[self.score].mean()
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
        """From the fewest to the most shots."""
        if len(self.shots) < 2:
            raise UserError(f"records: {self.name}: one number of shots ({self.shots}) has no slope; evaluate several")
        return float(np.log2(self.shots[-1] / self.shots[0]))

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
        terms = []
        subtasks = dict(list(self.records.groupby("subtask")))
        for of_subtask in subtasks.values():
            cells = [cell for _, cell in of_subtask.groupby(_CELL, dropna=False)]
            share = weight / (len(subtasks) * len(cells))
            terms += [Term(share, self.arm, cell, self.score) for cell in cells]
        return terms

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

    def of(self, task: str, **fields: Any) -> Answers:
        """Its answers to the test examples of a task with these field values; raises UserError without any."""
        found = selection.where(self._task(task), split="test", **fields)
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


class Evidence:
    """The records and the paper's numbers, as a claim asks for them."""

    def __init__(self, records: pd.DataFrame, published_folder: Path):
        """``records``: as from ``read_records``; ``published_folder``: holds the paper's numbers."""
        self.records = selection.seeds_joined(records)
        self.published_folder = published_folder

    def published(self, file: str, column: str, **row: str) -> float:
        """One number of the paper: the cell in the one row of a published table that has these values.

        Raises:
            UserError: no such file, or not just one such row, or the paper reports nothing there.
        """
        path = self.published_folder / file
        table = read_published(path)
        for name, value in row.items():
            table = table[table[name] == value]
        told = ", ".join(f"{name} {value}" for name, value in row.items())
        if len(table) != 1 or pd.isna(table[column].iloc[0]):
            raise UserError(f"{path}: {column}: no single number for {told}; restore the file, it is the paper's")
        return float(table[column].iloc[0])

    def pre_trained(self, arch: str, budget: float = selection.MAIN_BUDGET, fixed_delay: bool = False) -> Trained:
        """The model as trained from scratch, at its last step; raises UserError where it is not there just once."""
        found = self.chosen(arch, budget, fixed_delay)
        return self._trained(found[found["init_from"].isna()], _name(arch, budget, fixed_delay, "pre-trained"))

    def fine_tuned(
        self,
        arch: str,
        budget: float = selection.MAIN_BUDGET,
        *,
        reduction: str | None = None,
        step: int | None = None,
    ) -> Trained:
        """The model fine-tuned on long contexts; raises UserError where it is not there just once.

        Args:
            arch: name of the architecture.
            budget: of the pre-training it started from.
            reduction: what was taken out of it after training.
            step: of fine-tuning; None: the last.
        """
        reduced = f", {reduction.replace('_', ' ')}" if reduction else ""
        early = f", after {step} step{'s' * (step > 1)}" if step else ""
        name = _name(arch, budget, False, "fine-tuned") + reduced + early
        found = self.chosen(arch, budget, False, reduction)
        found = found[found["init_from"].notna()]
        if step is None:
            return self._trained(found, name)
        if not found.empty and not found["step"].eq(step).any():
            raise UserError(
                f"records: {name}: there are only steps {sorted(found['step'].unique().tolist())}; add {step} to the "
                f"run's milestones and evaluate it, or leave this claim out"
            )
        return self._trained(found[found["step"] == step], name)

    def at_common_size(self, *models: pd.DataFrame) -> "Evidence":
        """The evidence of the largest width that all of these models have: each by itself would be at its own largest.

        Raises:
            UserError: they have none in common.
        """
        widths = [set(_widths(model)) for model in models if not model.empty]
        common = set.intersection(*widths) if widths else set()
        if widths and not common:
            runs = ", ".join(sorted({run for model in models for run in model["run"]}))
            raise UserError(f"records: {runs}: no size in common; train one size of all, or leave this claim out")
        return Evidence(
            self.records[_widths(self.records).isin({max(common)} if common else set())], self.published_folder
        )

    def able(self, arch: str, task: str, *, fixed_delay: bool = False, **fields: Any) -> Condition:
        """Whether a model is clear of chance in any cell of a task at one of the budgets ``ABLE``.

        The model is whole and of its largest size. Clear is an interval of accuracy minus chance that begins at
        ``CLEAR`` or above.
        """
        found = [_largest(self.chosen(arch, budget, fixed_delay)) for budget in ABLE]
        answers = selection.where(pd.concat(found), task=task, split="test", **fields)
        best = _clearest([cell for _, cell in answers.groupby(["run", "step", *_CELL, "prompt_style"], dropna=False)])
        mean, low, high = map(points, (best.mean, best.low, best.high))
        kind = "".join(f", {value}" for value in fields.values())
        fixed = " with fixed delay" if fixed_delay else ""
        return Condition(
            text=f"{architecture(arch).label}{fixed} is at best {mean} [{low}, {high}] points above chance on "
            f"{task}{kind} ({CLEAR:g} needed at the lower end)",
            met=best.low >= CLEAR,
        )

    def chosen(
        self,
        arch: str,
        budget: float = selection.MAIN_BUDGET,
        fixed_delay: bool = False,
        reduction: str | None = None,
    ) -> pd.DataFrame:
        """The records of a model of the paper's own form, of every size and step, pre-trained and fine-tuned."""
        records = self.records
        chosen = (records["arch"] == arch) & (records["budget"] == budget)
        chosen &= ~self._others & (self._fixed == fixed_delay)
        reduced = records["reduction"].eq(reduction) if reduction else records["reduction"].isna()
        plain = chosen & reduced & ~self._grouped
        found = records[plain if plain.any() else chosen & reduced]
        return self._at_drawn_delay(found, arch, budget) if fixed_delay else found

    def _at_drawn_delay(self, fixed: pd.DataFrame, arch: str, budget: float) -> pd.DataFrame:
        """Those whose m is that of the model with a drawn delay at inference, if several were fixed."""
        own = selection.field(fixed, _DELAY)
        if own.nunique() < 2:
            return fixed
        return fixed[own.isin(selection.field(self.chosen(arch, budget, False), _DELAY))]

    @cached_property
    def _others(self) -> pd.Series:
        """Whether each record is of an ablation; those of ``APART`` have claims of their own."""
        return selection.ablated(self.records) & ~self.records["arch"].isin(selection.APART)

    @cached_property
    def _grouped(self) -> pd.Series:
        """Whether it is of a transformer as the paper's on 8T tokens: taken where its budget has no other."""
        return selection.grouped(self.records)

    @cached_property
    def _fixed(self) -> pd.Series:
        return selection.field(self.records, selection.FIXED_DELAY).eq(True)

    def _trained(self, records: pd.DataFrame, name: str) -> Trained:
        """The largest size, the last step per run, one run per seed."""
        if records.empty:
            raise UserError(f"records: no {name}; give the suite such a run, or leave this claim out")
        found = _largest(records)
        found = found[found["step"] == found.groupby("run")["step"].transform("max")]
        members = found.groupby("seed")[selection.MEMBER].unique()
        for seed, of_seed in members.items():
            if len(of_seed) > 1:
                raise UserError(
                    f"records: {name}: {' and '.join(sorted(of_seed))} have the same training seed {seed}; "
                    f"a claim compares one model with one: give it the records of one of them"
                )
        first = found.iloc[0]
        arm = f"{first['arch']}, budget {first['budget']:g}{', fixed' if self._fixed[found.index[0]] else ''}"
        return Trained(name + (f", {selection.GROUPED}" if self._grouped[found.index[0]] else ""), arm, found)


def _largest(records: pd.DataFrame) -> pd.DataFrame:
    return records[records["num_parameters"] == records["num_parameters"].max()]


def _widths(records: pd.DataFrame) -> pd.Series:
    """0 of a model that tells none."""
    return selection.field(records, selection.WIDTH).fillna(0)


def _clearest(cells: Sequence[pd.DataFrame]) -> Interval:
    """Accuracy minus chance, in points: of the first cell found clear, or else where the interval begins highest."""
    best: Interval | None = None
    for cell in sorted(cells, key=_above_chance, reverse=True):
        found = _above_chance_interval(cell)
        best = found if best is None else max(best, found, key=lambda one: one.low)
        # An interval begins at or below its mean: where the mean is too low, those that follow cannot be clear.
        if best.low >= CLEAR or found.mean < CLEAR:
            break
    assert best is not None, "no cell, no ability"
    return best


def _above_chance(cell: pd.DataFrame) -> float:
    return float((cell[selection.main_score(cell)] - cell["chance"]).mean())


def _above_chance_interval(cell: pd.DataFrame) -> Interval:
    """Paired by example where chance is a blind guess, itself estimated from the same examples."""
    terms = [Term(1.0, "", cell, selection.main_score(cell))]
    known = 0.0
    if selection.chance_is_known(cell["chance"]):
        known = float(cell["chance"].mean())
    else:
        terms.append(Term(-1.0, "", cell, "chance"))
    found = contrast(terms, selection.SEED)
    mean, low, high = (100 * (share - known) for share in (found.mean, found.low, found.high))
    return Interval(mean, low, high, found.num_examples)


def common_context(*models: Trained) -> int:
    """The training context that models share; raises UserError when they do not."""
    contexts = {model.name: model.training_context for model in models}
    if len(set(contexts.values())) > 1:
        told = ", ".join(f"{name}: {context}" for name, context in contexts.items())
        raise UserError(
            f"records: training contexts differ ({told}); a claim compares models trained at the same length"
        )
    return next(iter(contexts.values()))


def _name(arch: str, budget: float, fixed_delay: bool, stage: str) -> str:
    return f"{architecture(arch).label}, budget {budget:g}, {stage}{', fixed delay' if fixed_delay else ''}"
