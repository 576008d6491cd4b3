"""Figure 12: accuracy over FLOPs per token and over parameters, of models of several sizes."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from mmv2.reporting.accuracies import counts
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._cost import Measured, by_label, chance, measured, tasks
from mmv2.reporting.figures._curves import axis_in_percent, curve
from mmv2.reporting.selection import compared
from mmv2.reporting.style import REFERENCE, REFERENCE_DASHES, Look, legend_below, looks, new_panels, proxy

COSTS = {"flops": "forward FLOPs per token", "parameters": "parameters"}
ROOM = 0.1
"""Inches above and below each row, so that titles stand by their own panels."""


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Fine-tuned runs of all sizes with data budget 1, and their answers to all tasks that are drawn."""
    return pd.concat(tasks(compared(records)).values())


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy over the forward FLOPs per token (left) and over the number of parameters (right).

    A point is one size of one architecture, a line joins the sizes of one. FLOPs are those of a token at the training
    context, counted as in Table 2: two for each parameter but the embedding's, and the reads of attention or memories.
    Benchmarks: mean over those of knowledge that persistent memory keeps, and over those whose answers need information
    in the prompt. Question answering: at the context of fine-tuning. In-context learning: mean over data sets and
    numbers of shots, in the prompt style that is best on the test queries of each, as the paper takes it. Runs are
    those fine-tuned on long contexts, with data budget 1. Bars are 95 % bootstrap intervals over examples. Dotted:
    chance. At equal cost, compare the height of lines at one place on the axis: Memory Mosaics v2 of the same width has
    more parameters and two reads in place of one. An architecture whose FLOPs cannot be counted is on the right alone.
    """
    of_tasks = tasks(compared(records))
    runs = pd.concat(of_tasks.values())
    found = _looks(runs)
    figure, grid = new_panels(len(of_tasks), len(COSTS), width=3.4, height=2.1)
    figure.set_layout_engine("constrained", h_pad=ROOM)
    uncounted: set[str] = set()
    for (title, these), row in zip(of_tasks.items(), grid, strict=True):
        models, level = by_label(measured(these)), chance(these)
        for axes, cost in zip(row, COSTS, strict=True):
            axes.axhline(level, label="Chance", linestyle=REFERENCE_DASHES["chance"], **REFERENCE)
            uncounted |= _panel(axes, models, cost, found)
            axes.set_title(title)
        axis_in_percent(row[0], "accuracy (%)")
    for axes, name in zip(grid[-1], COSTS.values(), strict=True):
        axes.set_xlabel(name)
    unknown = {label: found[label].colour for label in sorted(uncounted)}
    told = [proxy(f"{label}: FLOPs not known", color=colour, linestyle="none") for label, colour in unknown.items()]
    number = counts(runs, ["run", "task", "subtask", "context_length", "num_shots", "label_kind"])
    legend_below(figure, f"{number} examples per cell of a mean", told)
    return figure


def _looks(runs: pd.DataFrame) -> dict[str, Look]:
    """By label: the look of one run of each architecture."""
    firsts = runs.sort_values("run").drop_duplicates("label")
    drawn = looks(runs[runs["run"].isin(firsts["run"])], told=("training_context",))  # with all their seeds
    return {str(run["label"]): drawn[run["run"]] for _, run in firsts.iterrows()}


def _panel(axes: Axes, models: Mapping[str, Sequence[Measured]], cost: str, found: Mapping[str, Look]) -> set[str]:
    """Draw all models; returns the labels of those whose cost is not known."""
    axes.set_xscale("log", base=10)
    unknown = set()
    for label, sizes in models.items():
        places = {getattr(one, cost): one.accuracy for one in sizes if getattr(one, cost) is not None}
        if places:
            curve(axes, places, found[label])
        else:
            unknown.add(label)
    costs = [value for sizes in models.values() for one in sizes if (value := getattr(one, cost)) is not None]
    if costs:
        axes.set_xlim(min(costs) / 1.3, max(costs) * 1.3)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    return unknown


def _short(number: float) -> str:
    """Such as 200k."""
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:g}{letter}"
    return f"{number:g}"


FIGURE = FigureSpec(title="Accuracy over FLOPs and parameters (Figure 12)", shown=shown, draw=draw)
