"""What claims take out of the records: trained models by what they are. Their answers are in ``answers``.

A trained model is all runs that differ in nothing but the training seed. Where a suite has several sizes, claims are
about the largest width that both of the paper's architectures have. Ablations are none of the paper's models. Where
several delays were fixed in training, a claim is about the one at which the model with a drawn delay is evaluated: the
two then read the same pairs.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from mmv2.errors import UserError
from mmv2.registry import architecture
from mmv2.reporting import fields, seeds, selection, sizes, variants
from mmv2.reporting.ability import clearest
from mmv2.reporting.answers import CELL, Answers, Trained
from mmv2.reporting.published import read_published
from mmv2.reporting.verdict import ABLE, CLEAR, Condition, points

SIZES = ("small", "large")
"""The paper's model sizes, as they end the names in its tables."""
_DELAY = "setting_long_term_delay"


class Evidence:
    """The records and the paper's numbers, as a claim asks for them."""

    def __init__(self, records: pd.DataFrame, published_folder: Path):
        """``records``: as from ``read_records``; ``published_folder``: holds the paper's numbers."""
        self.records = seeds.seeds_joined(records)
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
        widths = [set(sizes.widths(model)) for model in models if not model.empty]
        common = set.intersection(*widths) if widths else set()
        if widths and not common:
            runs = ", ".join(sorted({run for model in models for run in model["run"]}))
            raise UserError(f"records: {runs}: no size in common; train one size of all, or leave this claim out")
        return Evidence(
            self.records[sizes.widths(self.records).isin({max(common)} if common else set())], self.published_folder
        )

    def able(self, arch: str, task: str, *, fixed_delay: bool = False, **asked: Any) -> Condition:
        """Whether a model is clear of chance in any cell of a task at one of the budgets ``ABLE``.

        The model is whole and of the size that is compared. Clear is an interval of accuracy minus chance that begins
        at ``CLEAR`` or above.
        """
        found = self._at_size(pd.concat([self.chosen(arch, budget, fixed_delay) for budget in ABLE]))
        answers = selection.where(found, task=task, split="test", **asked)
        kind = "".join(f", {value}" for value in asked.values())
        fixed = " with fixed delay" if fixed_delay else ""
        return _clear(answers, f"{architecture(arch).label}{fixed}", f"on {task}{kind}")

    def clear(self, answers: Answers) -> Condition:
        """Whether a model is clear of chance in any cell of these answers of its own."""
        return _clear(answers.records, answers.name, answers.where)

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
        own = fields.field(fixed, _DELAY)
        if own.nunique() < 2:
            return fixed
        return fixed[own.isin(fields.field(self.chosen(arch, budget, False), _DELAY))]

    @cached_property
    def _others(self) -> pd.Series:
        """Whether each record is of an ablation; those of ``APART`` have claims of their own."""
        return variants.ablated(self.records) & ~self.records["arch"].isin(variants.APART)

    @cached_property
    def _grouped(self) -> pd.Series:
        """Whether it is of a transformer as the paper's on 8T tokens: taken where its budget has no other."""
        return variants.grouped(self.records)

    @cached_property
    def _fixed(self) -> pd.Series:
        return fields.field(self.records, fields.FIXED_DELAY).eq(True)

    @cached_property
    def _width(self) -> float | None:
        """The largest that both of the paper's architectures have; None where one of them is not there."""
        own = self.records[~self._others & self.records["reduction"].isna()]
        found = [set(sizes.widths(own[own["arch"] == arch])) for arch in ("mmv2", "transformer")]
        if not all(found):
            return None
        if not (common := set.intersection(*found)):
            told = " and ".join(f"{sorted(widths)}" for widths in found)
            raise UserError(f"records: widths {told} of mmv2 and transformer have none in common; train one of both")
        return max(common)

    def _at_size(self, records: pd.DataFrame) -> pd.DataFrame:
        """Those of the size that is compared; where nothing is compared, of the largest."""
        return sizes.largest(records) if self._width is None else records[sizes.widths(records) == self._width]

    def _trained(self, records: pd.DataFrame, name: str) -> Trained:
        """The size that is compared, the last step per run, one run per seed."""
        found = self._at_size(records)
        if found.empty:
            width = f" of width {self._width:g}" if self._width and not records.empty else ""
            raise UserError(f"records: no {name}{width}; give the suite such a run, or leave this claim out")
        found = found[found["num_parameters"] == found["num_parameters"].max()]  # of those that tell no width
        found = found[found["step"] == found.groupby("run")["step"].transform("max")]
        members = found.groupby("seed")[fields.MEMBER].unique()
        for seed, of_seed in members.items():
            if len(of_seed) > 1:
                raise UserError(
                    f"records: {name}: {' and '.join(sorted(of_seed))} have the same training seed {seed}; "
                    f"a claim compares one model with one: give it the records of one of them"
                )
        seeds.check_one_training(found.assign(run=name, reduction=None))
        first = found.iloc[0]
        arm = f"{first['arch']}, budget {first['budget']:g}{', fixed' if self._fixed[found.index[0]] else ''}"
        return Trained(name + (f", {variants.GROUPED}" if self._grouped[found.index[0]] else ""), arm, found)


def _clear(answers: pd.DataFrame, name: str, where: str) -> Condition:
    best = clearest([cell for _, cell in answers.groupby(["run", "step", *CELL, "prompt_style"], dropna=False)])
    mean, low, high = map(points, (best.mean, best.low, best.high))
    found = f"{name} is at best {mean} [{low}, {high}] points above chance {where}"
    return Condition(text=f"{found} ({CLEAR:g} needed at the lower end)", met=best.low >= CLEAR)


def _name(arch: str, budget: float, fixed_delay: bool, stage: str) -> str:
    return f"{architecture(arch).label}, budget {budget:g}, {stage}{', fixed delay' if fixed_delay else ''}"
