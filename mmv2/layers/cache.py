"""A tensor that grows at the end of its time dimension and may lose its beginning, for decoding: keys, values, pairs.

Shapes: B sequences, H heads, T entries, ... whatever an entry holds.
"""

from typing import Self

from torch import Tensor

GROWTH = 2
"""A full buffer is copied into one of this many times the size needed, so that appending costs O(1) per entry."""


class GrowingTensor:
    """Entries (B, H, T, ...) that are appended at the end of T and never change."""

    def __init__(self, entries_BHT: Tensor):
        """Start with these entries; they are not copied before the first ``append``."""
        self._buffer = entries_BHT
        self._begin = 0
        self.length = entries_BHT.shape[2]

    def append(self, entries_BHT: Tensor) -> None:
        """Add entries (B, H, any number, ...)."""
        length = self.length + entries_BHT.shape[2]
        if self._begin + length > self._buffer.shape[2]:
            self._move(GROWTH * length)
        self._buffer[:, :, self._begin + self.length : self._begin + length] = entries_BHT
        self.length = length

    def keep_last(self, count: int) -> None:
        """Forget all but the last ``count`` entries; their room is used again."""
        forgotten = max(0, self.length - count)
        self._begin += forgotten
        self.length -= forgotten

    def view(self) -> Tensor:
        """All entries (B, H, T, ...), without a copy. Do not change them."""
        return self._buffer[:, :, self._begin : self._begin + self.length]

    def clone(self) -> Self:
        """An independent copy, with the same room for more entries."""
        return self.expand(1)

    def expand(self, copies: int) -> Self:
        """The entries with every sequence repeated ``copies`` times, independent, with the same room."""
        copy = type(self)(self.view())
        copy._move(self._buffer.shape[2] - self._begin, copies)
        return copy

    def _move(self, capacity: int, copies: int = 1) -> None:
        """Copy the entries to the front of a new buffer."""
        batch, heads, _, *entry = self._buffer.shape
        larger = self._buffer.new_empty(batch * copies, heads, capacity, *entry)
        larger.unflatten(0, (batch, copies))[:, :, :, : self.length] = self.view().unsqueeze(1)
        self._buffer, self._begin = larger, 0
