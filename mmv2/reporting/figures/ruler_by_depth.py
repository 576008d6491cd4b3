"""RULER accuracy by the depth at which the needed document or needle stands."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.errors import UserError
from mmv2.reporting.accuracies import accuracy, counts
from mmv2.reporting.fields import main_score
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import axis_in_percent, curve, offsets, points, reference_curves
from mmv2.reporting.selection import compared, last_stage, of_task
from mmv2.reporting.style import Look, legend_below, looks, new_panels

TASKS = ("ruler_qa", "ruler_niah")
BINS = 5


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """RULER tasks, those that there are, of fine-tuned runs, or where there are none of those trained from scratch."""
    of_runs = compared(last_stage(records))
    tasks = [task for task in TASKS if (of_runs["task"] == task).any()]
    if not tasks:
        raise UserError(
            f"records: none of task {' or '.join(TASKS)}, only of {', '.join(sorted(set(of_runs['task'])))}"
        )
    return pd.concat([of_task(of_runs, task) for task in tasks])


def draw(records: pd.DataFrame) -> Figure:
    """RULER accuracy by depth: where in the prompt the document with the answer, or the needle, stands.

    Depth 0 is the beginning of the prompt, 1 its end, in five bins of equal width, a point at the middle of each. A row
    is a subtask, a column a context length: of those that all tasks have, the shortest, the training context and the
    longest. Points are means over the examples of a bin, bars their 95 % intervals: bootstrap, or exact where all
    examples score the same; bins hold few examples, and differ in number. Runs have data budget 1, are fine-tuned ones
    where there are any. In RULER's own regimes all examples with the same number of documents have the same depths.
    Level lines: what needs no model, over all depths.
    """
    measured = shown(records)
    tasks = [task for task in TASKS if task in set(measured["task"])]
    measured = measured.assign(bin=(np.minimum(np.floor(measured["depth"] * BINS), BINS - 1) + 0.5) / BINS)
    found = looks(measured)
    rows = [(task, subtask) for task in tasks for subtask in sorted(set(measured["subtask"][measured["task"] == task]))]
    lengths = _lengths(measured)
    figure, grid = new_panels(len(rows), len(lengths), width=2.7, height=2.0)
    for (task, subtask), row in zip(rows, grid, strict=True):
        of_row = measured[(measured["task"] == task) & (measured["subtask"] == subtask)]
        for length, axes in zip(lengths, row, strict=True):
            _panel(axes, of_row[of_row["context_length"] == length], found)
            axes.set_title(f"{subtask}, {length:,} tokens")
        axis_in_percent(row[0], "accuracy (%)")
    for axes in grid[-1]:
        axes.set_xlabel("depth (0: beginning, 1: end)")
    drawn = measured[measured["context_length"].isin(lengths)]
    number = counts(drawn, ["run", "task", "subtask", "context_length", "bin"])
    legend_below(figure, f"{number} examples per point")
    return figure


def _lengths(measured: pd.DataFrame) -> list[int]:
    """Of the lengths that all tasks have."""
    asked = [set(of_task["context_length"]) for _, of_task in measured.groupby(["task", "subtask"])]
    lengths = set.intersection(*asked)
    if not lengths:
        raise UserError("ruler_by_depth: RULER tasks have no context length in common; give them one")
    return sorted({min(lengths), *(lengths & set(measured["training_context"])), max(lengths)})


def _panel(axes: Axes, records: pd.DataFrame, found: dict[str, Look]) -> None:
    axes.set_xlim(0, 1)
    axes.set_xticks(np.linspace(0, 1, BINS + 1))
    reference_curves(axes, records.assign(any_depth=0.5), "any_depth")  # they do not depend on it: level lines
    for run, offset in offsets(axes, list(found), BINS).items():
        of_run = records[records["run"] == run]
        if not of_run.empty:
            score = main_score(of_run)
            curve(axes, points(of_run, "bin", lambda group, score=score: accuracy(group, score)), found[run], offset)  # type: ignore[misc]


FIGURE = FigureSpec(title="RULER accuracy by depth", shown=shown, draw=draw)
