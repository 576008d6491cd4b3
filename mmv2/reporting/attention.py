"""Where models look, from what the task ``attention`` records; see ``mmv2.evaluation.attention`` for the keys.

Means are over a checkpoint's layers and prompts, of what the records hold as means over heads. Intervals are bootstrap
ones over prompts.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from mmv2.evaluation.statistics import Interval, ratio_interval
from mmv2.reporting.accuracies import SEED
from mmv2.reporting.fields import field
from mmv2.reporting.seeds import by_seed
from mmv2.reporting.selection import compared, of_task
from mmv2.reporting.style import Look, proxy

TASK = "attention"
_MARKERS, _LINES = "osv^D", ("-", "--", ":", "-.")


@dataclass(frozen=True)
class AttentionMap:
    """One attention map of one run."""

    name: str
    records: pd.DataFrame
    """All of the run that are shown."""
    look: Look

    def layers(self) -> list[int]:
        """Numbers of the layers."""
        there = self.records.dropna(axis="columns", how="all")
        matches = (re.fullmatch(rf"detail_most\.{self.name}\.(\d+)", str(name)) for name in there)
        return sorted(int(match[1]) for match in matches if match)

    def attention(self, mark: str) -> pd.Series:
        """Of each prompt, to one mark."""
        return self.records[[f"detail_attention.{self.name}.{layer}.{mark}" for layer in self.layers()]].mean(axis=1)

    def most(self) -> pd.Series:
        """Of each prompt, the attention of the head that looks most at the marked stretch, of all layers."""
        return self.records[[f"detail_most.{self.name}.{layer}" for layer in self.layers()]].max(axis=1)

    def flat(self, mark: str) -> pd.Series:
        """The same as ``attention``, if all that the map holds got equally much."""
        return self.records[f"detail_flat.{self.name}.{mark}"]

    def numbers(self) -> list[str]:
        """Names of the learned numbers that shape it."""
        there = self.records.dropna(axis="columns", how="all")
        matches = (re.fullmatch(rf"detail_learnt\.{self.name}\.0\.(\w+)\.mean", str(name)) for name in there)
        return [match[1] for match in matches if match]

    def learnt(self, number: str, statistic: str) -> list[float]:
        """A learned number by layer: mean, least or most of a layer's heads and of all training seeds, or initial."""
        seeds = self.records.drop_duplicates("seed")
        over = {"least": "min", "most": "max"}.get(statistic, "mean")
        names = [f"detail_learnt.{self.name}.{layer}.{number}.{statistic}" for layer in self.layers()]
        return [float(seeds[name].agg(over)) for name in names]


def looked_at(records: pd.DataFrame) -> pd.DataFrame:
    """The task's records of runs as in the paper's main comparison, whether they have attention maps or not."""
    return compared(of_task(records, TASK))


def check_of_reach(records: pd.DataFrame) -> str:
    """The result of the check of reach (docs/attention.md) on all prompts of these runs, drawn or not, in words."""
    measured = looked_at(records)
    reach = field(measured, "score_in_reach").dropna()
    if reach.empty:
        return "check of reach: no model has attention maps"
    lowest = reach.groupby([measured["run"], measured["context_length"]]).min().reset_index()
    failed = [
        f"{one['run']}, {one['context_length']:,} tokens, lowest in_reach {one['score_in_reach']:.3f}"
        for _, one in lowest[lowest["score_in_reach"] < 1].iterrows()
    ]
    return f"check of reach: failed ({'; '.join(failed)})" if failed else "check of reach: passed"


def maps(records: pd.DataFrame, found: Mapping[str, Look]) -> Iterator[AttentionMap]:
    """All attention maps of all runs. Maps of a run differ in marker and dashes and share its colour."""
    for run, look in found.items():
        of_run = records[records["run"] == run]
        if of_run.empty:
            continue
        for number, name in enumerate(_names(of_run)):
            marker = _MARKERS[(_MARKERS.index(look.marker) + number) % len(_MARKERS)]
            line = _LINES[(_LINES.index(look.line) + number) % len(_LINES)]
            label = f"{look.label}: {name.replace('_term', '-term memory')}"
            yield AttentionMap(name, of_run, replace(look, label=label, marker=marker, line=line))


def lacking(having: Iterable[AttentionMap], found: Mapping[str, Look], what: str) -> list[Line2D]:
    """Legend entries that say so, of the runs that have none of these maps."""
    have = {of_map.records["run"].iloc[0] for of_map in having}
    looks = [look for run, look in found.items() if run not in have]
    return [proxy(f"{look.label}: has no {what}", color=look.colour, linestyle="none") for look in looks]


def _names(records: pd.DataFrame) -> list[str]:
    (told,) = records["detail_maps"].unique()
    return [name for name in str(told).split(",") if name]


def mean(records: pd.DataFrame, values: pd.Series, tokens: pd.Series | None = None) -> Interval:
    """Mean over a run's prompts and seeds with its interval; with the tokens that bear the mark: attention per token.

    Args:
        records: of one run, one per training seed and prompt.
        values, tokens: one per record.
    """
    found = by_seed(records, values)
    return ratio_interval(found, np.ones(found.shape) if tokens is None else by_seed(records, tokens), SEED)
