"""The frame of an associative memory for all heads: pairs, bandwidth, and the read (Eqs. 4, 6, 9, 10).

How keys and queries are made of the tokens is left to those who build on it: Memory Mosaics v2, whose queries are its
keys, and transformers with parts of it.

Shapes: B rows, T tokens, D hidden size, H memory units (heads), K = D / H, N pairs.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from mmv2.layers.attention import read_marks
from mmv2.layers.bandwidth import BandwidthForm
from mmv2.layers.cache import GrowingTensor
from mmv2.layers.decoder import LearntNumber
from mmv2.layers.memory_state import MemoryState
from mmv2.layers.stored_attention import stored_attention
from mmv2.ops.gated_keys import KeyState
from mmv2.ops.lookahead_values.fast import lookahead_values
from mmv2.ops.memory_read import Ages, AnyBandwidth, positions
from mmv2.ops.memory_read.fast import memory_read, scaled_queries


class Memory(nn.Module, ABC):
    """One memory of a block. Who builds on it makes ``value_projection`` (W_psi) and all other matrices."""

    value_projection: nn.Linear
    theta_alpha_psi: nn.Parameter
    gamma: nn.Parameter

    def __init__(self, heads: int, form: BandwidthForm, lookahead: bool = True, trainable_scale: bool = False):
        """Make the numbers per head.

        Args:
            heads: H.
            form: of the bandwidth.
            lookahead: values by Eq. 9, which look one token ahead, so that the youngest pair read has age 1; else the
                projections themselves, of the token that reads them too.
            trainable_scale: alpha_psi without the absolute value that keeps it at 1.
        """
        super().__init__()
        self.heads, self.form = heads, form
        self.lookahead, self.trainable_scale = lookahead, trainable_scale
        for name in (*form.initial, *(("theta_alpha_psi", "gamma") if lookahead else ())):
            self.register_parameter(name, nn.Parameter(torch.empty(heads)))

    @abstractmethod
    def extract(
        self, x_BTD: Tensor, initial: Sequence[KeyState | None], start: int | Tensor
    ) -> tuple[Tensor, Tensor, tuple[KeyState, ...]]:
        """Queries and keys (B, H, T, K) of tokens at positions start, start + 1, ..., and the recurrences after them.

        Args:
            x_BTD: the tokens.
            initial: recurrences after the tokens before; None where a document begins. As many as
                ``recurrence_sizes`` names.
            start: (B, 1, 1) where rows have read different numbers of tokens.
        """

    @abstractmethod
    def reset_parameters(self, layer: int) -> None:
        """Initialise every parameter; ``layer`` counts from 0."""

    @property
    @abstractmethod
    def recurrence_sizes(self) -> tuple[int, ...]:
        """How many numbers per head each recurrence carries."""

    def reset_numbers(self) -> None:
        """The initial values per head (Table 6)."""
        for name, theta in self.form.initial.items():
            getattr(self, name).fill_(theta)
        if self.lookahead:
            self.theta_alpha_psi.zero_()
            self.gamma.uniform_(0, 1)

    def bandwidth(self) -> AnyBandwidth:
        """beta, one for each memory unit."""
        weight = self.value_projection.weight
        return self.form.bandwidth(self._thetas(), weight.new_empty(self.heads))

    def learnt(self) -> Mapping[str, LearntNumber]:
        """The numbers that make beta, with the values they start from."""
        return self.form.learnt(self._thetas())

    def _thetas(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in self.form.initial}

    def value_scale(self) -> Tensor:
        """alpha_psi of Eq. 9 (H,). In Table 6's form the gradient of |theta| at its initial 0 is 0: it stays 1."""
        theta_H = self.theta_alpha_psi if self.trainable_scale else self.theta_alpha_psi.abs()
        return theta_H.clamp(max=15).exp()

    def forward(self, x_BTD: Tensor, ages: Ages) -> Tensor:
        """Answers of all heads side by side (B, T, D). Every row is one document, padded at the end."""
        queries_BHTK, keys_BHTK, _ = self.extract(x_BTD, self._beginning(), 0)
        values_BHNK = self._values(self.split(self.value_projection(x_BTD)))
        return self._merge(memory_read(keys_BHTK, values_BHNK, self.bandwidth(), ages, queries_BHTK))

    def extend(self, x_BTD: Tensor, ages: Ages, state: MemoryState | None) -> tuple[Tensor, MemoryState]:
        """Read T more tokens of one document per row; see ``Mixer.extend``."""
        start = state.length if state else 0
        queries_BHTK, keys_BHTK, recurrences = self.extract(
            x_BTD, state.recurrences if state else self._beginning(), start
        )
        projections_BHTK = self.split(self.value_projection(x_BTD))
        if state is None:
            values_BHNK = self._values(projections_BHTK)
            answers_BHTK = memory_read(keys_BHTK, values_BHNK, self.bandwidth(), ages, queries_BHTK)
            stored_keys = GrowingTensor(keys_BHTK[:, :, : values_BHNK.shape[2]])
            stored_values = GrowingTensor(values_BHNK)
        else:
            stored_keys, stored_values = self._complete(state, keys_BHTK, projections_BHTK)
            answers_BHTK = self._read_stored(queries_BHTK, stored_keys, stored_values, ages, start)
        if ages.most is not None:  # one of the next token's pairs is not stored yet
            stored_keys.keep_last(ages.most - 1)
            stored_values.keep_last(ages.most - 1)
        last = tuple(x[:, :, -1:].clone() for x in (keys_BHTK, projections_BHTK)) if self.lookahead else ()
        length = x_BTD.shape[1] + start
        return self._merge(answers_BHTK), MemoryState(recurrences, last, stored_keys, stored_values, length)

    def nothing_read(self, rows: int) -> MemoryState:
        """The state before the first token. Its pending pair is that of position -1, which no memory holds."""
        weight = self.value_projection.weight
        zeros_BH1K = weight.new_zeros(rows, self.heads, 1, len(weight) // self.heads)
        wide = torch.promote_types(weight.dtype, torch.float32)
        recurrences = tuple(
            KeyState(
                weight.new_zeros(rows, self.heads, size, dtype=wide),
                weight.new_full((rows, self.heads), -torch.inf, dtype=torch.float64),
            )
            for size in self.recurrence_sizes
        )
        keys, values = (GrowingTensor(zeros_BH1K[:, :, :0]) for _ in range(2))
        return MemoryState(recurrences, (zeros_BH1K, zeros_BH1K) if self.lookahead else (), keys, values, length=0)

    def attention(self, x_BTD: Tensor, ages: Ages, state: MemoryState | None, marks_BSM: Tensor, flat: bool) -> Tensor:
        """Attention to marked pairs; pair i has the mark of token i, whose key it holds. See ``Mixer.attention``."""
        start = state.length if state else 0
        queries_BHTK, keys_BHTK, _ = self.extract(x_BTD, state.recurrences if state else self._beginning(), start)
        if flat:
            queries_BHTK = torch.zeros_like(queries_BHTK)
        complete = keys_BHTK.shape[2] - self.lookahead
        marks_BPM = marks_BSM[:, : marks_BSM.shape[1] - self.lookahead]
        if state is None:
            return self._read_marks(
                lambda marks: memory_read(keys_BHTK, marks, self.bandwidth(), ages, queries_BHTK), marks_BPM
            )
        stored = [state.keys.view(), *state.pending[:1], keys_BHTK[:, :, :complete]]
        keys = GrowingTensor(torch.cat(stored, dim=2))
        return self._read_marks(
            lambda marks: self._read_stored(queries_BHTK, keys, GrowingTensor(marks), ages, start),
            marks_BPM[:, marks_BPM.shape[1] - keys.length :],
        )

    def _read_marks(self, read: Callable[[Tensor], Tensor], marks_BPM: Tensor) -> Tensor:
        return read_marks(read, marks_BPM, self.heads, self.value_projection.out_features // self.heads)

    def _beginning(self) -> tuple[None, ...]:
        return (None,) * len(self.recurrence_sizes)

    def _values(self, projections_BHTK: Tensor) -> Tensor:
        """Of complete pairs: of all tokens but the last where values look ahead."""
        if not self.lookahead:
            return projections_BHTK
        return lookahead_values(projections_BHTK, self.gamma, self.value_scale())

    def _complete(
        self, state: MemoryState, keys_BHTK: Tensor, projections_BHTK: Tensor
    ) -> tuple[GrowingTensor, GrowingTensor]:
        """Append the pairs that new tokens complete: where values look ahead, the pending one and all but the last."""
        if self.lookahead:
            pending_key_BH1K, pending_projection_BH1K = state.pending
            projections_BHTK = torch.cat([pending_projection_BH1K, projections_BHTK], 2)
            keys_BHTK = torch.cat([pending_key_BH1K, keys_BHTK[:, :, :-1]], 2)
        state.keys.append(keys_BHTK)
        state.values.append(self._values(projections_BHTK))
        return state.keys, state.values

    def _read_stored(
        self,
        queries_BHTK: Tensor,
        stored_keys: GrowingTensor,
        stored_values: GrowingTensor,
        ages: Ages,
        start: int | Tensor,
    ) -> Tensor:
        """Answers to new tokens at positions start, start + 1, ... from stored pairs, the newest of age 1, or of age 0.

        Where ``start`` is (B, 1, 1), positions and what is held have dimensions (B, 1) in front.
        """
        tokens, pairs = queries_BHTK.shape[2], stored_keys.length
        end = tokens - self.lookahead
        queries_T = start + positions(0, tokens, queries_BHTK)
        pairs_N = start + positions(end - pairs, end, queries_BHTK)
        held_TN = ages.holds(queries_T, pairs_N)
        queries_BHTK = scaled_queries(queries_BHTK, self.bandwidth(), ages, start)
        answers_BHTK = stored_attention(queries_BHTK, stored_keys, stored_values, held_TN, scale=1.0)
        return torch.where(held_TN.any(-1, keepdim=True), answers_BHTK, 0)  # an empty memory answers zero

    def split(self, x_BTD: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, K)."""
        return x_BTD.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _merge(self, x_BHTK: Tensor) -> Tensor:
        return x_BHTK.transpose(1, 2).flatten(2)
