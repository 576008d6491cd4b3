"""How a packed batch falls into documents, and the rectangles in which documents are computed side by side.

Attention, memories and the key recurrence never cross a document. Instead of masks, a packed batch is taken apart into
rectangles of documents of like length (one document per row, padded at the end), on which every operation is an
ordinary causal one; the results are put back in their places. Padding is harmless there: it comes last, and nothing
causal looks at it. Memory stays linear in the context, and the attention kernels need no mask.

Shapes: B rows, T tokens per row, N = B * T tokens of the batch, D documents in a rectangle, L their padded length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

GROWTH = 1.5
"""Rectangles hold documents whose lengths differ by at most this factor: it bounds the padding."""
SHORTEST = 16
"""Documents up to this length share one rectangle."""


@dataclass(frozen=True)
class Documents:
    """The layout of one packed batch.

    Attributes:
        shape: (B, T).
        rectangles: per rectangle the places (D, L) of its tokens among the N of the batch; None: every row of the batch
            is one document, and the batch is its own single rectangle.
        restore: (N,) for each token of the batch its place among all rectangles' tokens laid end to end.
        padding: per rectangle (D, L), True where a place is padding; it repeats the document's first token.
    """

    shape: tuple[int, int]
    rectangles: tuple[Tensor, ...] | None = None
    restore: Tensor | None = None
    padding: tuple[Tensor, ...] | None = None

    @classmethod
    def from_starts(cls, starts_BT: np.ndarray, device: torch.device | str = "cpu") -> Self:
        """Lay out a batch.

        Args:
            starts_BT: bool, True where a document begins. The first column counts as a beginning in any case.
            device: where the indices are needed.
        """
        batch, length = starts_BT.shape
        starts = starts_BT.astype(bool).copy()
        starts[:, 0] = True
        first_D = np.flatnonzero(starts)
        lengths_D = np.diff(np.append(first_D, batch * length))
        if len(first_D) == batch:
            return cls(shape=(batch, length))
        rectangles, padding, restore = [], [], np.empty(batch * length, dtype=np.int64)
        laid = 0
        for low, high in _length_classes(lengths_D):
            members = np.flatnonzero((lengths_D > low) & (lengths_D <= high))
            width = int(lengths_D[members].max())
            offsets_L = np.arange(width)
            within_DL = offsets_L < lengths_D[members, None]
            places_DL = first_D[members, None] + np.where(within_DL, offsets_L, 0)
            restore[places_DL[within_DL]] = laid + np.flatnonzero(within_DL)
            rectangles.append(torch.from_numpy(places_DL).to(device))
            padding.append(torch.from_numpy(~within_DL).to(device))
            laid += places_DL.size
        return cls((batch, length), tuple(rectangles), torch.from_numpy(restore).to(device), tuple(padding))

    def split(self, x_BTX: Tensor) -> list[Tensor]:
        """Take per-token features (B, T, ...) apart into rectangles (D, L, ...)."""
        if self.rectangles is None:
            return [x_BTX]
        return list(_Split.apply(x_BTX.flatten(0, 1), self))

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Put features of the rectangles (D, L, ...) back into the batch (B, T, ...)."""
        if self.rectangles is None:
            return parts[0]
        return _Join.apply(self, *parts).unflatten(0, self.shape)

    def _gather(self, flat_NX: Tensor) -> tuple[Tensor, ...]:
        assert self.rectangles is not None
        return tuple(flat_NX.index_select(0, places.flatten()).unflatten(0, places.shape) for places in self.rectangles)

    def _scatter(self, parts: Sequence[Tensor]) -> Tensor:
        assert self.restore is not None
        return torch.cat([part.flatten(0, 1) for part in parts]).index_select(0, self.restore)


class _Split(torch.autograd.Function):
    """Gathering both ways: autograd's own backward of indexing adds up serially. Padding has no gradient."""

    @staticmethod
    def forward(ctx: Any, flat_NX: Tensor, documents: Documents) -> tuple[Tensor, ...]:
        ctx.documents = documents
        return documents._gather(flat_NX)

    @staticmethod
    def backward(ctx: Any, *grads_DLX: Tensor) -> tuple[Tensor, None]:
        return ctx.documents._scatter(grads_DLX), None


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, documents: Documents, *parts_DLX: Tensor) -> Tensor:
        ctx.documents = documents
        return documents._scatter(parts_DLX)

    @staticmethod
    def backward(ctx: Any, grad_NX: Tensor) -> tuple[Any, ...]:
        documents: Documents = ctx.documents
        assert documents.padding is not None
        parts = documents._gather(grad_NX)
        masks = (pad.reshape(*pad.shape, *[1] * (grad_NX.ndim - 1)) for pad in documents.padding)
        return None, *(part.masked_fill(mask, 0) for part, mask in zip(parts, masks, strict=True))


def _length_classes(lengths_D: np.ndarray) -> list[tuple[int, int]]:
    """Half-open classes (low, high] of document length that are not empty."""
    edges = [0, SHORTEST]
    while edges[-1] < lengths_D.max():
        edges.append(int(edges[-1] * GROWTH))
    filled = np.histogram(lengths_D, bins=np.array(edges) + 0.5)[0] > 0
    return [(low, high) for low, high, any_ in zip(edges[:-1], edges[1:], filled, strict=True) if any_]
