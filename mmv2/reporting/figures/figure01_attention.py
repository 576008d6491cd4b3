"""Figure 1: where the last token looks, over all earlier positions."""

import re
from dataclasses import replace
from math import sqrt

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.evaluation.statistics import Interval
from mmv2.reporting.accuracies import counts
from mmv2.reporting.attention import AttentionMap, check_of_reach, lacking, looked_at, maps, mean
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import by_training, curve, panel_width
from mmv2.reporting.style import REFERENCE, REFERENCE_DASHES, legend_below, new_panels

ITSELF = 0.5
"""Place of age 0 on the logarithmic axis."""
CHANCE = "Flat attention to all that a map holds (chance)"
_GROUP = re.compile(r"detail_positions\.age_(\d+)")


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Windows of text, or else needle prompts; of each run those of its training context or the next shorter ones."""
    measured = looked_at(records)
    subtask = "text" if (measured["subtask"] == "text").any() else measured["subtask"].iloc[0]
    measured = measured[measured["subtask"] == subtask]
    return pd.concat([of_run[of_run["context_length"] == _length(of_run)] for _, of_run in measured.groupby("run")])


def _length(of_run: pd.DataFrame) -> int:
    lengths = sorted(of_run["context_length"].unique())
    return int(max([length for length in lengths if length <= of_run["training_context"].iloc[0]], default=lengths[0]))


def draw(records: pd.DataFrame) -> Figure:
    """Average attention of the last token to earlier positions: of the transformer, of short- and long-term memory.

    Attention per token over its distance from the last one, mean over heads, layers and prompts; each map's attention
    adds up to 1 over all positions. Both axes are logarithmic. Positions are grouped between powers of two, a point at
    the middle of each; apart from them stand the last token itself, which memories never hold, and the first one, on
    which attention may rest when it looks for nothing. Groups that a map holds nothing of are left out. Prompts are as
    long as the training context, or the next shorter that was measured. Bars are 95 % bootstrap intervals over prompts.
    Dotted lines: chance, as if all that a map holds got the same. Where prompts are those of needles, peaks may be the
    needle's, which stand at a few depths. Runs have data budget 1. In the paper's Figure 1 near attention of memory
    mosaics depends on the position and far attention is flat.
    """
    measured = shown(records)
    panels = by_training(measured)
    figure, (row,) = new_panels(1, len(panels), width=panel_width(len(panels)), height=3.0)
    none = []
    for axes, panel in zip(row, panels, strict=True):
        length = int(panel.records["context_length"].iloc[0])
        _axis(axes, length)
        axes.set_title(f"{panel.title}, prompts of {length:,} tokens")
        drawn = list(maps(panel.records, panel.looks))
        for of_map in drawn:
            _draw_map(axes, of_map, length)
        none += lacking(drawn, panel.looks, "attention maps")
    row[0].set_ylabel("attention per token")
    subtask = measured["subtask"].iloc[0]
    prompts = {"text": "windows of text"}.get(subtask, f"{subtask} prompts")
    legend_below(figure, f"{counts(measured, ['run'])} {prompts} per run", none)
    return figure


def _axis(axes: Axes, length: int) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    powers = [2**power for power in range(length.bit_length()) if 2**power < length]
    step = -(-len(powers) // 8)
    ticks = {ITSELF: "itself", **{power: f"{power:,}" for power in powers[::step]}, _first(length): "first\ntoken"}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.set_xlim(ITSELF / 1.5, 1.5 * _first(length))
    axes.set_xlabel("distance from the last token (tokens)")


def _first(length: int) -> float:
    """Place of the first token, apart from the others."""
    return 2.0 * length


def _draw_map(axes: Axes, of_map: AttentionMap, length: int) -> None:
    found = _points(of_map, length)
    in_line = {place: point for place, point in found.items() if ITSELF < place < _first(length)}
    apart = {place: point for place, (point, _) in found.items() if place not in in_line}
    curve(axes, {place: point for place, (point, _) in in_line.items()}, of_map.look)
    if apart:
        curve(axes, apart, replace(of_map.look, line="none"))
    flat = [chance for _, chance in in_line.values()]
    axes.plot(list(in_line), flat, linestyle=REFERENCE_DASHES["chance"], label=CHANCE, **REFERENCE)


def _points(of_map: AttentionMap, length: int) -> dict[float, tuple[Interval, float]]:
    """Place on the axis -> attention per token, and that of chance, for all groups that the map holds anything of."""
    found = {}
    for mark, place in _groups(of_map.records, length).items():
        tokens, flat = of_map.records[f"detail_positions.{mark}"], of_map.flat(mark)
        if flat.any():
            found[place] = mean(of_map.records, of_map.attention(mark), tokens), float(flat.sum() / tokens.sum())
    return found


def _groups(records: pd.DataFrame, length: int) -> dict[str, float]:
    """Mark -> place on the axis: the geometric mean of the least and the greatest age."""
    there = records.dropna(axis="columns", how="all")
    ages = sorted(int(match[1]) for name in there if (match := _GROUP.fullmatch(str(name))))
    tokens = {age: float(records[f"detail_positions.age_{age}"].mean()) for age in ages}
    places = {f"age_{age}": sqrt(age * (age + tokens[age] - 1)) if age else ITSELF for age in ages}
    return {**places, "first": _first(length)}


FIGURE = FigureSpec(title="Attention of the last token (Figure 1)", shown=shown, draw=draw, remark=check_of_reach)
