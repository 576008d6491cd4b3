"""Figure 2: the parts of Memory Mosaics v2, with the sizes that a run's model has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmv2.model import build
from mmv2.model.config import MosaicConfig
from mmv2.reporting.figures._models import names_of
from mmv2.reporting.of_runs import RunFigureSpec, RunModel, mosaics, of_mosaics
from mmv2.reporting.style import new_panels

if TYPE_CHECKING:
    from torch import nn

    from mmv2.ops.memory_read import Ages

COLOURS = {"short_term": "#56B4E9", "long_term": "#E69F00", "persistent": "#009E73"}
"""Of the three levels of memory."""
PLAIN = "0.92"
ABOVE, BELOW = 1, -1
GAP = 0.14
"""Between rows of boxes, of which a line of text is 0.17 high."""
KEYS = {"gated": "gated keys (Eq. 8)", "leaky": "leaky keys, as in v1", "plain": "keys of one token"}
BANDWIDTHS = {"adaptive": "adaptive bandwidth (Eq. 6)", "constant": "learned constant beta", "fixed": "given beta"}


@dataclass(frozen=True)
class Part:
    """A box of the drawing."""

    text: str
    colour: str = PLAIN


@dataclass(frozen=True)
class Parts:
    """All boxes from the input up."""

    before: tuple[Part, ...]
    memories: tuple[Part, ...]
    """Side by side in every block."""
    above: tuple[Part, ...]
    """The rest of the block."""
    after: tuple[Part, ...]
    num_layers: int


def draw(models: Sequence[RunModel]) -> Figure:
    """The parts of Memory Mosaics v2 from its input, below, to its output, and how many parameters each has.

    The parts, the shapes of their matrices, their parameters and the pairs that memories hold are read off the model
    that a run's config builds, without weights; the dashed frame is repeated, and each + adds what went in to what
    comes out. Keys and values of short-term and long-term memory are
    made in the same way by matrices of their own; Figure 9 shows what of, Figure 11 which pairs the memories hold. m
    is that of inference. A panel for each model among the runs that differs in any of this.
    """
    kinds: dict[Parts, list[MosaicConfig]] = {}
    for config, _ in mosaics(models):
        kinds.setdefault(parts(config), []).append(config)
    figure, (row,) = new_panels(1, len(kinds), width=4.6, height=5.2, sharey=False)
    for axes, found, name in zip(row, kinds, names_of(list(kinds.values())), strict=True):
        axes.set_title(name)
        _draw_parts(axes, found)
    return figure


def parts(config: MosaicConfig) -> Parts:
    """The boxes of the model that the config builds."""
    import torch

    from mmv2.layers.decoder import Block
    from mmv2.layers.feed_forward import SwiGLU
    from mmv2.layers.memory_mixer import MemoryMixer

    with torch.device("meta"):
        model = build(config)
    block = cast(Block, model.blocks[0])
    mixer = cast(MemoryMixer, block.mixer)
    persistent = cast(SwiGLU, block.feed_forward)
    tied = ", tied" if config.tie_embeddings else ""
    norm = Part("RMS norm")
    return Parts(
        before=(Part(f"embedding W_e{tied}, {_shapes({'': model.embedding})}"),),
        memories=tuple(
            Part(f"{_memory_text(config, name, mixer.ages[name])}\n{_count(memory)}", COLOURS[name])
            for name, memory in mixer.memories.items()
        ),
        above=(
            Part(f"answers side by side, {_shapes({'W_o': mixer.output})}\n{_count(mixer.output)}"),
            norm,
            Part(
                "persistent memory: W_2 (SiLU(W_1 x) * W_3 x)\n"
                f"{_shapes({'W_1, W_3': persistent.w1, 'W_2': persistent.w2})}, {_count(persistent)}",
                COLOURS["persistent"],
            ),
        ),
        after=(norm, Part(f"classifier {_shapes({'W_c': model.classifier})}")),
        num_layers=len(model.blocks),
    )


def _memory_text(config: MosaicConfig, name: str, ages: "Ages") -> str:
    oldest = "1" if ages.max_age is None else f"t-{ages.max_age - 1}"
    return "\n".join(
        [
            f"{name.replace('_', '-')} memory",
            f"{config.num_heads} heads of {config.head_dim}",
            f"pairs {oldest} .. t-{ages.min_age}",
            KEYS[config.key_extractor] + (", rotary" if config.rope_theta else ""),
            "values one token ahead (Eq. 9)",
            BANDWIDTHS[config.bandwidth],
        ]
    )


def _shapes(matrices: "Mapping[str, nn.Module]") -> str:
    """Names and shapes: inputs to outputs."""
    told = []
    for name, module in matrices.items():
        outputs, inputs = cast("nn.Linear", module).weight.shape
        told.append(f"{name}: {inputs:,} to {outputs:,}" if name else f"{outputs:,} tokens to {inputs:,}")
    return ", ".join(told)


def _count(module: "nn.Module") -> str:
    return f"{sum(numbers.numel() for numbers in module.parameters()):,} parameters"


def _draw_parts(axes: Axes, found: Parts) -> None:
    axes.set_axis_off()
    axes.set_xlim(-0.06, 1.04)
    level = begin = _rows(axes, found.before, 0.0) + GAP
    output, norm, persistent = found.above
    level = _row(axes, (norm,), level, lines=())
    level = _row(axes, found.memories, level, lines=(BELOW, ABOVE))
    level = middle = _sum(axes, begin, _row(axes, (output,), level))
    level = end = _sum(axes, middle, _rows(axes, (norm, persistent), level))
    axes.add_patch(Rectangle((-0.05, begin - GAP), 1.08, end - begin + GAP / 2, fill=False, linestyle="--", ec="0.3"))
    axes.text(1.02, end - 0.75 * GAP, f"{found.num_layers} blocks", ha="right", va="top", fontsize=8)
    for place in (begin - GAP, end):
        axes.plot([0.5, 0.5], [place, place + GAP], color="0.3", linewidth=0.8, zorder=0.5)
    axes.set_ylim(-0.05, _rows(axes, found.after, level + GAP))


def _rows(axes: Axes, boxes: Sequence[Part], level: float) -> float:
    for box in boxes:
        level = _row(axes, (box,), level)
    return level


def _row(axes: Axes, boxes: Sequence[Part], level: float, lines: Sequence[int] = (ABOVE,)) -> float:
    """Draw boxes side by side at a height, with lines to the rows at those sides; returns the next row's height."""
    height = 0.2 + 0.17 * max(box.text.count("\n") for box in boxes)
    width = (1 - 0.04 * (len(boxes) - 1)) / len(boxes)
    for number, box in enumerate(boxes):
        left = number * (width + 0.04)
        axes.add_patch(Rectangle((left, level), width, height, facecolor=box.colour, edgecolor="0.3", linewidth=0.8))
        axes.text(left + width / 2, level + height / 2, box.text, ha="center", va="center", fontsize=7)
        for side in lines:
            end = level + height * (side == ABOVE)
            axes.plot([left + width / 2] * 2, [end, end + side * GAP], color="0.3", linewidth=0.8)
    return level + height + GAP


def _sum(axes: Axes, start: float, level: float) -> float:
    """Draw the sum of what comes up and of what went in at ``start``, by a way round; returns the next row's height."""
    way = [(0.5, start - GAP / 2), (-0.03, start - GAP / 2), (-0.03, level), (0.5, level)]
    axes.plot(*zip(*way, strict=True), color="0.3", linewidth=0.8)
    axes.plot([0.5, 0.5], [level, level + GAP], color="0.3", linewidth=0.8)
    axes.plot(0.5, level, "o", color="0.3", markerfacecolor="white", markersize=8)
    axes.plot(0.5, level, "+", color="0.3", markersize=6)
    return level + GAP


FIGURE = RunFigureSpec(title="Parts of Memory Mosaics v2 (Figure 2)", shown=of_mosaics, draw=draw)
