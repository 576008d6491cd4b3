"""What a memory carries from token to token while decoding.

Shapes: B rows, H memory units (heads), K = D / H, R chosen rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from mmv2.layers.cache import GrowingTensor
from mmv2.layers.decoder import MixerState
from mmv2.ops.gated_keys import KeyState


@dataclass(frozen=True)
class MemoryState(MixerState):
    """The state of one memory.

    Attributes:
        recurrences: running sums of the key extractor, if it has any; of the queries' own too.
        pending: where values look ahead (Eq. 9), the last token's key and W_psi x (B, H, 1, K): its pair is complete
            when the next token is seen. Else empty.
        keys, values: complete pairs; those too old to be read again may be gone.
        length: tokens read so far; (B, 1, 1) where rows have read different numbers. Their pairs end at the same
            place, and what fills the shorter rows in front is never read.
    """

    recurrences: tuple[KeyState, ...]
    pending: tuple[Tensor, ...]
    keys: GrowingTensor
    values: GrowingTensor
    length: int | Tensor

    def select(self, rows_R: Tensor) -> Self:
        return replace(
            self,
            recurrences=tuple(KeyState(*(x[rows_R] for x in recurrence)) for recurrence in self.recurrences),
            pending=tuple(x[rows_R] for x in self.pending),
            keys=self.keys.select(rows_R),
            values=self.values.select(rows_R),
            length=self.length if isinstance(self.length, int) else self.length[rows_R],
        )

    @classmethod
    def join(cls, states: Sequence[Self]) -> Self:
        """The sequences of all states, which may have read different numbers of tokens."""
        recurrences = zip(*(state.recurrences for state in states), strict=True)
        return cls(
            recurrences=tuple(KeyState(*map(torch.cat, zip(*parts, strict=True))) for parts in recurrences),
            pending=tuple(map(torch.cat, zip(*(state.pending for state in states), strict=True))),
            keys=GrowingTensor.join([state.keys for state in states]),
            values=GrowingTensor.join([state.values for state in states]),
            length=torch.cat([state._lengths_B11() for state in states]),
        )

    def _lengths_B11(self) -> Tensor:
        if isinstance(self.length, Tensor):
            return self.length
        stored = self.keys.view()
        return torch.full((len(stored), 1, 1), self.length, device=stored.device)

    def content(self) -> list[Tensor]:
        numbers = [x for recurrence in self.recurrences for x in recurrence]
        return [*numbers, *self.pending, self.keys.view(), self.values.view()]
