"""Causal multi-head and grouped-query attention, for whole sequences and for continuing one.

Shapes: B rows, H query heads, K key-value heads, T query tokens, S tokens to read, E head dimension.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mmv2.layers.cache import GrowingTensor
from mmv2.layers.decoder import MixerState
from mmv2.layers.stored_attention import stored_attention


def causal_attention(queries_BHTE: Tensor, keys_BKSE: Tensor, values_BKSE: Tensor) -> Tensor:
    """Softmax attention of the last T of S tokens, each over itself and everything before. -> (B, H, T, E).

    K divides H: each key-value head serves H / K neighbouring query heads. Scores and their softmax are taken in
    float32 inside the kernel whatever the type of the inputs.
    """
    queries, keys = queries_BHTE.shape[2], keys_BKSE.shape[2]
    aligned = queries == keys
    # The kernels' own causal mask counts from the first key, so later queries bring theirs; a single one sees all.
    mask_TS = None if aligned or queries == 1 else _last_rows(queries, keys, queries_BHTE.device)
    return F.scaled_dot_product_attention(
        queries_BHTE,
        keys_BKSE,
        values_BKSE,
        attn_mask=mask_TS,
        is_causal=aligned,
        enable_gqa=queries_BHTE.shape[1] != keys_BKSE.shape[1],
    )


def _last_rows(queries: int, keys: int, device: torch.device) -> Tensor:
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def read_marks(read: Callable[[Tensor], Tensor], marks_BSM: Tensor, heads: int, width: int) -> Tensor:
    """What a read answers when marks take the place of values: the attention to each mark (B, heads, T, M).

    Args:
        read: values (B, heads, S, width) -> answers (B, any number of heads, T, width).
        marks_BSM: M marks of S positions. As many are read at once as a value has numbers, so that the kernels are
            those that read the values.
        heads, width: of the values.
    """
    filled_BSM = F.pad(marks_BSM, (0, -marks_BSM.shape[-1] % width))
    parts = [read(part_BSW[:, None].expand(-1, heads, -1, -1)) for part_BSW in filled_BSM.split(width, dim=-1)]
    return torch.cat(parts, dim=-1)[..., : marks_BSM.shape[-1]]


@dataclass
class KeyValueCache(MixerState):
    """Keys and values (B, K, S, E) of all tokens read so far."""

    keys: GrowingTensor
    values: GrowingTensor

    @property
    def length(self) -> int:
        return self.keys.length

    def append(self, keys_BKTE: Tensor, values_BKTE: Tensor) -> None:
        """Add the keys and values of T more tokens."""
        self.keys.append(keys_BKTE)
        self.values.append(values_BKTE)

    def read(self, queries_BHTE: Tensor) -> Tensor:
        """``causal_attention`` of the last T tokens to all that is stored, theirs included."""
        if self.keys.shared is None:
            return causal_attention(queries_BHTE, self.keys.view(), self.values.view())
        held_TS = _last_rows(queries_BHTE.shape[2], self.length, queries_BHTE.device)
        return stored_attention(queries_BHTE, self.keys, self.values, held_TS, queries_BHTE.shape[-1] ** -0.5)

    def select(self, rows_R: Tensor) -> "KeyValueCache":
        return KeyValueCache(self.keys.select(rows_R), self.values.select(rows_R))

    def content(self) -> list[Tensor]:
        return [self.keys.view(), self.values.view()]
