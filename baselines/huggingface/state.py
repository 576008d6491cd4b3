"""What a transformers model remembers between decoding steps, whatever class the library keeps it in.

Shapes: B sequences, R chosen sequences.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from transformers import PreTrainedConfig

from mmv2.layers.decoder import MixerState


@dataclass
class HuggingFaceState(MixerState):
    """Caches of all layers together: a ``Cache`` of transformers, or a list of tensors as RWKV has it."""

    cache: Any
    length: int
    """Tokens read so far."""

    def select(self, rows_R: Tensor) -> "HuggingFaceState":
        return HuggingFaceState(_selected(self.cache, rows_R), self.length)

    def content(self) -> list[Tensor]:
        return list(_tensors(self.cache))


def _selected(part: Any, rows_R: Tensor) -> Any:
    """A copy that shares nothing that may change: of tensors (B, ...) the chosen rows, of all else an equal."""
    if isinstance(part, Tensor):
        return part.index_select(0, rows_R) if _of_rows(part) else part.clone()
    if isinstance(part, list | tuple):
        return type(part)(_selected(item, rows_R) for item in part)
    if isinstance(part, dict):
        return {key: _selected(item, rows_R) for key, item in part.items()}
    if _is_of_the_library(part):
        made = copy.copy(part)
        vars(made).update({name: _selected(item, rows_R) for name, item in vars(part).items()})
        return made
    return part


def _tensors(part: Any) -> Iterator[Tensor]:
    if isinstance(part, Tensor):
        if _of_rows(part):
            yield part
    elif isinstance(part, list | tuple | dict):
        for item in part.values() if isinstance(part, dict) else part:
            yield from _tensors(item)
    elif _is_of_the_library(part):
        yield from _tensors(vars(part))


def _of_rows(tensor: Tensor) -> bool:
    """Of one or no dimension are counters and what is still empty."""
    return tensor.ndim > 1


def _is_of_the_library(part: Any) -> bool:
    return type(part).__module__.startswith("transformers.") and not isinstance(part, type | PreTrainedConfig)
