"""A tensor that grows at the end of its time dimension and may lose its beginning, for decoding: keys, values, pairs.

Shapes: B sequences, H heads, T entries, ... whatever an entry holds, R chosen sequences.
"""

from collections.abc import Sequence
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

GROWTH = 2
"""A full buffer is copied into one of this many times the size needed, so that appending costs O(1) per entry."""


class GrowingTensor:
    """Entries (B, H, T, ...) that are appended at the end of T and never change.

    Attributes:
        length: entries of each sequence.
        shared: the first of them (1, H, any number, ...) where they are kept once for all sequences, which were chosen
            from one (``select``); None: every sequence has its own.
    """

    def __init__(self, entries_BHT: Tensor, shared: Tensor | None = None):
        """Start with these entries, after the shared ones; they are not copied before the first ``append``."""
        self._buffer = entries_BHT
        self._begin = 0
        self.shared = shared
        self.length = entries_BHT.shape[2] + self._num_shared

    @property
    def _num_shared(self) -> int:
        return 0 if self.shared is None else self.shared.shape[2]

    @property
    def _end(self) -> int:
        """Of the entries in the buffer."""
        return self._begin + self.length - self._num_shared

    def append(self, entries_BHT: Tensor) -> None:
        """Add entries (B, H, any number, ...)."""
        count = entries_BHT.shape[2]
        if self._end + count > self._buffer.shape[2]:
            self._move(GROWTH * (self._end - self._begin + count))
        self._buffer[:, :, self._end : self._end + count] = entries_BHT
        self.length += count

    def keep_last(self, count: int) -> None:
        """Forget all but the last ``count`` entries; their room is used again."""
        forgotten = max(0, self.length - count)
        self._begin += max(0, forgotten - self._num_shared)
        if self.shared is not None:
            self.shared = self.shared[:, :, forgotten:] if forgotten < self._num_shared else None
        self.length -= forgotten

    def view(self, first: int = 0) -> Tensor:
        """All entries (B, H, T, ...) from number ``first`` on, copied only if some are shared. Do not change them."""
        own = self._buffer[:, :, self._begin + max(0, first - self._num_shared) : self._end]
        if self.shared is None or first >= self._num_shared:
            return own
        rest = self.shared[:, :, first:]
        return torch.cat([rest.expand(len(own), *rest.shape[1:]), own], dim=2)

    def select(self, rows_R: Tensor) -> Self:
        """The entries of these sequences, in this order, as often as named; independent, with the same room.

        Several copies of a single sequence share its entries, and own what they append.
        """
        sequences, heads, capacity, *entry = self._buffer.shape
        if sequences == 1 and len(rows_R) > 1 and self.shared is None:
            return type(self)(self._buffer.new_empty(len(rows_R), heads, 0, *entry), shared=self.view())
        copy = type(self)(self._buffer.new_empty(len(rows_R), heads, capacity - self._begin, *entry), self.shared)
        copy.length = self.length
        copy._buffer[:, :, : self._end - self._begin] = self._buffer[rows_R, :, self._begin : self._end]
        return copy

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """The sequences of all parts, their last entries side by side; zeros fill the shorter ones in front."""
        length, inner = max(part.length for part in parts), [0, 0] * (parts[0].view().ndim - 3)
        return cls(torch.cat([F.pad(part.view(), [*inner, length - part.length, 0]) for part in parts]))

    def _move(self, capacity: int) -> None:
        """Copy the entries of the buffer to the front of a new one."""
        sequences, heads, _, *entry = self._buffer.shape
        larger = self._buffer.new_empty(sequences, heads, capacity, *entry)
        larger[:, :, : self._end - self._begin] = self._buffer[:, :, self._begin : self._end]
        self._buffer, self._begin = larger, 0
