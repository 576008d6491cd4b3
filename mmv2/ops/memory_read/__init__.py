"""Eqs. 4, 6 and 10: what an associative memory answers.

    f(k_t) = sum_i softmax_i(beta k_t . k_i) v_i                                           (Eq. 4)
    beta = beta_1 n^alpha + beta_0, with n the number of pairs the memory holds at t       (Eq. 6)

The memory at position t holds the pairs whose age t - i lies in [min_age, max_age):
    short-term, the pairs t-h+1 .. t-1 (Eq. 10): ages 1 .. h-1
    long-term, the pairs 1 .. t-m: ages m and more
An empty memory answers zero. The youngest pair that is ever read has age 1: T tokens come with T-1 pairs.

Softmax attention is the same read with queries of their own and, where a token attends to itself, ages from 0 on.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Bandwidth(NamedTuple):
    """The learned numbers of Eq. 6, one per memory unit."""

    beta_0_H: Tensor
    beta_1_H: Tensor
    alpha_H: Tensor

    def beta(self, pairs_T: Tensor) -> Tensor:
        """Eq. 6 at every number of pairs n: (H, T).

        By pow, not exp(alpha log n), whose gradient at n = 0 is not a number.
        """
        growth_HT = pairs_T.to(self.alpha_H.dtype) ** self.alpha_H[:, None]
        return self.beta_1_H[:, None] * growth_HT + self.beta_0_H[:, None]


class ConstantBandwidth(NamedTuple):
    """A beta that does not grow with the number of pairs, one per memory unit."""

    beta_H: Tensor

    def beta(self, pairs_T: Tensor) -> Tensor:
        """The same at every number of pairs: (H, 1)."""
        return self.beta_H[:, None]


AnyBandwidth = Bandwidth | ConstantBandwidth


class Ages(NamedTuple):
    """Which pairs a memory holds, by their age in tokens: min_age <= age < max_age (None: no upper limit)."""

    min_age: int
    max_age: int | None = None

    def pairs(self, positions_T: Tensor) -> Tensor:
        """Number n of pairs held at each position (counted from 0)."""
        return (positions_T - self.min_age + 1).clamp(min=0, max=self.most)

    @property
    def most(self) -> int | None:
        """The most pairs the memory ever holds."""
        return None if self.max_age is None else self.max_age - self.min_age

    def holds(self, queries_T: Tensor, pairs_N: Tensor) -> Tensor:
        """Whether the memory at query position t holds pair i: bool (T, N). There is no pair before position 0."""
        age_TN = queries_T[..., :, None] - pairs_N[..., None, :]
        held_TN = (age_TN >= self.min_age) & (pairs_N >= 0)[..., None, :]
        return held_TN if self.max_age is None else held_TN & (age_TN < self.max_age)


def positions(start: int, stop: int, like: Tensor) -> Tensor:
    """Token positions start .. stop-1 on the device of ``like``."""
    return torch.arange(start, stop, device=like.device)
