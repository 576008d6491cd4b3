"""The transformer's mixer: causal self-attention with rotary position encoding, without biases.

Shapes: B rows, T tokens, D hidden size, H query heads, K key-value heads, E head dimension.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from baselines.transformer.config import TransformerConfig
from mmv2.layers.attention import KeyValueCache, causal_attention, read_marks
from mmv2.layers.cache import GrowingTensor
from mmv2.layers.decoder import Decoder, Mixer
from mmv2.layers.documents import Documents
from mmv2.layers.initialisation import init_linear_
from mmv2.layers.rotary import rotate, rotation


class SelfAttention(Mixer):
    """Multi-head or grouped-query attention (Llama)."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.head_dim = config.head_dim
        self.rope_theta = config.rope_theta
        kv_width = config.kv_heads * config.head_dim
        self.query = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.key = nn.Linear(config.hidden_size, kv_width, bias=False)
        self.value = nn.Linear(config.hidden_size, kv_width, bias=False)
        self.output = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def reset_parameters(self, layer: int) -> None:
        """Table 6, as for all matrices with d inputs."""
        for linear in (self.query, self.key, self.value, self.output):
            init_linear_(linear.weight, linear.in_features, layer)

    def forward(self, x_BTD: Tensor, documents: Documents, **step_inputs: int) -> Tensor:
        queries, keys, values = (documents.split(linear(x_BTD)) for linear in (self.query, self.key, self.value))
        mixed = [self._attend(*part) for part in zip(queries, keys, values, strict=True)]
        return self.output(documents.join(mixed))

    def _attend(self, queries_BTD: Tensor, keys_BTX: Tensor, values_BTX: Tensor) -> Tensor:
        queries_BHTE, keys_BKTE, values_BKTE = self._heads(0, queries_BTD, keys_BTX, values_BTX)
        return _merge_heads(causal_attention(queries_BHTE, keys_BKTE, values_BKTE))

    def extend(self, x_BTD: Tensor, state: KeyValueCache | None) -> tuple[Tensor, KeyValueCache]:
        start = state.length if state else 0
        queries_BHTE, keys_BKTE, values_BKTE = self._heads(start, self.query(x_BTD), self.key(x_BTD), self.value(x_BTD))
        if state:
            state.append(keys_BKTE, values_BKTE)
        else:
            state = KeyValueCache(GrowingTensor(keys_BKTE), GrowingTensor(values_BKTE))
        return self.output(_merge_heads(state.read(queries_BHTE))), state

    def attention(
        self, x_BTD: Tensor, state: KeyValueCache | None, marks_BSM: Tensor, flat: bool
    ) -> Mapping[str, Tensor]:
        start = state.length if state else 0
        queries_BHTE, keys_BKTE, _ = self._heads(start, self.query(x_BTD), self.key(x_BTD), self.value(x_BTD))
        queries_BHTE = queries_BHTE * (not flat)
        keys_BKSE = torch.cat([state.keys.view(), keys_BKTE], dim=2) if state else keys_BKTE
        found = read_marks(
            lambda marks_BKSE: causal_attention(queries_BHTE, keys_BKSE, marks_BKSE),
            marks_BSM,
            keys_BKSE.shape[1],
            self.head_dim,
        )
        return {"attention": found}

    def _heads(self, start: int, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Split into heads, (B, T, heads * E) -> (B, heads, T, E), and encode the positions from ``start`` on."""
        queries, keys, values = (x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2) for x in (queries, keys, values))
        cos_TF, sin_TF = rotation(start, keys.shape[2], self.head_dim, self.rope_theta, keys.device)
        return rotate(queries, cos_TF, sin_TF), rotate(keys, cos_TF, sin_TF), values


def _merge_heads(x_BHTE: Tensor) -> Tensor:
    return x_BHTE.transpose(1, 2).flatten(2)


def transformer(config: TransformerConfig) -> Decoder:
    """The whole model."""
    return Decoder(config, lambda layer: SelfAttention(config))
