"""Hyperparameter search: loss and scores over the learning rate."""

from collections.abc import Mapping
from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import axis_in_percent
from mmv2.reporting.search import last_loss, search_tasks, searched
from mmv2.reporting.style import REFERENCE, colours, legend_below, new_panels


def shown(records: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """Every run that was searched."""
    return searched(records)


def draw(records: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Loss and scores of all searched runs over the peak learning rate.

    First the mean training loss of the last tenth of the steps, in which every token is new; then a panel for each
    task: a search is evaluated on development data alone. A point is one run, for a task the mean of its main score
    over all its examples; a line joins the means of runs of one architecture and batch size (and training context,
    where these differ). Runs of one line and learning rate differ in warm-up or seed, which the table of the search
    lists. Points have no bars: they serve to choose a setting, and the best of many is too good. Dotted: chance.
    """
    runs = shown(records, metrics)
    tasks = search_tasks(records)
    columns = min(4, 1 + len(tasks))
    figure, grid = new_panels(-(-(1 + len(tasks)) // columns), columns, width=2.8, height=2.3, sharey=False)
    first, *others = [axes for row in grid for axes in row]
    _panel(first, "loss", {run: last_loss(metrics, run) for run in runs["run"]}, runs)
    first.set_ylabel("loss (nats per token)")
    for task, axes in zip(tasks, others, strict=False):
        _panel(axes, task.name, task.scores, runs)
        axes.axhline(task.chance, linestyle=":", **REFERENCE, label="Chance" if task is tasks[0] else None)
        axis_in_percent(axes, "score (%)")
    for axes in others[len(tasks) :]:
        axes.set_axis_off()
    legend_below(figure, f"{len(runs)} runs")
    return figure


def _panel(axes: Axes, title: str, values: Mapping[str, float], runs: pd.DataFrame) -> None:
    colour_of = colours(runs)
    markers = dict(zip(sorted(runs["setting_global_batch_size"].unique()), cycle("ov^sD*XP"), strict=False))
    lines = dict(zip(sorted(runs["training_context"].unique()), cycle(("-", "--", ":")), strict=False))
    searched_in = ["arch", "label", "training_context", "setting_global_batch_size"]
    for (arch, label, context, batch), these in runs.assign(value=runs["run"].map(values)).groupby(searched_in):
        colour = colour_of[str(arch), str(label)]
        means = these.groupby("setting_learning_rate")["value"].mean()
        axes.plot(means.index, means, lines[context], color=colour, linewidth=1)
        told = f"{label}, batch {batch:g}" + (f", trained at {context}" if len(lines) > 1 else "")
        axes.plot(these["setting_learning_rate"], these["value"], markers[batch], color=colour, label=told)
    axes.set_title(title)
    axes.set_xscale("log")
    rates = sorted(runs["setting_learning_rate"].unique())
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
    axes.minorticks_off()
    axes.set_xlabel("peak learning rate")


FIGURE = FigureSpec(title="Hyperparameter search", metrics=True, shown=shown, draw=draw)
