"""The persistent memory: pairs that training finds, read at every position by the keys of its units.

It stands where a transformer has its feed-forward. Its keys average over the tokens before, so it keeps a state while
decoding.

Shapes: B rows, T tokens, D hidden size, H memory units (heads), K = D / H, N pairs of a unit, Q = B * T.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.memory_mosaics_v1.config import MemoryMosaicsV1Config
from baselines.memory_mosaics_v1.keys import LeakyKeys
from baselines.memory_mosaics_v1.numbers import LOG_NORM, ScaledConstantForm, value_norm
from baselines.memory_mosaics_v1.state import LayerState
from mmv2.layers.decoder import Mixer
from mmv2.layers.documents import Documents
from mmv2.layers.initialisation import init_linear_


def persistent_read(
    keys_BHTK: Tensor, stored_keys_HNK: Tensor, stored_values_HNK: Tensor, beta_H: Tensor, norm_H: Tensor
) -> Tensor:
    """See ``reference.persistent_read``. Through the attention kernels, with the tokens of all rows side by side."""
    queries_HQK = (keys_BHTK * beta_H.to(keys_BHTK.dtype)[:, None, None]).transpose(0, 1).flatten(1, 2)
    keys_1HNK, values_1HNK = (x_HNK.to(keys_BHTK.dtype)[None] for x_HNK in (stored_keys_HNK, stored_values_HNK))
    answers_HQK = F.scaled_dot_product_attention(queries_HQK[None], keys_1HNK, values_1HNK, scale=1.0)[0]
    answers_BHTK = answers_HQK.unflatten(1, (keys_BHTK.shape[0], -1)).transpose(0, 1)
    return answers_BHTK * norm_H.to(answers_BHTK.dtype)[:, None, None]


class PersistentMemory(Mixer):
    """N trained pairs for each unit. The stored keys are free: only those that read have unit norm."""

    def __init__(self, config: MemoryMosaicsV1Config):
        super().__init__()
        self.heads = config.num_heads
        self.theta_scale, self.form = config.theta_scale, ScaledConstantForm(config.theta_scale)
        self.key_extractor = LeakyKeys(config)
        shape = config.num_heads, config.intermediate_size, config.head_dim
        self.stored_keys = nn.Parameter(torch.empty(shape))
        self.stored_values = nn.Parameter(torch.empty(shape))
        self.theta_beta = nn.Parameter(torch.empty(config.num_heads))
        self.theta_norm = nn.Parameter(torch.empty(config.num_heads))
        self.output = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    @torch.no_grad()
    def reset_parameters(self, layer: int) -> None:
        """Pairs from a normal whose sigma gives them norm 1 on average; the rest as in the contextual memory."""
        self.key_extractor.reset_parameters(layer)
        for stored_HNK in (self.stored_keys, self.stored_values):
            stored_HNK.normal_(std=stored_HNK.shape[-1] ** -0.5)
        self.theta_beta.fill_(self.form.initial["theta_beta"])
        self.theta_norm.fill_(LOG_NORM / self.theta_scale)
        init_linear_(self.output.weight, self.output.in_features, layer)

    def forward(self, x_BTD: Tensor, documents: Documents, **step_inputs: int) -> Tensor:
        keys_BTD = documents.join([_merge(self.key_extractor(part_BTD)[0]) for part_BTD in documents.split(x_BTD)])
        return self._answer(keys_BTD.unflatten(-1, (self.heads, -1)).transpose(1, 2))

    def extend(self, x_BTD: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
        keys_BHTK, recurrence = self.key_extractor(x_BTD, state.persistent)
        return self._answer(keys_BHTK), replace(state, persistent=recurrence)

    def beta(self) -> Tensor:
        """The bandwidth of every unit (H,)."""
        return self.form.beta(self.theta_beta)

    def norm(self) -> Tensor:
        """By which the answers of every unit are multiplied (H,)."""
        return value_norm(self.theta_norm, self.theta_scale)

    def _answer(self, keys_BHTK: Tensor) -> Tensor:
        answers_BHTK = persistent_read(keys_BHTK, self.stored_keys, self.stored_values, self.beta(), self.norm())
        return self.output(_merge(answers_BHTK))


def _merge(x_BHTK: Tensor) -> Tensor:
    return x_BHTK.transpose(1, 2).flatten(2)
