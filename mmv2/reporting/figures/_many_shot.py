"""In-context learning over shots: what Figures 3 to 7, 13 and 14 of the paper have in common."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.evaluation.statistics import Interval
from mmv2.reporting.accuracies import accuracy, counts, with_constant_answer
from mmv2.reporting.fields import main_score
from mmv2.reporting.figures._curves import (
    axis_in_percent,
    axis_in_powers,
    curve,
    moved,
    offsets,
    points,
    reference_curves,
    seed_means,
)
from mmv2.reporting.prompt_styles import Way, best_style
from mmv2.reporting.selection import fine_tuned, of_task, where
from mmv2.reporting.style import Look, legend_below, looks, new_panels, proxy

TASK = "many_shot"
_HOW: dict[Way, dict[str, Any]] = {
    "mean": {"linewidth": 0.8, "zorder": 2},
    "best on dev": {"marker": "_", "linestyle": "none", "markersize": 14, "markeredgewidth": 1.6, "zorder": 2.5},
}
"""How the two other ways to take one number of four are drawn."""
BEST = (
    "Lines with markers are taken as the paper takes its numbers: for every number of shots the best of four prompt "
    "styles on the test queries themselves, which is on average too high; thin lines are the mean of the four"
)
READ = (
    "Bars are 95 % intervals over queries, bootstrap or exact where all score the same, for the style shown; that it "
    "was chosen among four they leave out. Faint dots are the means of single training seeds, of runs that have "
    "several. An answer counts when the first generated line is the label. Grey lines need no model: chance is one "
    "over the number of labels; nearest match gives the label of the demonstration that shares most with the query; "
    "the best constant answer is the label that most of these queries have, left out of panels in which it is chance."
)
CAPTION = f"{BEST}. {READ}"
CAPTION_WITH_DEV = f"{BEST}, dashes the style that was best on development queries. {READ}"
NAMES = {"semantic": "semantic labels", "anonymous": "anonymous labels", "novel": "labels of an unseen form"}


def asked(records: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """Answers of fine-tuned runs to test queries with these kinds of labels.

    Raises:
        UserError: no fine-tuned run, or no record of the first kind; a further one need not be there.
    """
    test = of_task(fine_tuned(records), TASK)
    where(test, label_kind=kinds[0])
    return test[test["label_kind"].isin(kinds)]


def draw_many_shot(records: pd.DataFrame, kinds: Sequence[str], dev: bool) -> Figure:
    """A row of panels for each kind of labels, a column for each data set.

    Args:
        records: of the runs to show.
        kinds: of labels; the first must be there, a further one is drawn where it is.
        dev: whether to mark the prompt style chosen on development examples.

    Raises:
        UserError: see ``asked``; or no development records where they are needed.
    """
    test = asked(records, kinds)
    rows = [kind for kind in kinds if kind in set(test["label_kind"])]
    ways: dict[Way, pd.DataFrame] = {way: best_style(test, way) for way in ("best on test", "mean")}
    if dev:
        judged = pd.concat([test, of_task(fine_tuned(records), TASK, split="dev")])
        ways["best on dev"] = best_style(judged[judged["label_kind"].isin(rows)], "best on dev")
    found = looks(test)
    data_sets = sorted(test["subtask"].unique())
    figure, grid = new_panels(len(rows), len(data_sets), width=3.6, height=2.6)
    for kind, row in zip(rows, grid, strict=True):
        there = set(test["subtask"][test["label_kind"] == kind])
        for data_set, axes in zip(data_sets, row, strict=True):
            if data_set in there:
                _panel(axes, ways, found, kind, data_set)
            else:
                axes.set_axis_off()
        axis_in_percent(row[0], "accuracy (%)")
    number = counts(ways["mean"], ["run", "subtask", "label_kind", "num_shots"])
    legend_below(figure, f"{number} queries per point", _entries(dev))
    return figure


def _panel(axes: Axes, ways: dict[Way, pd.DataFrame], found: dict[str, Look], kind: str, data_set: str) -> None:
    these = {
        how: records[(records["label_kind"] == kind) & (records["subtask"] == data_set)]
        for how, records in ways.items()
    }
    shots = sorted(these["mean"]["num_shots"].unique())
    axis_in_powers(axes, shots, "shots (examples per class)")
    axes.set_title(f"{data_set}, {NAMES.get(kind, kind)}")
    for run, offset in offsets(axes, list(found), len(shots)).items():
        look, answers = found[run], {how: records[records["run"] == run] for how, records in these.items()}
        of_run = {how: _points(records) for how, records in answers.items()}
        curve(axes, of_run["best on test"], look, offset)
        best = answers["best on test"]
        seed_means(axes, best, "num_shots", main_score(best), look, offset)
        for how, drawn in _HOW.items():
            if how in of_run:
                means = [point.mean for point in of_run[how].values()]
                axes.plot(list(of_run[how]), means, color=look.colour, transform=moved(axes, offset), **drawn)
    reference_curves(axes, with_constant_answer(these["mean"], ["num_shots"]), "num_shots")


def _points(records: pd.DataFrame) -> dict[float, Interval]:
    score = main_score(records)
    return points(records, "num_shots", lambda group: accuracy(group, score))


def _entries(dev: bool) -> list[Artist]:
    """What lines mean, whatever their colour."""
    found: list[Artist] = [
        proxy("best of 4 prompt styles on the test queries (the paper's)", marker="o"),
        proxy("mean of the 4 prompt styles", **_HOW["mean"]),
    ]
    if dev:
        found.append(proxy("prompt style chosen on development queries", **_HOW["best on dev"]))
    return found
