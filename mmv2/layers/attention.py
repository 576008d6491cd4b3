"""Causal multi-head and grouped-query attention, for whole sequences and for continuing one.

Shapes: B rows, H query heads, K key-value heads, T query tokens, S tokens to read, E head dimension.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mmv2.layers.cache import GrowingTensor
from mmv2.layers.decoder import MixerState


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

    def clone(self) -> "KeyValueCache":
        return KeyValueCache(self.keys.clone(), self.values.clone())

    def expand(self, copies: int) -> "KeyValueCache":
        return KeyValueCache(self.keys.expand(copies), self.values.expand(copies))

    def content(self) -> list[Tensor]:
        return [self.keys.view(), self.values.view()]
