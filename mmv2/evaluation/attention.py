"""Where a model looks from the last token of a prompt: Figure 1, and the attention on a needle.

Positions bear marks, such as an age or the needle; every attention map reads the marks in place of its values
(``Mixer.attention``), by the kernels and masks with which the model reads a prompt. No weights are kept: beside the
model's own decoding state, memory is linear in the prompt. The same is read flat, with equal attention to all that a
map holds: it is the attention of chance, and tells whether a mask leaves something out of reach. A prompt is read in
pieces of many tokens, an answer token by token; other kernels and masks do the one and the other, so that for the check
of reach the last token is also read as a piece of its own.

Shapes: B prompts, T tokens of each, M marks, L layers, H heads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from mmv2.config import Detail
from mmv2.evaluation.generation import PREFILL, read
from mmv2.layers.decoder import Block, Decoder, DecoderState

SELF = "age_0"
"""The last token's mark. A transformer looks at itself too, a memory never holds the token that reads it."""
OF_THE_CHECK = ("second", "marked_first", "marked_last")
"""Marks of single tokens, which the check of reach alone needs."""


@dataclass(frozen=True)
class Looks:
    """The attention of the last token to each mark, by name of map: float64 (L, B, H, M)."""

    learnt: Mapping[str, np.ndarray]
    flat: Mapping[str, np.ndarray]
    flat_alone: Mapping[str, np.ndarray]
    """As ``flat``, the last token read as a piece of its own after all others."""


def marks(ages: Sequence[int], length: int, stretch: tuple[int, int]) -> dict[str, np.ndarray]:
    """Which of a prompt's tokens bear which mark: bool (T,) by name. Marks without tokens are left out.

    age_<n>: tokens of age n, counted from the last one, up to the next of ``ages``; without the very first token, on
    which attention may rest when it looks for nothing. first: that one. second: the one after it, unless it is the
    last. marked: the stretch. marked_first, marked_last: its ends alone.

    Args:
        ages: least ages of the groups, ascending from 0.
        length: T, begin-of-text included.
        stretch: first token and end of the marked stretch, counted from begin-of-text, which is 0.
    """
    places_T = np.arange(length)
    group_T = np.searchsorted(ages, length - 1 - places_T, side="right") - 1
    start, stop = stretch
    found = {f"age_{age}": (group_T == group) & (places_T > 0) for group, age in enumerate(ages)}
    found |= {"first": places_T == 0, "marked": (places_T >= start) & (places_T < stop)}
    second_T = (places_T == 1) & (group_T > 0)
    found |= dict(zip(OF_THE_CHECK, (second_T, places_T == start, places_T == stop - 1), strict=True))
    return {name: held_T for name, held_T in found.items() if held_T.any()}


def tell(
    model: Decoder, tokens_BT: Tensor, ages: Sequence[int], stretches: Sequence[tuple[int, int]]
) -> list[dict[str, Detail]]:
    """What the records tell of each prompt of a batch: ``attention_details`` and ``parameter_details``.

    Args:
        model: in evaluation mode, of an architecture with attention maps.
        tokens_BT: token ids, with begin-of-text.
        ages, stretches: see ``marks``; a stretch for each prompt.
    """
    marked = [marks(ages, tokens_BT.shape[1], stretch) for stretch in stretches]
    names = list(marked[0])
    marks_BMT = np.stack([list(of_prompt.values()) for of_prompt in marked])
    weight = model.embedding.weight
    looks = look(model, tokens_BT, torch.from_numpy(marks_BMT).mT.to(weight.device, weight.dtype))
    learnt = parameter_details(model)
    return [{**attention_details(names, marks_BMT[row], looks, row), **learnt} for row in range(len(marked))]


@torch.inference_mode()
def look(model: Decoder, tokens_BT: Tensor, marks_BTM: Tensor) -> Looks:
    """Read prompts as ``generation.read`` does, and tell where their last tokens look.

    Args:
        model: in evaluation mode, of an architecture with attention maps.
        tokens_BT: token ids, with begin-of-text.
        marks_BTM: of the model's type.
    """
    last = tokens_BT.shape[1] - 1
    start = last // PREFILL * PREFILL  # of the piece in which the last token is read
    learnt, flat = _look_from(model, tokens_BT, marks_BTM, start)
    return Looks(learnt, flat, flat if start == last else _look_from(model, tokens_BT, marks_BTM, last)[1])


def _look_from(
    model: Decoder, tokens_BT: Tensor, marks_BTM: Tensor, start: int
) -> tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]:
    """Learnt and flat attention of the last token where a piece begins at ``start``."""
    state = read(model, tokens_BT[:, :start])[1] if start else DecoderState([None] * len(model.blocks))
    x_BTD = model.embedding(tokens_BT[:, start:])
    found: dict[bool, list[dict[str, Tensor]]] = {False: [], True: []}
    for block, layer_state in zip(model.blocks, state.layers, strict=True):
        block = cast(Block, block)
        inputs_BTD = block.mixer_norm(x_BTD)
        for flat, layers in found.items():
            maps = block.mixer.attention(inputs_BTD, layer_state, marks_BTM, flat)
            layers.append({name: attention_BHTM[:, :, -1] for name, attention_BHTM in maps.items()})
        x_BTD, _ = block.extend(x_BTD, layer_state)
    return _stacked(found[False]), _stacked(found[True])


def _stacked(layers: Sequence[Mapping[str, Tensor]]) -> dict[str, np.ndarray]:
    return {name: torch.stack([layer[name] for layer in layers]).double().cpu().numpy() for name in layers[0]}


def attention_details(names: Sequence[str], marks_MT: np.ndarray, looks: Looks, row: int) -> dict[str, Detail]:
    """What the records tell of one prompt; the parts of a key are joined by dots.

    maps: their names, comma between. positions.<mark>: how many tokens bear it. attention.<map>.<layer>.<mark>: mean
    over heads; not of marks for the check alone. most.<map>.<layer>: the attention of the layer's most attentive head
    to the marked stretch. flat.<map>.<mark>: flat attention, mean over layers and heads. in_reach: share of layers and
    marks, the last token's own aside, that some map holds in both ways of reading; 1 unless a mask leaves a part of the
    prompt out of reach.

    Args:
        names, marks_MT: of the prompt, as from ``marks``.
        looks: of its batch.
        row: its number in the batch.
    """
    details: dict[str, Detail] = {"maps": ",".join(looks.learnt)}
    details |= {f"positions.{name}": int(held_T.sum()) for name, held_T in zip(names, marks_MT, strict=True)}
    stretch = names.index("marked")
    for of_map, attention_LBHM in looks.learnt.items():
        for layer, attention_HM in enumerate(attention_LBHM[:, row]):
            means_M = zip(names, attention_HM.mean(axis=0).tolist(), strict=True)
            told = {name: mean for name, mean in means_M if name not in OF_THE_CHECK}
            details |= {f"attention.{of_map}.{layer}.{name}": mean for name, mean in told.items()}
            details[f"most.{of_map}.{layer}"] = float(attention_HM[:, stretch].max())
    for of_map, attention_LBHM in looks.flat.items():
        means_M = attention_LBHM[:, row].mean(axis=(0, 1)).tolist()
        details |= {f"flat.{of_map}.{name}": mean for name, mean in zip(names, means_M, strict=True)}
    held_LM = np.logical_and(*(_held(flat, row) for flat in (looks.flat, looks.flat_alone)))
    to_hold = [place for place, name in enumerate(names) if name != SELF]
    return {**details, "in_reach": float(held_LM[:, to_hold].mean())}


def _held(flat: Mapping[str, np.ndarray], row: int) -> np.ndarray:
    """Whether any map holds a mark, bool (L, M)."""
    return np.any([(attention_LBHM[:, row] > 0).any(axis=1) for attention_LBHM in flat.values()], axis=0)


@torch.inference_mode()
def parameter_details(model: Decoder) -> dict[str, Detail]:
    """The learned numbers that shape attention, over the heads of a layer: mean, least and most; and before training.

    Keys: learnt.<map>.<layer>.<number>.<statistic>, such as learnt.long_term.0.beta_1.mean.
    """
    details: dict[str, Detail] = {}
    for layer, block in enumerate(model.blocks):
        for of_map, numbers in cast(Block, block).mixer.attention_parameters().items():
            for name, (values_H, initial) in numbers.items():
                least, most = map(float, values_H.aminmax())
                told = {"mean": float(values_H.mean()), "least": least, "most": most, "initial": initial}
                details |= {f"learnt.{of_map}.{layer}.{name}.{kind}": value for kind, value in told.items()}
    return details
