"""Figure 11: which pairs short-term and long-term memory hold, in training and at inference."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mmv2.model.config import MosaicConfig
from mmv2.reporting.figures._models import names_of
from mmv2.reporting.of_runs import RunFigureSpec, RunModel, mosaics, of_mosaics
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
    inference, and in training with the shortest and the longest long-term delay m that is drawn, one for those that are
    the same; a row of panels for each kind of model among the runs. m below h lets the memories overlap.
    """
    kinds = _kinds(models)
    delays = [_delays(configs[0]) for configs in kinds]
    figure, grid = new_panels(len(kinds), max(map(len, delays)), width=2.9, height=2.7, sharey=False)
    for configs, of_kind, name, row in zip(kinds, delays, names_of(kinds), grid, strict=True):
        for axes, (delay, when) in zip(row, of_kind.items(), strict=False):
            drawn = f"m = {delay}" if configs[0].long_term_memory else "no long-term memory"
            _panel(axes, configs[0], delay)
            axes.set_title(f"{when}:\n{drawn}")
            axes.set_xlabel("pair i")
        for axes in row[len(of_kind) :]:
            axes.set_axis_off()
        told = name.replace(", ", ",\n")
        row[0].set_ylabel(f"{told}\nh = {configs[0].short_term_window}\n\nposition t")
    patches = [Patch(facecolor=colour, edgecolor="0.6", label=who) for who, colour in HOLDERS.items()]
    legend_below(figure, "Pair i at position t is held by", patches)
    return figure


def _kinds(models: Sequence[RunModel]) -> list[list[MosaicConfig]]:
    """The configs of each way in which pairs are held."""
    found: dict[tuple[object, ...], list[MosaicConfig]] = {}
    for config, _ in mosaics(models):
        held = (config.memories, config.short_term_ages, config.long_term_delay, config.long_term_delay_range)
        found.setdefault(held, []).append(config)
    return list(found.values())


def _delays(config: MosaicConfig) -> dict[int, str]:
    """Each m at which a model is drawn, and when it has that."""
    shortest, longest = config.long_term_delay_range
    when = {"inference": config.long_term_delay, "training, shortest": shortest, "training, longest": longest}
    if not config.long_term_memory or len(set(when.values())) == 1:
        return {config.long_term_delay: "inference and training"}
    return {
        delay: " and ".join(name for name, same in when.items() if same == delay)
        for delay in dict.fromkeys(when.values())
    }


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
