"""The transformer's mixer: causal self-attention with rotary position encoding, without biases.

Shapes: B rows, T tokens, D hidden size, H query heads, K key-value heads, E head dimension.
"""

from torch import Tensor, nn

from baselines.transformer.config import TransformerConfig
from mmv2.layers.attention import KeyValueCache, causal_attention
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
        mixed_BHTE = causal_attention(queries_BHTE, state.keys.view(), state.values.view())
        return self.output(_merge_heads(mixed_BHTE)), state

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
