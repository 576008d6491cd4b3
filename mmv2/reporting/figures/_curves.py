"""Curves with intervals, for figures of accuracy over something: every figure draws a point in the same way."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation, Transform

from mmv2.evaluation.statistics import Interval
from mmv2.reporting.accuracies import CONSTANT, reference, references
from mmv2.reporting.seeds import num_seeds
from mmv2.reporting.style import BAND, REFERENCE, REFERENCE_DASHES, Look, looks

Points = Mapping[float, Interval]
"""Place on the axis -> mean and interval."""
APART = 6.5
"""Runs are drawn this many points apart: at the same place and value, markers and bars stand side by side."""
ROOM = 0.6
"""Runs of one place take at most this share of the way to the next."""
MARGIN = 2**0.5
"""An axis in powers of two goes on by this factor beyond the first and last place."""


@dataclass(frozen=True)
class Panel:
    """The runs of one stage and training context."""

    title: str
    context: int
    records: pd.DataFrame
    looks: Mapping[str, Look]


def by_training(records: pd.DataFrame) -> list[Panel]:
    """A panel for each training context of pre-trained runs, then of fine-tuned ones; a run looks alike in all."""
    staged = records.assign(fine_tuned=records["init_from"].notna())
    found = looks(staged, told=("fine_tuned", "training_context"))
    panels = []
    for (tuned, context), these in staged.groupby(["fine_tuned", "training_context"]):
        own = {run: look for run, look in found.items() if run in set(these["run"])}
        title = f"{'fine-tuned' if tuned else 'pre-trained'} at context {context}"
        panels.append(Panel(title, int(str(context)), these, own))
    return panels


def panel_width(number: int) -> float:
    """Width in inches of each of so many panels in a row."""
    return 6.4 if number == 1 else 4.2


def points(records: pd.DataFrame, column: str, value: Callable[[pd.DataFrame], Interval]) -> dict[float, Interval]:
    """The value of the records at each place on the axis, which a column names."""
    return {float(str(place)): value(group) for place, group in records.groupby(column)}


def offsets(axes: Axes, runs: Collection[str], num_places: int) -> dict[str, float]:
    """By how many points the curve of each run is moved along the axis."""
    width = 72 * axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    apart = min(APART, ROOM * width / max(1, num_places) / max(1, len(runs)))
    return {run: apart * (number - (len(runs) - 1) / 2) for number, run in enumerate(runs)}


def moved(axes: Axes, offset: float) -> Transform:
    """Data coordinates, moved by so many points along the axis."""
    return axes.transData + ScaledTranslation(offset / 72, 0, axes.figure.dpi_scale_trans)


def curve(axes: Axes, found: Points, look: Look, offset: float = 0.0, **how: Any) -> None:
    """Draw one run: means joined by a line, intervals as bars, and the markers above the lines of all runs."""
    places, means = list(found), np.array([point.mean for point in found.values()])
    bars = [means - [point.low for point in found.values()], [point.high for point in found.values()] - means]
    transform = moved(axes, offset)
    axes.errorbar(
        places,
        means,
        yerr=np.maximum(bars, 0),
        label=look.label,
        color=look.colour,
        marker=look.marker,
        linestyle=look.line,
        transform=transform,
        markerfacecolor=look.face,
        **{"capsize": 2.5, "elinewidth": 1, "zorder": 3, **how},
    )
    # What is moved does not count for the limits of an axis.
    axes.update_datalim([(place, end) for place, point in found.items() for end in (point.low, point.high)])
    axes.autoscale_view(scalex=False)
    # Once more: at the same value the lines of other runs pass through every marker.
    above: dict[str, Any] = {"marker": look.marker, "markerfacecolor": look.face, "linestyle": "none", "zorder": 4}
    axes.plot(places, means, color=look.colour, transform=transform, **above)


def seed_means(axes: Axes, records: pd.DataFrame, column: str, score: str, look: Look, offset: float = 0.0) -> None:
    """Draw the mean of each training seed of one run as a faint dot, where there are several.

    Of three seeds at 97, 77 and 20 the mean and its interval tell neither that two are good nor that one is not.
    """
    if num_seeds(records) > 1:
        means = 100 * records.groupby(["seed", column])[score].mean()
        faint: dict[str, Any] = {"s": 18, "alpha": 0.5, "linewidth": 0, "zorder": 3.5}
        places = means.index.get_level_values(column)
        axes.scatter(places, means, color=look.colour, transform=moved(axes, offset), **faint)


def reference_curves(axes: Axes, records: pd.DataFrame, column: str) -> None:
    """Draw what needs no model over the places that ``column`` names, and chance with its interval.

    Lines end where nothing was measured further; level ones cross the axis, whose limits must be set before: so they
    show at its ends where a run stands over them. The best constant answer is left out where it is chance everywhere:
    two lines over each other look like a third.
    """
    names = references(records)
    drawn = {name: points(records, column, lambda group, name=name: reference(group, name)) for name in names}  # type: ignore[misc]
    if CONSTANT in drawn and all(
        np.isclose(drawn[CONSTANT][place].mean, chance.mean) for place, chance in drawn["chance"].items()
    ):
        del drawn[CONSTANT]
    for name, found in drawn.items():
        places = list(found)
        parts = np.array([(level.mean, level.low, level.high) for level in found.values()])
        if np.allclose(parts, parts[0]):
            places, parts = list(axes.get_xlim()), parts[[0, 0]]
        means, lows, highs = parts.T
        axes.plot(places, means, linestyle=REFERENCE_DASHES[name], label=names[name], **REFERENCE)
        if name == "chance":
            axes.fill_between(places, lows, highs, color=BAND, zorder=0.4, linewidth=0)


def training_context(axes: Axes, context: int) -> None:
    """Mark the training context on an axis of tokens."""
    axes.axvline(context, color="0.3", linewidth=0.9, linestyle="--", zorder=1, label="training context")


def axis_in_powers(axes: Axes, places: Iterable[float], label: str) -> None:
    """A horizontal axis in powers of two with a mark at each place."""
    marks = sorted(set(places))
    axes.set_xscale("log", base=2)
    axes.set_xlim(marks[0] / MARGIN, marks[-1] * MARGIN)
    axes.set_xticks(marks, [f"{mark:g}" if mark < 1e5 else f"{mark:.3g}" for mark in marks])
    axes.minorticks_off()
    axes.set_xlabel(label)


def axis_in_percent(axes: Axes, label: str) -> None:
    """A vertical axis of accuracies."""
    axes.set_ylim(-4, 104)
    axes.set_ylabel(label)
