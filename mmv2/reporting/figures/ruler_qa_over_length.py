"""RULER question answering over the context length, at and beyond the training context."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.selection import BASELINES, accuracy, distinct_examples, of_task, ratio_name
from mmv2.reporting.style import BAND, REFERENCE, Look, legend_below, looks, new_axes

TASK = "ruler_qa"
SCORE = "score_official"
APART = 0.02
"""Runs are drawn this share of the axis apart: at the same length and value, markers and bars stand side by side."""
ROOM = 0.8
"""Runs of one length take at most this share of the way to the next."""
MARGIN = 2**0.5
"""The axis goes on by this factor beyond the first and last length."""
_DASHES = {"chance": (0, (1, 2)), "baseline_nearest_match": (0, (6, 2, 1, 2))}


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy on RULER question answering over the context length of the task.

    Points are means over examples, bars their 95 % intervals: bootstrap, or exact (Clopper-Pearson) where all examples
    score the same. Runs at the same length are drawn slightly apart. The score is RULER's: an answer counts when it
    occurs anywhere in the generated text. A vertical line marks the training context; right of it models extrapolate.
    Grey lines need no model: chance is the most frequent answer to questions of that kind in the development file, with
    its own 95 % interval as a band, as it is estimated from the same examples; the other copies what follows the
    nearest earlier match of the prompt's last tokens.
    """
    measured = of_task(records, TASK)
    figure, axes = new_axes()
    contexts = sorted(measured["training_context"].unique())
    _label(axes, measured, contexts)
    found = looks(measured)
    for (run, look), shift in zip(found.items(), _shifts(len(found), axes.get_xlim(), measured), strict=True):
        _draw_run(axes, measured[measured["run"] == run], look, shift)
    for column, name in BASELINES.items():
        _draw_baseline(axes, distinct_examples(measured), column, name)
    for context in contexts:
        label = "training context" if context == contexts[0] else None
        axes.axvline(context, color="0.3", linewidth=0.9, linestyle="--", zorder=1, label=label)
    counts = measured.groupby(["run", "context_length"]).size()
    few, many = counts.min(), counts.max()
    legend_below(axes, f"{few if few == many else f'{few} to {many}'} examples per point")
    return figure


def _shifts(number: int, limits: tuple[float, float], records: pd.DataFrame) -> np.ndarray:
    """By which factor the points of each run are moved along the axis."""
    octaves = np.log2(sorted(records["context_length"].unique()))
    apart = APART * np.log2(limits[1] / limits[0])
    if len(octaves) > 1:
        apart = min(apart, ROOM * np.diff(octaves).min() / number)
    return np.exp2(apart * (np.arange(number) - (number - 1) / 2))


def _draw_run(axes: Axes, records: pd.DataFrame, look: Look, shift: float) -> None:
    points = {int(str(length)): accuracy(group, SCORE) for length, group in records.groupby("context_length")}
    means = np.array([point.mean for point in points.values()])
    bars = [means - [point.low for point in points.values()], [point.high for point in points.values()] - means]
    places = np.array(list(points)) * shift
    axes.errorbar(
        places,
        means,
        yerr=np.maximum(bars, 0),
        label=look.label,
        color=look.colour,
        marker=look.marker,
        linestyle=look.line,
        capsize=2.5,
        elinewidth=1,
        zorder=3,
    )
    # Once more, above the lines of all runs: at the same value these pass through every marker.
    axes.plot(places, means, color=look.colour, marker=look.marker, linestyle="none", zorder=4)


def _draw_baseline(axes: Axes, examples: pd.DataFrame, column: str, name: str) -> None:
    points = {int(str(length)): accuracy(group, column) for length, group in examples.groupby("context_length")}
    # Level beyond both ends, so that a single length shows as a line too.
    left, right = axes.get_xlim()
    lengths = [left, *points, right]
    means, lows, highs = (
        np.pad([getattr(point, part) for point in points.values()], 1, mode="edge") for part in ("mean", "low", "high")
    )
    axes.plot(lengths, means, linestyle=_DASHES[column], label=name, **REFERENCE)
    if column == "chance":
        axes.fill_between(lengths, lows, highs, color=BAND, zorder=0.4, linewidth=0)


def _label(axes: Axes, measured: pd.DataFrame, contexts: list[int]) -> None:
    lengths = sorted({*measured["context_length"], *contexts})
    axes.set_xscale("log", base=2)
    axes.set_xlim(lengths[0] / MARGIN, lengths[-1] * MARGIN)
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.minorticks_off()
    axes.set_xlabel("context length (tokens)")
    axes.set_ylim(-4, 104)
    axes.set_ylabel("RULER QA accuracy (%)")
    if len(contexts) == 1:
        ratios = axes.secondary_xaxis("top")
        ratios.set_xscale("log", base=2)
        ratios.set_xticks(lengths, [ratio_name(length / contexts[0]) for length in lengths])
        ratios.minorticks_off()
        ratios.set_xlabel("context length / training context")


FIGURE = FigureSpec(title="RULER question answering over context length", draw=draw)
