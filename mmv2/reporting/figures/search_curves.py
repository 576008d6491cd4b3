"""Hyperparameter search: scores over the learning rate."""

from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import axis_in_percent
from mmv2.reporting.search import SearchTask, search_tasks, searched
from mmv2.reporting.style import colours, legend_below, new_panels


def draw(records: pd.DataFrame) -> Figure:
    """Scores of all searched runs over the peak learning rate.

    A panel for each task and split as recorded: a search is evaluated on development data alone. A point is one run,
    the mean of the task's main score over all its examples; a line joins the means of runs of one architecture and
    batch size (and training context, where these differ). Runs of one line and learning rate differ in warm-up or seed,
    which the table of the search lists. Points have no bars: they serve to choose a setting, and the best of many is
    too good.
    """
    runs = searched(records)
    tasks = search_tasks(records)
    columns = min(3, len(tasks))
    figure, grid = new_panels(-(-len(tasks) // columns), columns, width=3.2, height=2.3)
    panels = [axes for row in grid for axes in row]
    for task, axes in zip(tasks, panels, strict=False):
        _panel(axes, task, runs)
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    for row in grid:
        axis_in_percent(row[0], "score (%)")
    legend_below(figure, f"{len(runs)} runs")
    return figure


def _panel(axes: Axes, task: SearchTask, runs: pd.DataFrame) -> None:
    colour_of = colours(runs)
    markers = dict(zip(sorted(runs["setting_global_batch_size"].unique()), cycle("ov^sD*XP"), strict=False))
    lines = dict(zip(sorted(runs["training_context"].unique()), cycle(("-", "--", ":")), strict=False))
    searched_in = ["arch", "label", "training_context", "setting_global_batch_size"]
    for (arch, label, context, batch), these in runs.assign(value=runs["run"].map(task.scores)).groupby(searched_in):
        colour = colour_of[str(arch)]
        means = these.groupby("setting_learning_rate")["value"].mean()
        axes.plot(means.index, means, lines[context], color=colour, linewidth=1)
        told = f"{label}, batch {batch:g}" + (f", trained at {context}" if len(lines) > 1 else "")
        axes.plot(these["setting_learning_rate"], these["value"], markers[batch], color=colour, label=told)
    axes.set_title(task.name)
    axes.set_xscale("log")
    rates = sorted(runs["setting_learning_rate"].unique())
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
    axes.minorticks_off()
    axes.set_xlabel("peak learning rate")


FIGURE = FigureSpec(title="Hyperparameter search", draw=draw)
