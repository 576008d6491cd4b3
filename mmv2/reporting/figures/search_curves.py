"""Hyperparameter search: loss and scores over every setting that was tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from mmv2.reporting.accuracies import span
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import axis_in_percent
from mmv2.reporting.search import SearchTask, last_loss, name_of, papers_value, search_tasks, searched, varied
from mmv2.reporting.style import REFERENCE, colours, legend_below, new_panels, proxy

COLUMNS = 4
LEAST_SPAN = 0.05
"""Of an axis of losses, in nats per token."""
MOST_LETTERS = 22
"""Of the marks of an axis that stand beside each other."""
PAPER: dict[str, Any] = {"color": "0.3", "linewidth": 0.9, "linestyle": "--", "zorder": 1}
LINEAR = ("initial_theta_beta",)
"""Settings that are exponents themselves; all others are drawn over a logarithmic axis unless one is 0 or less."""


def shown(records: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """Every run that was searched."""
    return searched(records)


def draw(records: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Loss and scores of all searched runs over each setting in which they differ.

    Panels of one setting follow each other: first the mean training loss of the last tenth of the steps, in which every
    token is new, then every task: a search is evaluated on development data alone. A point is one run, for a task the
    mean of its main score over all its examples. A line joins the means of runs of one model that differ in this
    setting, and in seeds, alone: runs that differ in others stand in the panels of those. h is the short-term window,
    m the long-term delay at inference. Points have no bars: they serve to choose a setting, and the best of many is too
    good. Scales of the loss differ from panel to panel. The paper's h and m are in proportion to the training context;
    where none of its values is marked, it states none, or none that holds at other sizes.
    """
    runs, tasks = shown(records, metrics), search_tasks(records)
    losses = {run: last_loss(metrics, run) for run in runs["run"]}
    lines = _lines(runs)
    columns = min(COLUMNS, 1 + len(tasks))
    rows_each = -(-(1 + len(tasks)) // columns)
    figure, grid = new_panels(rows_each * len(lines), columns, width=2.8, height=2.2, sharey=False)
    for place, setting in enumerate(lines):
        first, *others = [axes for row in grid[place * rows_each : (place + 1) * rows_each] for axes in row]
        _panel(first, setting, "loss", lines[setting], losses)
        _axis_of_loss(first)
        for task, axes in zip(tasks, others, strict=False):
            _panel(axes, setting, task.name, lines[setting], task.scores)
            axes.axhline(task.chance, linestyle=":", **REFERENCE)
            axis_in_percent(axes, "score (%)")
        for axes in others[len(tasks) :]:
            axes.set_axis_off()
    extra = [proxy("Chance", linestyle=":", **REFERENCE)] if tasks else []
    if any(papers_value(setting, context) for setting in lines for context in runs["training_context"]):
        extra.append(proxy("The paper's value", **PAPER))
    legend_below(figure, _told_of_points(runs, tasks), extra)
    return figure


def _told_of_points(runs: pd.DataFrame, tasks: Sequence[SearchTask]) -> str:
    """How many runs there are, of which training seeds and lengths, and how many examples a score is the mean of."""
    seeds = sorted(runs["seed"].unique())
    told = [f"{len(runs)} runs, training seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"]
    fewest_and_most = sorted({runs["tokens_seen"].min(), runs["tokens_seen"].max()})
    told.append(f"{' to '.join(f'{tokens:,}' for tokens in fewest_and_most)} training tokens per run")
    if numbers := [value.num_examples for task in tasks for value in task.found.values()]:
        told.append(f"{span(pd.Series(numbers))} examples per score")
    return ", ".join(told)


@dataclass(frozen=True)
class _Line:
    """Runs of one model that differ in one setting, and in seeds, alone."""

    label: str
    colour: str
    marker: str
    runs: pd.DataFrame


def _lines(runs: pd.DataFrame) -> dict[str, list[_Line]]:
    """The lines over every setting in which runs differ; over the learning rate alone where they differ in none.

    A line is called by its model and by what other lines over its setting differ from it in; those told alike by the
    latter have one marker.
    """
    settings = varied(runs)
    found: dict[str, list[_Line]] = {}
    colour_of, marker_of, free = colours(runs), dict[str, str](), cycle("ov^sD*XP<>")
    for setting in settings or ["learning_rate"]:
        told = ["budget", "training_context", *(f"setting_{other}" for other in settings if other != setting)]
        with_it = runs[runs[f"setting_{setting}"].notna()]
        several = with_it.groupby(["arch", "label", *told], dropna=False)[f"setting_{setting}"].transform("nunique") > 1
        drawn = with_it[several] if settings else with_it
        found[setting] = []
        for (arch, label), of_model in drawn.groupby(["arch", "label"]):
            differing = [name for name in told if of_model[name].nunique(dropna=False) > 1]
            for _, these in of_model.groupby(told, dropna=False):
                ending = "".join(f", {_told(name, these[name].iloc[0])}" for name in differing)
                if ending not in marker_of:
                    marker_of[ending] = next(free)
                colour = colour_of[str(arch), str(label)]
                found[setting].append(_Line(f"{label}{ending}", colour, marker_of[ending], these))
    return found


def _told(column: str, value: float) -> str:
    """One setting of a line in a legend."""
    if column == "training_context":
        return f"trained at {value:g}"
    return f"{name_of(column.removeprefix('setting_')).partition(' (')[0]} {value:g}"


def _axis_of_loss(axes: Axes) -> None:
    """A vertical axis of losses, in which differences that mean little look little."""
    low, high = axes.get_ylim()
    margin = max(0.0, LEAST_SPAN - (high - low)) / 2
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel("loss (nats per token)")


def _panel(axes: Axes, setting: str, title: str, lines: Sequence[_Line], values: Mapping[str, float]) -> None:
    """Draw lines over a setting; ``values`` are those of runs."""
    over = f"setting_{setting}"
    for line in lines:
        points = line.runs.assign(value=line.runs["run"].map(values))
        means = points.groupby(over)["value"].mean()
        axes.plot(means.index, means, color=line.colour, linewidth=1)
        axes.plot(points[over], points["value"], line.marker, color=line.colour, label=line.label)
    runs = pd.concat([line.runs for line in lines])
    tried = sorted(runs[over].unique())
    if tried[0] > 0 and setting not in LINEAR:
        axes.set_xscale("log")
    marks = [EngFormatter(sep="")(value) if value >= 1000 else f"{value:g}" for value in tried]
    long = sum(map(len, marks)) > MOST_LETTERS
    axes.set_xticks(tried, marks, rotation=45 if long else 0)
    axes.minorticks_off()
    for context in sorted(runs["training_context"].unique()):
        if (value := papers_value(setting, context)) is not None:
            axes.axvline(value, **PAPER)
    axes.set_title(title)
    axes.set_xlabel(name_of(setting))


FIGURE = FigureSpec(title="Hyperparameter search", metrics=True, shown=shown, draw=draw)
