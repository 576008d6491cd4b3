"""Eq. 8 in chunks: a product with a lower-triangular matrix of weights inside a chunk, a state between chunks.

The states between chunks obey the same recurrence as the tokens (a chunk's gain is its largest weight, its decay the
sum of its decays), so they are computed by the same function, one level up: depth is logarithmic in T, memory linear.

B rows, H memory units, T tokens, K key dimension, N chunks of C tokens.
"""

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
    dtype = torch.promote_types(features_BHTK.dtype, torch.float32)
    with torch.autocast(features_BHTK.device.type, enabled=False):
        sum_BHTK, log_scale_BHT = _decayed_sum(
            features_BHTK.to(dtype), log_gain_BHT.to(dtype), decay_BHT.to(dtype), initial
        )
        keys_BHTK = unit_norm(sum_BHTK)
    return keys_BHTK.to(features_BHTK.dtype), KeyState(sum_BHTK[:, :, -1].clone(), log_scale_BHT[:, :, -1].clone())


def _decayed_sum(
    x_BHTK: Tensor, gain_BHT: Tensor, decay_BHT: Tensor, initial: KeyState | None
) -> tuple[Tensor, Tensor]:
    """The running sum kbar_t as (sum_t, log_scale_t). Scales are constants to autograd: normalisation cancels them."""
    length = x_BHTK.shape[2]
    size = min(CHUNK, length)
    fill = -length % size
    if fill:
        x_BHTK, gain_BHT, decay_BHT = (
            F.pad(x_BHTK, (0, 0, 0, fill)),
            F.pad(gain_BHT, (0, fill), value=-torch.inf),
            F.pad(decay_BHT, (0, fill)),
        )
    x_BHNCK, gain_BHNC, decay_BHNC = (x.unflatten(2, (-1, size)) for x in (x_BHTK, gain_BHT, decay_BHT))

    exponent_BHNCC = _exponents(gain_BHNC, decay_BHNC)
    if initial is None and length == size:
        scale_BHNC = exponent_BHNCC.detach().amax(-1)
        sum_BHNCK = (exponent_BHNCC - scale_BHNC[..., None]).exp() @ x_BHNCK
    else:
        elapsed_BHNC = decay_BHNC.cumsum(-1)
        before = _states_before(x_BHNCK, exponent_BHNCC[..., -1, :], elapsed_BHNC[..., -1], initial)
        exponent_BHNC = before.log_scale_BH[..., None] - elapsed_BHNC
        scale_BHNC = torch.maximum(exponent_BHNCC.detach().amax(-1), exponent_BHNC.detach())
        left_BHNCK = (exponent_BHNC - scale_BHNC).exp()[..., None] * before.sum_BHK[..., None, :]
        sum_BHNCK = left_BHNCK + (exponent_BHNCC - scale_BHNC[..., None]).exp() @ x_BHNCK
    return sum_BHNCK.flatten(2, 3)[:, :, :length], scale_BHNC.flatten(2, 3)[:, :, :length]


def _exponents(gain_BHNC: Tensor, decay_BHNC: Tensor) -> Tensor:
    """Log weight of token s in the sum at token t >= s of the same chunk; -inf for s > t."""
    size = decay_BHNC.shape[-1]
    below_CC = torch.ones(size, size, dtype=torch.bool, device=decay_BHNC.device).tril(-1)
    # Between tokens s < t the decays s+1 .. t are added up afresh for every s: differences of one running sum would
    # lose all digits behind a large gate.
    between_BHNCC = torch.where(below_CC, decay_BHNC[..., None], 0).cumsum(-2)
    return torch.where(below_CC.mT, -torch.inf, gain_BHNC[..., None, :] - between_BHNCC)


def _states_before(x_BHNCK: Tensor, exponent_BHNC: Tensor, elapsed_BHN: Tensor, initial: KeyState | None) -> KeyState:
    """The state at each chunk's beginning, from each chunk's tokens, their log weights at its end, its total decay."""
    x_BHNCK, exponent_BHNC, elapsed_BHN = x_BHNCK[:, :, :-1], exponent_BHNC[:, :, :-1], elapsed_BHN[:, :, :-1]
    gain_BHN = exponent_BHNC.detach().amax(-1)
    weights_BHN1C = (exponent_BHNC - gain_BHN[..., None]).exp()[..., None, :]
    sum_BHNK = (weights_BHN1C @ x_BHNCK).squeeze(-2)
    if initial is None:
        first = KeyState(torch.zeros_like(x_BHNCK[:, :, 0, 0]), torch.full_like(elapsed_BHN[:, :, 0], -torch.inf))
    else:
        first = initial
    if sum_BHNK.shape[2] == 0:
        return KeyState(first.sum_BHK[:, :, None], first.log_scale_BH[:, :, None])
    after_BHNK, after_scale_BHN = _decayed_sum(sum_BHNK, gain_BHN, elapsed_BHN, initial)
    return KeyState(
        torch.cat([first.sum_BHK[:, :, None], after_BHNK], 2),
        torch.cat([first.log_scale_BH[:, :, None], after_scale_BHN], 2),
    )
