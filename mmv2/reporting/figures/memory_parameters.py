"""The learned bandwidth of every memory, by layer."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.reporting.attention import AttentionMap, lacking, looked_at, maps
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import by_training, curve, offsets
from mmv2.reporting.style import REFERENCE, legend_below, new_panels

WIDE = 20
"""Beyond this ratio of the greatest to the least head an axis is logarithmic."""


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """A record of each run and training seed: all of one tell the same numbers."""
    return looked_at(records).drop_duplicates(["run", "seed"])


def draw(records: pd.DataFrame) -> Figure:
    """Learned numbers of short-term and long-term memories by layer: beta = beta_1 n^alpha + beta_0 (Eq. 6).

    n is the number of pairs that a memory holds. Points are means over the heads of a layer; bars are no intervals, but
    reach from the least to the greatest head, of all training seeds. Dashed grey: the value before training (Table 6).
    The axis of a beta is logarithmic where heads differ by more than a factor of 20. A row for each training stage.
    Runs have data budget 1 and are drawn slightly apart; layers count from 0.
    """
    panels = by_training(shown(records))
    drawn = [list(maps(panel.records, panel.looks)) for panel in panels]
    numbers = list(dict.fromkeys(number for of_panel in drawn for of_map in of_panel for number in of_map.numbers()))
    if not numbers:
        raise UserError(
            "records: no model's attention has learned numbers; evaluate one with memories, or leave this out"
        )
    figure, grid = new_panels(len(panels), len(numbers), width=2.9, height=2.2, sharey=False)
    none = []
    for panel, of_panel, row in zip(panels, drawn, grid, strict=True):
        having = [of_map for of_map in of_panel if of_map.numbers()]
        for number, axes in zip(numbers, row, strict=True):
            axes.set_title(f"{number}, {panel.title}")
            of_number = [of_map for of_map in having if number in of_map.numbers()]
            if of_number:
                _panel(axes, of_number, number)
        none += lacking(having, panel.looks, "memories")
        row[0].set_ylabel("learned value")
    legend_below(figure, "Mean of a layer's heads; bars: from the least to the greatest", none)
    return figure


def _panel(axes: Axes, of_maps: Sequence[AttentionMap], number: str) -> None:
    layers = sorted({layer for of_map in of_maps for layer in of_map.layers()})
    axes.set_xlim(layers[0] - 0.5, layers[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("layer")
    if _spans_decades(of_maps, number):
        axes.set_yscale("log")
    moves = offsets(axes, [of_map.look.label for of_map in of_maps], len(layers))
    for of_map in of_maps:
        told = (of_map.learnt(number, statistic) for statistic in ("mean", "least", "most"))
        of_layers = zip(of_map.layers(), *told, strict=True)
        heads = {layer: Interval(mean, least, most, 1) for layer, mean, least, most in of_layers}
        curve(axes, heads, of_map.look, moves[of_map.look.label])
        initial = of_map.learnt(number, "initial")
        axes.plot(of_map.layers(), initial, linestyle=(0, (6, 2)), label="Before training (Table 6)", **REFERENCE)


def _spans_decades(of_maps: Sequence[AttentionMap], number: str) -> bool:
    """Whether heads differ so much that a linear axis would hide the small ones; not of numbers between 0 and 1."""
    least = min(value for of_map in of_maps for value in of_map.learnt(number, "least"))
    most = max(value for of_map in of_maps for value in of_map.learnt(number, "most"))
    return least > 0 and most > max(1, WIDE * least)


FIGURE = FigureSpec(title="Learned bandwidth by layer", shown=shown, draw=draw)
