"""How all figures look, so that a run looks the same in each: colour by architecture, marker by data budget, dashes by
what else makes it special.

Colours are those of Okabe and Ito, which people with any kind of colour vision tell apart; in grey print Memory Mosaics
are told by filled markers. Marker and dashes tell runs of one architecture apart.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, product
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmv2.reporting.fields import field
from mmv2.reporting.selection import MAIN_BUDGET
from mmv2.reporting.variants import variant

_COLOURS = {
    "mmv2": "#0072B2",
    "transformer": "#D55E00",
    "transformer_parts": "#E69F00",
    "memory_mosaics_v1": "#56B4E9",
    "GPT-NeoX": "#009E73",
    "Mamba-2": "#CC79A7",
    "RWKV-4": "#000000",
}
"""By architecture, or of one with several kinds of models by the label of the kind."""
_FILLED = ("mmv2", "memory_mosaics_v1")
"""Architectures whose markers are filled, so that grey print tells Memory Mosaics from all others."""
_OTHER_COLOURS = ("#009E73", "#CC79A7", "#000000")
_MARKERS, _LINES = "ov^sD", ("-", "--", "-.", ":")
_FREE = "sDov^"
"""Markers of runs whose usual one is taken: first those that tell no data budget."""
_MOST_RUNS = len(_MARKERS) * len(_LINES)
"""Of one architecture in one figure."""
REFERENCE: dict[str, Any] = {"color": "0.45", "linewidth": 1.2, "zorder": 1.5}
"""Lines that are no model: chance and the like."""
REFERENCE_DASHES: dict[str, Any] = {
    "chance": (0, (1, 2)),
    "baseline_nearest_match": (0, (6, 2, 1, 2)),
    "baseline_constant_answer": (0, (4, 4)),
}
_APART = 0.1
"""Inches between the panels and the legend."""
BAND = "0.93"
"""Area of the interval around such a line."""

_SETTINGS: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "legend.handlelength": 3.4,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "pdf.fonttype": 42,
    "savefig.dpi": 200,
    "savefig.bbox": "tight",
}


@dataclass(frozen=True)
class Look:
    """How one run is drawn."""

    label: str
    colour: str
    marker: str
    line: str
    face: str
    """Colour of the inside of markers."""


@contextmanager
def style() -> Iterator[None]:
    """The settings of all figures, whatever those of the user are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def looks(records: pd.DataFrame, told: Sequence[str] = ()) -> dict[str, Look]:
    """How to draw each run, in the order of legends: by architecture, then by what tells its runs apart.

    Labels name the architecture, what is special about the run, and whichever of data budget, training context and
    seeds differ among the runs shown; where two are still alike, their fixed delay or number of parameters, and the
    run's own name only where these do not differ either.

    Args:
        records: of the runs that the figure shows.
        told: columns that the figure itself tells, as panels do: runs that differ in these alone look alike.
    """
    order = ["arch", "kind", "fixed", "budget", "training_context", "seed", "run"]
    seeds = {run: tuple(sorted(of_run.unique())) for run, of_run in records.groupby("run")["seed"]}
    runs = records.drop_duplicates("run").assign(fixed=lambda each: [bool(variant(run)) for _, run in each.iterrows()])
    runs = runs.assign(kind=runs["label"], seed=runs["run"].map(seeds)).sort_values(order)
    colour_of = colours(runs)
    runs["label"] = _labels(runs, told)
    for column, text in _MORE.items():
        runs["label"] = _told_apart(runs, told, field(runs, column), text)
    twice = runs.duplicated(["label", *told], keep=False)
    runs.loc[twice, "label"] += " (" + runs.loc[twice, "run"] + ")"
    runs["colour"] = [colour_of[run["arch"], run["kind"]] for _, run in runs.iterrows()]
    found: dict[str, Look] = {}
    for colour, of_colour in runs.groupby("colour", sort=False):
        lines = _lines(of_colour.drop_duplicates("label"))
        for _, run in of_colour.iterrows():
            face = run["colour"] if run["arch"] in _FILLED else "white"
            found[run["run"]] = Look(run["label"], str(colour), *lines[run["label"]], face)
    return found


def colours(records: pd.DataFrame) -> dict[tuple[str, str], str]:
    """The colour of each architecture and label; those without one of their own share what is left."""
    others = cycle(_OTHER_COLOURS)
    kinds = sorted(set(zip(records["arch"], records["label"], strict=True)))
    return {(arch, label): _COLOURS.get(arch) or _COLOURS.get(label) or next(others) for arch, label in kinds}


def _labels(runs: pd.DataFrame, told: Sequence[str]) -> list[str]:
    shown: dict[str, Callable[[Any], str]] = {
        "budget": "budget {:g}".format,
        "training_context": "trained at {}".format,
        "seed": lambda seeds: f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}",
    }
    differing = {name: text for name, text in shown.items() if name not in told and runs[name].nunique() > 1}
    return [
        ", ".join([run["label"], *variant(run), *(text(run[name]) for name, text in differing.items())])
        for _, run in runs.iterrows()
    ]


_MORE = {"setting_long_term_delay": "m = {:g}", "num_parameters": "{:,.0f} parameters"}
"""What tells apart runs that are alike in all else."""


def _told_apart(runs: pd.DataFrame, told: Sequence[str], values: pd.Series, text: str) -> list[str]:
    """Labels with the value, of those runs that are alike without it and differ in it."""
    alike = values.groupby([runs["label"], *(runs[name] for name in told)])
    differ = alike.transform("nunique") > 1
    return [
        f"{label}, {text.format(value)}" if differs else label
        for label, value, differs in zip(runs["label"], values, differ, strict=True)
    ]


def _lines(runs: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Marker and dashes by label, of runs of one colour: their usual ones, or else the first that are free.

    First those with another marker: where lines cover each other, nobody sees dashes.
    """
    assert len(runs) <= _MOST_RUNS, f"more than {_MOST_RUNS} runs of {runs['arch'].iloc[0]} cannot be told apart"
    found: dict[str, tuple[str, str]] = {}
    for _, run in runs.iterrows():
        marker = _MARKERS[0 if run["budget"] == MAIN_BUDGET else 1 if run["budget"] < MAIN_BUDGET else 2]
        lines = ("--", "-.", ":", "-") if run["fixed"] else _LINES
        free = [(one, line) for line, one in product(lines, marker + _FREE) if (one, line) not in found.values()]
        taken = {one for one, _ in found.values()}
        found[run["label"]] = min(free, key=lambda look: look[0] in taken)
    return found


def new_panels(
    rows: int, columns: int, width: float = 3.5, height: float = 2.5, sharey: bool = True
) -> tuple[Figure, list[list[Axes]]]:
    """Rows of empty panels of about that size in inches each, with one scale of values for all or each its own."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=sharey)
    return figure, [list(row) for row in panels]


def legend_below(figure: Figure, title: str, extra: Sequence[Artist] = ()) -> None:
    """Put one legend of all axes under the data, where it hides nothing and takes no width; runs first.

    The figure grows by the height of the legend, so that panels keep theirs however many runs there are.

    Args:
        figure: with its axes labelled; what several label alike stands once.
        title: says what a point is.
        extra: entries that no axes have, to stand last.
    """
    entries: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    entries = dict(sorted(entries.items(), key=lambda entry: not isinstance(entry[1], ErrorbarContainer)))
    entries |= {str(artist.get_label()): artist for artist in extra}
    how: dict[str, Any] = {"alignment": "left", "ncols": 2, "loc": "outside lower center"}
    legend = figure.legend(entries.values(), entries.keys(), title=title, **how)
    figure.set_figheight(figure.get_figheight() + legend.get_window_extent().height / figure.dpi + _APART)


def proxy(label: str, **how: Any) -> Line2D:
    """A legend entry for what has no colour of its own."""
    return Line2D([], [], label=label, **{"color": "0.2", **how})
