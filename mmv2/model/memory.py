"""One associative memory for all heads: key extractor, value extractor, bandwidth, and the read (Eqs. 4, 6, 8-10).

Shapes: B rows, T tokens, D hidden size, H memory units (heads), K = D / H, N pairs, R chosen rows.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from mmv2.layers.attention import read_marks
from mmv2.layers.cache import GrowingTensor
from mmv2.layers.decoder import LearntNumber, MixerState
from mmv2.layers.initialisation import init_linear_
from mmv2.layers.stored_attention import stored_attention
from mmv2.model.config import MosaicConfig
from mmv2.ops.gated_keys import KeyState
from mmv2.ops.gated_keys.fast import gated_keys
from mmv2.ops.lookahead_values.fast import lookahead_values
from mmv2.ops.memory_read import Ages, Bandwidth, positions
from mmv2.ops.memory_read.fast import memory_read, scaled_queries

THETA_BETA, THETA_ALPHA = 1.5, 1 / 3
"""Initial theta of beta_0 and beta_1, and of alpha (Table 6)."""


@dataclass(frozen=True)
class MemoryState(MixerState):
    """What a memory carries from token to token.

    Attributes:
        recurrence: the key extractor's running sum.
        pending: the last token's key and W_psi x: its pair is complete when the next token is seen.
        keys, values: complete pairs; those too old to be read again may be gone.
        length: tokens read so far; (B, 1, 1) where rows have read different numbers. Their pairs end at the same
            place, and what fills the shorter rows in front is never read.
    """

    recurrence: KeyState
    pending_key_BH1K: Tensor
    pending_projection_BH1K: Tensor
    keys: GrowingTensor
    values: GrowingTensor
    length: int | Tensor

    def select(self, rows_R: Tensor) -> Self:
        return replace(
            self,
            recurrence=KeyState(*(x[rows_R] for x in self.recurrence)),
            pending_key_BH1K=self.pending_key_BH1K[rows_R],
            pending_projection_BH1K=self.pending_projection_BH1K[rows_R],
            keys=self.keys.select(rows_R),
            values=self.values.select(rows_R),
            length=self.length if isinstance(self.length, int) else self.length[rows_R],
        )

    @classmethod
    def join(cls, states: Sequence[Self]) -> Self:
        """The sequences of all states, which may have read different numbers of tokens."""
        return cls(
            recurrence=KeyState(*(torch.cat(parts) for parts in zip(*(x.recurrence for x in states), strict=True))),
            pending_key_BH1K=torch.cat([state.pending_key_BH1K for state in states]),
            pending_projection_BH1K=torch.cat([state.pending_projection_BH1K for state in states]),
            keys=GrowingTensor.join([state.keys for state in states]),
            values=GrowingTensor.join([state.values for state in states]),
            length=torch.cat([state._lengths_B11() for state in states]),
        )

    def _lengths_B11(self) -> Tensor:
        if isinstance(self.length, Tensor):
            return self.length
        rows, device = len(self.pending_key_BH1K), self.pending_key_BH1K.device
        return torch.full((rows, 1, 1), self.length, device=device)

    def content(self) -> list[Tensor]:
        pending = [self.pending_key_BH1K, self.pending_projection_BH1K]
        return [*self.recurrence, *pending, self.keys.view(), self.values.view()]


class AssociativeMemory(nn.Module):
    """The short-term or the long-term memory of one block; they have the same form and distinct parameters."""

    def __init__(self, config: MosaicConfig):
        super().__init__()
        width, heads = config.hidden_size, config.num_heads
        self.heads = heads
        self.trainable_scale = config.value_scale == "trainable"
        self.key_projection = nn.Linear(width, width, bias=False)  # W_phi
        self.value_projection = nn.Linear(width, width, bias=False)  # W_psi
        self.gain_projection = nn.Linear(width, heads, bias=False)  # W_g
        self.decay_projection = nn.Linear(width, heads, bias=False)  # W_lambda
        self.theta_beta_0 = nn.Parameter(torch.empty(heads))
        self.theta_beta_1 = nn.Parameter(torch.empty(heads))
        self.theta_alpha = nn.Parameter(torch.empty(heads))
        self.theta_alpha_psi = nn.Parameter(torch.empty(heads))
        self.gamma = nn.Parameter(torch.empty(heads))

    @torch.no_grad()
    def reset_parameters(self, layer: int) -> None:
        """Table 6."""
        for projection in (self.key_projection, self.value_projection, self.gain_projection, self.decay_projection):
            init_linear_(projection.weight, projection.in_features, layer)
        self.theta_beta_0.fill_(THETA_BETA)
        self.theta_beta_1.fill_(THETA_BETA)
        self.theta_alpha.fill_(THETA_ALPHA)
        self.theta_alpha_psi.zero_()
        self.gamma.uniform_(0, 1)

    def bandwidth(self) -> Bandwidth:
        """beta_0, beta_1, alpha of Eq. 6 by Table 6's forms, one per memory unit."""
        return Bandwidth(
            beta_0_H=self.theta_beta_0.clamp(max=10).exp(),
            beta_1_H=self.theta_beta_1.clamp(max=10).exp(),
            alpha_H=self.theta_alpha.abs().clamp(max=1),
        )

    def learnt(self) -> dict[str, LearntNumber]:
        """beta_0, beta_1 and alpha, with the values they start from."""
        found = self.bandwidth()
        return {
            "beta_0": LearntNumber(found.beta_0_H, math.exp(THETA_BETA)),
            "beta_1": LearntNumber(found.beta_1_H, math.exp(THETA_BETA)),
            "alpha": LearntNumber(found.alpha_H, THETA_ALPHA),
        }

    def value_scale(self) -> Tensor:
        """alpha_psi of Eq. 9 (H,). In Table 6's form the gradient of |theta| at its initial 0 is 0: it stays 1."""
        theta_H = self.theta_alpha_psi if self.trainable_scale else self.theta_alpha_psi.abs()
        return theta_H.clamp(max=15).exp()

    def forward(self, x_BTD: Tensor, ages: Ages) -> Tensor:
        """Answers of all heads side by side (B, T, D). Every row is one document, padded at the end."""
        keys_BHTK, _ = self._keys(x_BTD, None)
        values_BHNK = lookahead_values(self._split(self.value_projection(x_BTD)), self.gamma, self.value_scale())
        return self._merge(memory_read(keys_BHTK, values_BHNK, self.bandwidth(), ages))

    def extend(self, x_BTD: Tensor, ages: Ages, state: MemoryState | None) -> tuple[Tensor, MemoryState]:
        """Read T more tokens of one document per row; see ``Mixer.extend``."""
        keys_BHTK, recurrence = self._keys(x_BTD, state.recurrence if state else None)
        projections_BHTK = self._split(self.value_projection(x_BTD))
        if state is None:
            values_BHNK = lookahead_values(projections_BHTK, self.gamma, self.value_scale())
            answers_BHTK = memory_read(keys_BHTK, values_BHNK, self.bandwidth(), ages)
            stored_keys, stored_values = GrowingTensor(keys_BHTK[:, :, :-1]), GrowingTensor(values_BHNK)
        else:
            stored_keys, stored_values = self._complete(state, keys_BHTK, projections_BHTK)
            answers_BHTK = self._read_stored(keys_BHTK, stored_keys, stored_values, ages, state.length)
        length = x_BTD.shape[1] + (state.length if state else 0)
        if ages.most is not None:  # of the next token's pairs one is pending
            stored_keys.keep_last(ages.most - 1)
            stored_values.keep_last(ages.most - 1)
        pending = keys_BHTK[:, :, -1:].clone(), projections_BHTK[:, :, -1:].clone()
        return self._merge(answers_BHTK), MemoryState(recurrence, *pending, stored_keys, stored_values, length)

    def nothing_read(self, rows: int) -> MemoryState:
        """The state before the first token. Its pending pair is that of position -1, which no memory holds."""
        weight = self.key_projection.weight
        zeros_BH1K = weight.new_zeros(rows, self.heads, 1, len(weight) // self.heads)
        sums_BHK = zeros_BH1K[:, :, 0].to(torch.promote_types(weight.dtype, torch.float32))
        scales_BH = torch.full_like(sums_BHK[..., 0], -torch.inf, dtype=torch.float64)
        keys, values = (GrowingTensor(zeros_BH1K[:, :, :0]) for _ in range(2))
        return MemoryState(KeyState(sums_BHK, scales_BH), zeros_BH1K, zeros_BH1K, keys, values, length=0)

    def attention(self, x_BTD: Tensor, ages: Ages, state: MemoryState | None, marks_BSM: Tensor, flat: bool) -> Tensor:
        """Attention to marked pairs; pair i has the mark of token i, whose key it holds. See ``Mixer.attention``."""
        keys_BHTK, _ = self._keys(x_BTD, state.recurrence if state else None)
        if flat:
            keys_BHTK = torch.zeros_like(keys_BHTK)  # queries too
        marks_BPM = marks_BSM[:, :-1]
        if state is None:
            return self._read_marks(lambda marks: memory_read(keys_BHTK, marks, self.bandwidth(), ages), marks_BPM)
        stored = [state.keys.view(), state.pending_key_BH1K, keys_BHTK[:, :, :-1]]
        keys = GrowingTensor(torch.cat(stored, dim=2))
        start = state.length
        return self._read_marks(
            lambda marks: self._read_stored(keys_BHTK, keys, GrowingTensor(marks), ages, start),
            marks_BPM[:, marks_BPM.shape[1] - keys.length :],
        )

    def _read_marks(self, read: Callable[[Tensor], Tensor], marks_BPM: Tensor) -> Tensor:
        return read_marks(read, marks_BPM, self.heads, self.key_projection.out_features // self.heads)

    def _keys(self, x_BTD: Tensor, initial: KeyState | None) -> tuple[Tensor, KeyState]:
        features_BHTK = self._split(self.key_projection(x_BTD))
        # Gates are exponents: rounded to bfloat16 a large one would turn the keys.
        with torch.autocast(x_BTD.device.type, enabled=False):
            x_BTD = x_BTD.to(self.gain_projection.weight.dtype)
            log_gain_BHT = self.gain_projection(x_BTD).mT
            decay_BHT = self.decay_projection(x_BTD).abs().mT
        return gated_keys(features_BHTK, log_gain_BHT, decay_BHT, initial)

    def _complete(
        self, state: MemoryState, keys_BHTK: Tensor, projections_BHTK: Tensor
    ) -> tuple[GrowingTensor, GrowingTensor]:
        """Append the pairs that the new tokens complete: the pending one and all new ones but the last."""
        projections_BHTK = torch.cat([state.pending_projection_BH1K, projections_BHTK], 2)
        state.keys.append(torch.cat([state.pending_key_BH1K, keys_BHTK[:, :, :-1]], 2))
        state.values.append(lookahead_values(projections_BHTK, self.gamma, self.value_scale()))
        return state.keys, state.values

    def _read_stored(
        self,
        keys_BHTK: Tensor,
        stored_keys: GrowingTensor,
        stored_values: GrowingTensor,
        ages: Ages,
        start: int | Tensor,
    ) -> Tensor:
        """Answers to new tokens at positions start, start + 1, ... from stored pairs, the newest of age 1.

        Where ``start`` is (B, 1, 1), positions and what is held have dimensions (B, 1) in front.
        """
        tokens, pairs = keys_BHTK.shape[2], stored_keys.length
        queries_T = start + positions(0, tokens, keys_BHTK)
        pairs_N = start + positions(tokens - 1 - pairs, tokens - 1, keys_BHTK)
        held_TN = ages.holds(queries_T, pairs_N)
        queries_BHTK = scaled_queries(keys_BHTK, self.bandwidth(), ages, start)
        answers_BHTK = stored_attention(queries_BHTK, stored_keys, stored_values, held_TN, scale=1.0)
        return torch.where(held_TN.any(-1, keepdim=True), answers_BHTK, 0)  # an empty memory answers zero

    def _split(self, x_BTD: Tensor) -> Tensor:
        return x_BTD.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _merge(self, x_BHTK: Tensor) -> Tensor:
        return x_BHTK.transpose(1, 2).flatten(2)
