"""Figure 11: which pairs short-term and long-term memory hold, in training and at inference."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mmv2.model.config import MosaicConfig
from mmv2.reporting.of_runs import RunFigureSpec, RunModel, mosaics, of_mosaics, runs_alike
from mmv2.reporting.style import legend_below, new_panels

HOLDERS = {
    "neither": "white",
    "the short-term memory": "#56B4E9",
    "the long-term memory": "#E69F00",
    "both, as they overlap": "#0072B2",
}
"""Who holds a pair, and its colour: at place 1 * short + 2 * long."""
Ends = tuple[int, int | None]


def draw(models: Sequence[RunModel]) -> Figure:
    """Pairs that the two memories of Memory Mosaics v2 hold at every position.

    A row of a panel is a position t, a column a pair i; colours say which memory holds pair i at t. They are not drawn
    by rule: each memory reads values that name their own pair, by the reference form of the read (Eqs. 4 and 10) and
    with keys that are all alike, and what its answer holds something of is coloured. Panels from left to right: at
    inference, and in training with the shortest and the longest long-term delay m that is drawn; a row of panels for
    each kind of model among the runs. m below h lets the memories overlap.
    """
    kinds = _kinds(models)
    figure, grid = new_panels(len(kinds), 3, width=2.9, height=2.7, sharey=False)
    for (config, runs), row in zip(kinds, grid, strict=True):
        shortest, longest = config.long_term_delay_range
        delays = {"inference": config.long_term_delay, "training, shortest": shortest, "training, longest": longest}
        for axes, (when, delay) in zip(row, delays.items(), strict=True):
            drawn = f"m = {delay}" if config.long_term_memory else "no long-term memory"
            _panel(axes, config, delay)
            axes.set_title(f"{when}: {drawn}")
            axes.set_xlabel("pair i")
        names = runs_alike(runs).replace(", ", ",\n")
        row[0].set_ylabel(f"{names}\nh = {config.short_term_window}\n\nposition t")
    patches = [Patch(facecolor=colour, edgecolor="0.6", label=who) for who, colour in HOLDERS.items()]
    legend_below(figure, "Pair i at position t is held by", patches)
    return figure


def _kinds(models: Sequence[RunModel]) -> list[tuple[MosaicConfig, list[str]]]:
    """A config for each way in which pairs are held, and its runs."""
    found: dict[tuple[object, ...], tuple[MosaicConfig, list[str]]] = {}
    for config, runs in mosaics(models):
        held = (config.memories, config.short_term_ages, config.long_term_delay, config.long_term_delay_range)
        found.setdefault(held, (config, []))[1].extend(runs)
    return list(found.values())


def held_by(config: MosaicConfig, delay: int, length: int) -> np.ndarray:
    """For each of so many positions t and pairs i (t, i), the place in ``HOLDERS`` of who holds it, m being given."""
    short = _holds(config.short_term_ages, length)
    long = _holds((delay, None), length) if config.long_term_memory else np.zeros_like(short)
    return short + 2 * long


def _holds(ages: Ends, length: int) -> np.ndarray:
    """Whether a memory holds pair i at position t, of its own answers: (t, i), 0 or 1."""
    import torch

    from mmv2.ops.memory_read import Ages, ConstantBandwidth
    from mmv2.ops.memory_read.reference import memory_read

    keys_11TK = torch.ones(1, 1, length, 1)
    values_11NT = torch.eye(length)[None, None, :-1]  # the value of pair i is one at i
    answers_11TT = memory_read(keys_11TK, values_11NT, ConstantBandwidth(torch.ones(1)), Ages(*ages))
    return (answers_11TT[0, 0] > 0).numpy().astype(int)


def _panel(axes: Axes, config: MosaicConfig, delay: int) -> None:
    length = 2 * max(config.short_term_window, *config.long_term_delay_range) + 4
    axes.imshow(held_by(config, delay, length), cmap=ListedColormap(list(HOLDERS.values())), vmin=0, vmax=3)
    axes.grid(False)


FIGURE = RunFigureSpec(title="Pairs that the memories hold (Figure 11)", shown=of_mosaics, draw=draw)
