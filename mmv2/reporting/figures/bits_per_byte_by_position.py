"""Bits per byte of held-out text over the position in the document."""

import pandas as pd
from matplotlib.figure import Figure

from mmv2.reporting.accuracies import counts
from mmv2.reporting.bits import TASK, bits_per_byte, bounds
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import axis_in_powers, by_training, curve, offsets, panel_width, training_context
from mmv2.reporting.selection import of_task
from mmv2.reporting.style import legend_below, new_panels


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """The windows of the greatest length."""
    measured = of_task(records, TASK)
    return measured[measured["context_length"] == measured["context_length"].max()]


def draw(records: pd.DataFrame) -> Figure:
    """Bits per byte of held-out text over how much of it has been read; lower is better.

    A point is the sum of bits over the sum of bytes of all tokens in a bucket of positions, drawn at the bucket's last
    position; the bucket begins after the one to its left. All are on the same windows of text, the longest that were
    read. Bars are 95 % bootstrap intervals over windows; windows of one text are taken as independent. A vertical line
    marks the training context; right of it models extrapolate. Runs are drawn slightly apart.
    """
    measured = shown(records)
    buckets = bounds(measured)
    panels = by_training(measured)
    figure, (row,) = new_panels(1, len(panels), width=panel_width(len(panels)))
    for axes, panel in zip(row, panels, strict=True):
        axis_in_powers(axes, buckets, "position in the text (tokens, up to)")
        axes.set_title(panel.title)
        for run, offset in offsets(axes, panel.looks, len(buckets)).items():
            of_run = panel.records[panel.records["run"] == run]
            curve(axes, {bound: bits_per_byte(of_run, bound) for bound in buckets}, panel.looks[run], offset)
        training_context(axes, panel.context)
    row[0].set_ylabel("bits per byte")
    (length,) = measured["context_length"].unique()
    legend_below(figure, f"{counts(measured, ['run'])} windows of {length:,} tokens")
    return figure


FIGURE = FigureSpec(title="Bits per byte over position", shown=shown, draw=draw)
