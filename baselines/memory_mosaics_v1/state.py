"""Decoding state of one block: what its contextual memory holds, and the keys' recurrence of its persistent memory.

R chosen rows.
"""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from mmv2.layers.decoder import MixerState
from mmv2.layers.memory_mixer import MemoryMixerState
from mmv2.ops.gated_keys import KeyState


@dataclass(frozen=True)
class LayerState(MixerState):
    """Handed from the contextual memory to the persistent one and back, see ``Block``.

    Attributes:
        persistent: None before the first token, and where the persistent memory is a feed-forward.
    """

    contextual: MemoryMixerState
    persistent: KeyState | None

    def select(self, rows_R: Tensor) -> Self:
        persistent = KeyState(*(x[rows_R] for x in self.persistent)) if self.persistent else None
        return type(self)(self.contextual.select(rows_R), persistent)

    def content(self) -> list[Tensor]:
        return [*self.contextual.content(), *(self.persistent or ())]
