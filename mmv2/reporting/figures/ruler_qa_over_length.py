"""RULER question answering over the context length, at and beyond the training context."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.reporting.accuracies import accuracy, counts
from mmv2.reporting.fields import ratio_name
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import (
    axis_in_percent,
    axis_in_powers,
    by_training,
    curve,
    offsets,
    panel_width,
    points,
    reference_curves,
    seed_means,
    training_context,
)
from mmv2.reporting.selection import more_data_and_delays, of_task
from mmv2.reporting.style import legend_below, new_panels

TASK = "ruler_qa"
SCORE = "score_official"


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """The paper's own models, whole, at their last step; ablations have figures of their own."""
    return of_task(more_data_and_delays(records), TASK)


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy on RULER question answering over the context length of the task.

    One panel for each training context: pre-trained runs (Tables 3 and 12 of the paper) and runs fine-tuned on long
    contexts (Tables 4 and 5). Points are means over examples, bars their 95 % intervals: bootstrap, or exact
    (Clopper-Pearson) where all examples score the same. Faint dots are the means of single training seeds, of runs that
    have several. Runs at the same length are drawn slightly apart. The score is RULER's: an answer counts when it
    occurs anywhere in the generated text. A vertical line marks the training context; right of it models extrapolate.
    Grey lines need no model: chance is a word of the right kind drawn from the documents, where word lists tell the
    kinds, and else the most frequent answer to questions with the same ending in the development file, with its own
    95 % interval as a band, as it is estimated from the same examples; the other copies what follows the nearest
    earlier match of the prompt's last tokens.
    """
    measured = shown(records)
    panels = by_training(measured)
    figure, (row,) = new_panels(1, len(panels), width=panel_width(len(panels)), height=2.8)
    places = {*measured["context_length"], *measured["training_context"]}
    for axes, panel in zip(row, panels, strict=True):
        axis_in_powers(axes, places, "context length (tokens)")
        for run, offset in offsets(axes, panel.looks, len(places)).items():
            of_run = panel.records[panel.records["run"] == run]
            found = points(of_run, "context_length", lambda group: accuracy(group, SCORE))
            curve(axes, found, panel.looks[run], offset)
            seed_means(axes, of_run, "context_length", SCORE, panel.looks[run], offset)
        reference_curves(axes, panel.records, "context_length")
        training_context(axes, panel.context)
        axes.set_title(panel.title)
        _ratios(axes, panel.context)
    axis_in_percent(row[0], "RULER QA accuracy (%)")
    legend_below(figure, f"{counts(measured, ['run', 'context_length'])} examples per point")
    return figure


def _ratios(axes: Axes, context: int) -> None:
    """Above the panel the same axis in units of the training context."""
    ratios = axes.secondary_xaxis("top")
    ratios.set_xscale("log", base=2)
    ratios.set_xticks(axes.get_xticks(), [ratio_name(length / context) for length in axes.get_xticks()])
    ratios.minorticks_off()
    ratios.set_xlabel("context length / training context")


FIGURE = FigureSpec(title="RULER question answering over context length", shown=shown, draw=draw)
