"""Eq. 8 in chunks: a product with a lower-triangular matrix of weights inside a chunk, a state between chunks.

The states between chunks obey the same recurrence as the tokens (a chunk's gain is its largest weight, its decay the
sum of its decays), so they are computed by the same function, one level up: depth is logarithmic in T, memory linear.

B rows, H memory units, T tokens, K key dimension, N chunks of C tokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmv2.ops.gated_keys import EPS, KeyState

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
        keys_BHTK = F.normalize(sum_BHTK, dim=-1, eps=EPS)
    return keys_BHTK.to(features_BHTK.dtype), KeyState(sum_BHTK[:, :, -1].clone(), log_scale_BHT[:, :, -1].clone())


def _decayed_sum(
    x_BHTK: Tensor, gain_BHT: Tensor, decay_BHT: Tensor, initial: KeyState | None
) -> tuple[Tensor, Tensor]:
    """The running sum kbar_t as (sum_t, log_scale_t). Scales are constants to autograd: normalisation cancels them."""
    length = x_BHTK.shape[2]
    size = min(CHUNK, length)
    fill = -length % size
    x_BHNCK = F.pad(x_BHTK, (0, 0, 0, fill)).unflatten(2, (-1, size))
    gain_BHNC = F.pad(gain_BHT, (0, fill), value=-torch.inf).unflatten(2, (-1, size))
    decay_BHNC = F.pad(decay_BHT, (0, fill)).unflatten(2, (-1, size))

    sum_BHNCK, scale_BHNC = _within_chunks(x_BHNCK, gain_BHNC, decay_BHNC)
    if initial is not None or length > size:
        elapsed_BHNC = decay_BHNC.cumsum(-1)
        before = _states_before(sum_BHNCK[..., -1, :], scale_BHNC[..., -1], elapsed_BHNC[..., -1], initial)
        sum_BHNCK, scale_BHNC = _add_state(sum_BHNCK, scale_BHNC, elapsed_BHNC, before)
    return sum_BHNCK.flatten(2, 3)[:, :, :length], scale_BHNC.flatten(2, 3)[:, :, :length]


def _within_chunks(x_BHNCK: Tensor, gain_BHNC: Tensor, decay_BHNC: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over the tokens of the same chunk, as if every chunk began a document."""
    size = decay_BHNC.shape[-1]
    below_CC = torch.ones(size, size, dtype=torch.bool, device=x_BHNCK.device).tril(-1)
    # Between tokens s < t the decays s+1 .. t are added up afresh for every s: differences of one running sum would
    # lose all digits behind a large gate.
    between_BHNCC = torch.where(below_CC, decay_BHNC[..., None], 0).cumsum(-2)
    exponent_BHNCC = torch.where(below_CC.mT, -torch.inf, gain_BHNC[..., None, :] - between_BHNCC)
    scale_BHNC = exponent_BHNCC.detach().amax(-1)
    weights_BHNCC = (exponent_BHNCC - scale_BHNC[..., None]).exp()
    return weights_BHNCC @ x_BHNCK, scale_BHNC


def _states_before(sum_BHNK: Tensor, scale_BHN: Tensor, elapsed_BHN: Tensor, initial: KeyState | None) -> KeyState:
    """The state at each chunk's beginning, from each chunk's own sum and total decay."""
    if initial is None:
        initial = KeyState(torch.zeros_like(sum_BHNK[:, :, 0]), torch.full_like(scale_BHN[:, :, 0], -torch.inf))
        state_after = _decayed_sum(sum_BHNK[:, :, :-1], scale_BHN[:, :, :-1], elapsed_BHN[:, :, :-1], None)
    elif sum_BHNK.shape[2] > 1:
        state_after = _decayed_sum(sum_BHNK[:, :, :-1], scale_BHN[:, :, :-1], elapsed_BHN[:, :, :-1], initial)
    else:
        state_after = sum_BHNK[:, :, :0], scale_BHN[:, :, :0]
    sum_BH1K, log_scale_BH1 = initial.sum_BHK[:, :, None], initial.log_scale_BH[:, :, None]
    return KeyState(torch.cat([sum_BH1K, state_after[0]], 2), torch.cat([log_scale_BH1, state_after[1]], 2))


def _add_state(sum_BHNCK: Tensor, scale_BHNC: Tensor, elapsed_BHNC: Tensor, before: KeyState) -> tuple[Tensor, Tensor]:
    """Add what is left of the state before the chunk to every token's sum."""
    exponent_BHNC = before.log_scale_BH[..., None] - elapsed_BHNC
    total_BHNC = torch.maximum(scale_BHNC, exponent_BHNC.detach())
    own_BHNC = (scale_BHNC - total_BHNC).exp()
    left_BHNC = (exponent_BHNC - total_BHNC).exp()
    return own_BHNC[..., None] * sum_BHNCK + left_BHNC[..., None] * before.sum_BHK[..., None, :], total_BHNC
