"""How all figures look, so that a run looks the same in each: colour by architecture, marker and dashes by run.

Colours are those of Okabe and Ito, which people with any kind of colour vision tell apart; marker and dashes tell runs
of one architecture apart, and all of them in grey print.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

_COLOURS = {
    "mmv2": "#0072B2",
    "transformer": "#D55E00",
    "transformer_long_short": "#E69F00",
    "memory_mosaics_v1": "#56B4E9",
}
_OTHER_COLOURS = ("#009E73", "#CC79A7", "#000000")
_MARKERS, _LINES = "os^Dv", ("-", "--", "-.", ":")
_MOST_RUNS = len(_MARKERS) * len(_LINES)
"""Of one architecture; as the two numbers have no common divisor, all pairs of marker and line occur."""
REFERENCE: dict[str, Any] = {"color": "0.45", "linewidth": 1.2, "zorder": 1.5}
"""Lines that are no model: chance and the like."""
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


@contextmanager
def style() -> Iterator[None]:
    """The settings of all figures, whatever those of the user are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def looks(records: pd.DataFrame) -> dict[str, Look]:
    """How to draw each run: by architecture, then by name.

    Labels name the architecture; where any has several runs, also the run; where training contexts differ, also those.
    """
    runs = records.drop_duplicates("run").sort_values(["arch", "run"])
    several = runs["arch"].duplicated().any()
    contexts = runs["training_context"].nunique()
    others = cycle(_OTHER_COLOURS)
    found = {}
    for arch, of_arch in runs.groupby("arch", sort=False):
        colour = _COLOURS.get(str(arch)) or next(others)
        assert len(of_arch) <= _MOST_RUNS, f"more than {_MOST_RUNS} runs of {arch} cannot be told apart"
        for (_, run), marker, line in zip(of_arch.iterrows(), cycle(_MARKERS), cycle(_LINES), strict=False):
            label = f"{run['label']}: {run['run']}" if several else run["label"]
            label += f", trained at {run['training_context']}" if contexts > 1 else ""
            found[run["run"]] = Look(label, colour, marker, line)
    return found


def new_axes(width: float = 6.4, height: float = 3.4) -> tuple[Figure, Axes]:
    """Empty axes of about that size in inches. What lies outside, such as a legend, adds to the size of the figure."""
    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def legend_below(axes: Axes, title: str) -> None:
    """Put the legend under the data in two columns, where it hides nothing and takes no width; runs first."""
    entries = sorted(
        zip(*axes.get_legend_handles_labels(), strict=True), key=lambda entry: isinstance(entry[0], Line2D)
    )
    handles, labels = zip(*entries, strict=True)
    # Where two columns suffice it is as wide as the axes, and below their label.
    axes.legend(
        handles, labels, title=title, alignment="left", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16)
    )
