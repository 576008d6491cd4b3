"""Eq. 8 in chunks: a product with a lower-triangular matrix of weights inside a chunk, a state between chunks.

Counted from the beginning of its chunk, token s enters every later sum with the log weight

    q_s = log g_s + p_s,    p_s = -(log lambda_1 + ... + log lambda_s)

and the sum at t is exp(r_t - p_t) times sum_s exp(q_s - r_t) x_s, for any r_t. With r_t the largest q up to t, no
exponent is positive. Logarithms are kept in float64: differences of large ones must keep their digits.

The states between chunks obey the same recurrence as the tokens, with a chunk's weight for a gain and its decay for a
decay, so the same function computes them, one level up: depth is logarithmic in T, memory linear.

B rows, H memory units, T tokens, K key dimension, L = K + 1, N chunks of C tokens, S = C + 1 terms of a sum.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmv2.ops.gated_keys import KeyState
from mmv2.ops.normalise import unit_norm

CHUNK = 16


def gated_keys(
    features_BHTK: Tensor, log_gain_BHT: Tensor, decay_BHT: Tensor, initial: KeyState | None = None
) -> tuple[Tensor, KeyState]:
    """See ``reference.gated_keys``. Computes in float32 at least; keys have the dtype of the features."""
    with torch.autocast(features_BHTK.device.type, enabled=False):
        sum_BHTK, state = _sums(features_BHTK, log_gain_BHT, decay_BHT, initial)
        keys_BHTK = unit_norm(sum_BHTK)
    return keys_BHTK.to(features_BHTK.dtype), state


def gated_means(
    features_BHTK: Tensor, log_gain_BHT: Tensor, decay_BHT: Tensor, initial: KeyState | None = None
) -> tuple[Tensor, KeyState]:
    """See ``reference.gated_means``. Computes in float32 at least; means have the dtype of the features."""
    with torch.autocast(features_BHTK.device.type, enabled=False):
        sum_BHTL, state = _sums(F.pad(features_BHTK, (0, 1), value=1.0), log_gain_BHT, decay_BHT, initial)
        means_BHTK = sum_BHTL[..., :-1] / sum_BHTL[..., -1:]  # by 1 at least, the largest weight
    return means_BHTK.to(features_BHTK.dtype), state


def _sums(
    features_BHTK: Tensor, log_gain_BHT: Tensor, decay_BHT: Tensor, initial: KeyState | None
) -> tuple[Tensor, KeyState]:
    """The running sum at every token, divided by its largest weight, and the state after the last."""
    x_BHTK = features_BHTK.to(torch.promote_types(features_BHTK.dtype, torch.float32))
    gain_BHT, decay_BHT = log_gain_BHT.double(), decay_BHT.double()
    if initial is None:
        initial = KeyState(torch.zeros_like(x_BHTK[:, :, 0]), torch.full_like(gain_BHT[:, :, 0], -torch.inf))
    sum_BHTK, log_scale_BHT = _decayed_sum(x_BHTK, gain_BHT, decay_BHT, initial)
    return sum_BHTK, KeyState(sum_BHTK[:, :, -1].clone(), log_scale_BHT[:, :, -1].clone())


def _decayed_sum(x_BHTK: Tensor, gain_BHT: Tensor, decay_BHT: Tensor, initial: KeyState) -> tuple[Tensor, Tensor]:
    """The running sum kbar_t as (sum_t, log_scale_t). The r_t are constants to autograd: normalisation cancels them."""
    length = x_BHTK.shape[2]
    size = min(CHUNK, length)
    fill = -length % size
    if fill:
        x_BHTK, decay_BHT = F.pad(x_BHTK, (0, 0, 0, fill)), F.pad(decay_BHT, (0, fill))
        gain_BHT = F.pad(gain_BHT, (0, fill), value=-torch.inf)
    x_BHNCK, gain_BHNC, decay_BHNC = (x.unflatten(2, (-1, size)) for x in (x_BHTK, gain_BHT, decay_BHT))

    p_BHNC = decay_BHNC.cumsum(-1)
    q_BHNC = gain_BHNC + p_BHNC
    before = _states_before(x_BHNCK, q_BHNC, p_BHNC[..., -1], initial)
    # The state enters like one more token, before the chunk's first and without decay.
    q_BHNS = torch.cat([before.log_scale_BH[..., None], q_BHNC], -1)
    r_BHNC = q_BHNS.detach().cummax(-1).values[..., 1:]
    x_BHNSK = torch.cat([before.sum_BHK[..., None, :], x_BHNCK], -2)
    sum_BHTK = (_Weights.apply(q_BHNS, r_BHNC, x_BHTK.dtype) @ x_BHNSK).flatten(2, 3)
    log_scale_BHT = (r_BHNC - p_BHNC).flatten(2, 3)
    return (sum_BHTK[:, :, :length], log_scale_BHT[:, :, :length]) if fill else (sum_BHTK, log_scale_BHT)


def _states_before(x_BHNCK: Tensor, q_BHNC: Tensor, p_BHN: Tensor, initial: KeyState) -> KeyState:
    """The state at each chunk's beginning (B, H, N), from each chunk's tokens, their log weights, its total decay."""
    first_BH1K, first_BH1 = initial.sum_BHK[:, :, None], initial.log_scale_BH[:, :, None]
    if p_BHN.shape[2] == 1:
        return KeyState(first_BH1K, first_BH1)
    r_BHN = q_BHNC.detach().amax(-1)
    weights_BHNC = (q_BHNC - r_BHN[..., None]).exp().to(x_BHNCK.dtype)
    sum_BHNK = (weights_BHNC[..., None, :] @ x_BHNCK).squeeze(-2)
    sum_BHNK, log_scale_BHN = _decayed_sum(sum_BHNK[:, :, :-1], (r_BHN - p_BHN)[:, :, :-1], p_BHN[:, :, :-1], initial)
    return KeyState(torch.cat([first_BH1K, sum_BHNK], 2), torch.cat([first_BH1, log_scale_BHN], 2))


class _Weights(torch.autograd.Function):
    """exp(q_s - r_t) for the state and for tokens s <= t, else 0: (B, H, N, C, S), S = C + 1. Few passes over it."""

    @staticmethod
    def forward(ctx: Any, q_BHNS: Tensor, r_BHNC: Tensor, dtype: torch.dtype) -> Tensor:
        later_CS = torch.ones(r_BHNC.shape[-1], q_BHNS.shape[-1], dtype=torch.bool, device=q_BHNS.device).triu(2)
        exponents_BHNCS = (q_BHNS[..., None, :] - r_BHNC[..., None]).to(dtype)
        weights_BHNCS = exponents_BHNCS.masked_fill_(later_CS, -torch.inf).exp_()
        ctx.save_for_backward(weights_BHNCS)
        return weights_BHNCS

    @staticmethod
    def backward(ctx: Any, grad_BHNCS: Tensor) -> tuple[Tensor, None, None]:
        (weights_BHNCS,) = ctx.saved_tensors
        return (grad_BHNCS * weights_BHNCS).sum(-2).double(), None, None
