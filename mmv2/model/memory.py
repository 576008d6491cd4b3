"""The associative memory of Memory Mosaics v2: its key extractor (Eq. 8) and Table 6.

Values, bandwidth and the read are those of ``mmv2.layers.memory``.

Shapes: B rows, T tokens, D hidden size, H memory units (heads), K = D / H.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmv2.layers.bandwidth import AdaptiveForm, BandwidthForm, ConstantForm, FixedForm
from mmv2.layers.initial_bandwidth import mean_initial_bandwidth
from mmv2.layers.initialisation import init_linear_
from mmv2.layers.keys import gates, initial_leaky_decays, leaky_gates, unit_keys
from mmv2.layers.memory import Memory
from mmv2.layers.rotary import rotate, rotation
from mmv2.model.config import MemoryName, MosaicConfig
from mmv2.ops.gated_keys import KeyState
from mmv2.ops.gated_keys.fast import gated_keys

LEAKY_SCALE = 10
"""The leaky average has lambda = exp(-10 |theta|), as in the code of Memory Mosaics v1."""


class AssociativeMemory(Memory):
    """The short-term or the long-term memory of one block; they have the same form and distinct parameters."""

    def __init__(self, config: MosaicConfig, name: MemoryName):
        super().__init__(
            config.num_heads, bandwidth_form(config, name), trainable_scale=config.value_scale == "trainable"
        )
        width, heads = config.hidden_size, config.num_heads
        self.extractor, self.rope_theta = config.key_extractor, config.rope_theta
        self.key_projection = nn.Linear(width, width, bias=False)  # W_phi
        self.value_projection = nn.Linear(width, width, bias=False)  # W_psi
        if self.extractor == "gated":
            self.gain_projection = nn.Linear(width, heads, bias=False)  # W_g
            self.decay_projection = nn.Linear(width, heads, bias=False)  # W_lambda
        if self.extractor == "leaky":
            self.theta_lambda = nn.Parameter(torch.empty(heads))

    @property
    def recurrence_sizes(self) -> tuple[int, ...]:
        return () if self.extractor == "plain" else (self.key_projection.out_features // self.heads,)

    @torch.no_grad()
    def reset_parameters(self, layer: int) -> None:
        """Table 6."""
        for projection in self.children():
            assert isinstance(projection, nn.Linear)
            init_linear_(projection.weight, projection.in_features, layer)
        if self.extractor == "leaky":
            self.theta_lambda.copy_(initial_leaky_decays(self.heads) / LEAKY_SCALE)
        self.reset_numbers()

    def extract(
        self, x_BTD: Tensor, initial: Sequence[KeyState | None], start: int | Tensor
    ) -> tuple[Tensor, Tensor, tuple[KeyState, ...]]:
        """The keys, twice: a key is also the query at its position."""
        keys_BHTK, recurrences = self._keys(x_BTD, initial)
        if self.rope_theta is not None:
            length, width = keys_BHTK.shape[2:]
            keys_BHTK = rotate(keys_BHTK, *rotation(start, length, width, self.rope_theta, keys_BHTK.device))
        return keys_BHTK, keys_BHTK, recurrences

    def _keys(self, x_BTD: Tensor, initial: Sequence[KeyState | None]) -> tuple[Tensor, tuple[KeyState, ...]]:
        features_BHTK = self.split(self.key_projection(x_BTD))
        if self.extractor == "plain":
            return unit_keys(features_BHTK), ()
        if self.extractor == "gated":
            log_gain_BHT, decay_BHT = gates(x_BTD, self.gain_projection, self.decay_projection)
        else:
            log_gain_BHT, decay_BHT = leaky_gates(LEAKY_SCALE * self.theta_lambda.abs(), x_BTD)
        keys_BHTK, recurrence = gated_keys(features_BHTK, log_gain_BHT, decay_BHT, *initial)
        return keys_BHTK, (recurrence,)


def bandwidth_form(config: MosaicConfig, name: MemoryName) -> BandwidthForm:
    """Eq. 6, or what stands in its place (``adaptive_bandwidth``, ``fixed_bandwidth``)."""
    if config.fixed_bandwidth is not None:
        return FixedForm(getattr(config.fixed_bandwidth, name))
    if config.adaptive_bandwidth:
        return AdaptiveForm(config.initial_theta_beta)
    ages = config.ages(name)
    return ConstantForm(mean_initial_bandwidth(config.initial_theta_beta, *ages, config.max_seq_len))
