"""RULER question answering over the context length, at and beyond the training context."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.selection import BASELINES, accuracy, distinct_examples, of_task, ratio_name
from mmv2.reporting.style import REFERENCE, Look, legend_beside, looks, new_axes

TASK = "ruler_qa"
SCORE = "score_official"
APART = 1.1
"""Runs are drawn this factor apart, so that bars at the same length do not hide each other."""
MARGIN = 2**0.5
"""The axis goes on by this factor beyond the first and last length."""
_DASHES = {"chance": (0, (1, 2)), "baseline_nearest_match": (0, (6, 2, 1, 2))}


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy on RULER question answering over the context length of the task.

    Points are means over examples, bars their 95 % intervals (runs at the same length are drawn slightly apart). The
    score is RULER's: an answer counts when it
    occurs anywhere in the generated text. A vertical line marks the training context; right of it models extrapolate.
    Grey lines need no model: chance is the most frequent answer to questions of that kind in the development file, and
    the other copies what follows the nearest earlier match of the prompt's last tokens.
    """
    measured = of_task(records, TASK)
    figure, axes = new_axes()
    found = looks(measured)
    for place, (run, look) in enumerate(found.items()):
        shift = APART ** (place - (len(found) - 1) / 2)
        _draw_run(axes, measured[measured["run"] == run], look, shift)
    for column, name in BASELINES.items():
        _draw_baseline(axes, distinct_examples(measured), column, name)
    contexts = sorted(measured["training_context"].unique())
    for context in contexts:
        label = "training context" if context == contexts[0] else None
        axes.axvline(context, color="0.3", linewidth=0.9, linestyle="--", zorder=1, label=label)
    _label(axes, measured, contexts)
    counts = measured.groupby(["run", "context_length"]).size()
    few, many = counts.min(), counts.max()
    legend_beside(axes, f"{few if few == many else f'{few} to {many}'} examples per point")
    return figure


def _draw_run(axes: Axes, records: pd.DataFrame, look: Look, shift: float) -> None:
    points = {int(str(length)): accuracy(group, SCORE) for length, group in records.groupby("context_length")}
    means = np.array([point.mean for point in points.values()])
    bars = [means - [point.low for point in points.values()], [point.high for point in points.values()] - means]
    axes.errorbar(
        np.array(list(points)) * shift,
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


def _draw_baseline(axes: Axes, examples: pd.DataFrame, column: str, name: str) -> None:
    means = 100 * examples.groupby("context_length")[column].mean()
    # Level beyond both ends, so that a single length shows as a line too.
    lengths = [means.index[0] / MARGIN, *means.index, means.index[-1] * MARGIN]
    axes.plot(lengths, np.pad(means, 1, mode="edge"), linestyle=_DASHES[column], label=name, **REFERENCE)


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
