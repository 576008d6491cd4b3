"""Attention of all heads with parts of Memory Mosaics v2, in the frame of its memories.

Shapes: B rows, T tokens, D hidden size, H heads, K = D / H.
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from baselines.transformer_parts.config import PartsConfig
from baselines.transformer_parts.initial_share import initial_share
from mmv2.layers.bandwidth import AdaptiveForm, BandwidthForm, ConstantForm, FixedForm
from mmv2.layers.initial_bandwidth import THETA_BETA, mean_initial_bandwidth
from mmv2.layers.initialisation import init_linear_
from mmv2.layers.keys import gates, unit_keys
from mmv2.layers.memory import Memory
from mmv2.layers.rotary import rotate, rotation
from mmv2.ops.gated_keys import KeyState
from mmv2.ops.gated_keys.fast import gated_keys, gated_means


class PartsMemory(Memory):
    """One read: all attention of a block, or with the part long_short its short-term or its long-term half."""

    def __init__(self, config: PartsConfig, ages: tuple[int, int | None]):
        super().__init__(config.num_heads, bandwidth_form(config, ages), lookahead="lookahead_values" in config.parts)
        width, heads = config.hidden_size, config.num_heads
        self.head_dim = config.head_dim
        self.normalised = "normalised_keys" in config.parts
        self.gated = "gated_keys" in config.parts
        self.symmetric = "symmetric_keys" in config.parts
        self.rope_theta = config.rope_theta if config.rope else None
        self.key_projection = nn.Linear(width, width, bias=False)
        self.value_projection = nn.Linear(width, width, bias=False)
        if self.gated:
            self.gain_projection = nn.Linear(width, heads, bias=False)
            self.decay_projection = nn.Linear(width, heads, bias=False)
        if not self.symmetric:
            self.query_projection = nn.Linear(width, width, bias=False)
            if self.gated:
                self.query_gain_projection = nn.Linear(width, heads, bias=False)
                self.query_decay_projection = nn.Linear(width, heads, bias=False)

    @property
    def recurrence_sizes(self) -> tuple[int, ...]:
        if not self.gated:
            return ()
        return (self.head_dim + (not self.normalised),) * (1 if self.symmetric else 2)

    @torch.no_grad()
    def reset_parameters(self, layer: int) -> None:
        """Table 6."""
        for projection in self.children():
            linear = cast(nn.Linear, projection)
            init_linear_(linear.weight, linear.in_features, layer)
        self.reset_numbers()

    def extract(
        self, x_BTD: Tensor, initial: Sequence[KeyState | None], start: int | Tensor
    ) -> tuple[Tensor, Tensor, tuple[KeyState, ...]]:
        of_keys = (self.gain_projection, self.decay_projection) if self.gated else ()
        keys_BHTK, recurrences = self._features(x_BTD, self.key_projection, of_keys, initial[:1])
        if self.symmetric:
            queries_BHTK = keys_BHTK
        else:
            of_queries = (self.query_gain_projection, self.query_decay_projection) if self.gated else ()
            queries_BHTK, more = self._features(x_BTD, self.query_projection, of_queries, initial[1:])
            recurrences += more
        if self.rope_theta is not None:
            turns = rotation(start, x_BTD.shape[1], self.head_dim, self.rope_theta, x_BTD.device)
            queries_BHTK, keys_BHTK = rotate(queries_BHTK, *turns), rotate(keys_BHTK, *turns)
        return queries_BHTK, keys_BHTK, recurrences

    def _features(
        self,
        x_BTD: Tensor,
        projection: nn.Linear,
        gate_projections: tuple[nn.Linear, ...],
        initial: Sequence[KeyState | None],
    ) -> tuple[Tensor, tuple[KeyState, ...]]:
        """Keys or queries (B, H, T, K) before they are turned, and their recurrence where they have gates."""
        features_BHTK = self.split(projection(x_BTD))
        if not self.gated:
            return unit_keys(features_BHTK) if self.normalised else features_BHTK, ()
        average = gated_keys if self.normalised else gated_means
        averages_BHTK, recurrence = average(features_BHTK, *gates(x_BTD, *gate_projections), *initial)
        return averages_BHTK, (recurrence,)


def bandwidth_form(config: PartsConfig, ages: tuple[int, int | None]) -> BandwidthForm:
    """The factor of the scores: 1 / sqrt(K) for raw keys, a learned number per head for keys of unit norm.

    Raw keys that gates average have it over what the average leaves of the scores' spread (``initial_share``), so that
    scores start as spread as without gates. Eq. 6's beta stands in the number's place, or multiplies raw keys' scores.
    Either way its mean over the training context starts from where the scale without it starts. Beside keys of unit
    norm it adds nothing but its growth; raw keys get with it a scale per head that is learned.
    """
    adaptive, normalised = (part in config.parts for part in ("adaptive_bandwidth", "normalised_keys"))
    scale, start = (1.0, math.sqrt(config.head_dim) / 2) if normalised else (config.head_dim**-0.5, 1.0)
    if "gated_keys" in config.parts and not normalised:
        scale /= initial_share()
    theta = math.log(start / mean_initial_bandwidth(0.0, *ages, config.max_seq_len))
    if config.initial_bandwidth == "mosaic":
        theta = THETA_BETA
    if adaptive:
        return AdaptiveForm(theta, scale)
    if normalised:
        return ConstantForm(mean_initial_bandwidth(theta, *ages, config.max_seq_len))
    return FixedForm(scale)
