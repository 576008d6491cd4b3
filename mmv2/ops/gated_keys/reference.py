"""Eq. 8 token by token. B rows, H memory units, T tokens, K key dimension, L = K + 1."""

import torch
from torch import Tensor

from mmv2.ops.gated_keys import KeyState
from mmv2.ops.normalise import EPS


def gated_keys(
    features_BHTK: Tensor, log_gain_BHT: Tensor, decay_BHT: Tensor, initial: KeyState | None = None
) -> tuple[Tensor, KeyState]:
    """Unit-norm keys (B, H, T, K) and the state after the last token.

    Args:
        features_BHTK: W_phi x_t.
        log_gain_BHT: log g_t = W_g x_t.
        decay_BHT: -log lambda_t = |W_lambda x_t|, at least 0.
        initial: the state to continue from; None: a document begins.
    """
    sums_BHTK, state = _decayed_sums(features_BHTK, log_gain_BHT, decay_BHT, initial)
    return sums_BHTK / sums_BHTK.norm(dim=-1, keepdim=True).clamp_min(EPS), state


def gated_means(
    features_BHTK: Tensor, log_gain_BHT: Tensor, decay_BHT: Tensor, initial: KeyState | None = None
) -> tuple[Tensor, KeyState]:
    """Weighted means (B, H, T, K) of the features so far, and the state after the last token. See ``gated_keys``."""
    ones_BHT1 = torch.ones_like(features_BHTK[..., :1])
    sums_BHTL, state = _decayed_sums(torch.cat([features_BHTK, ones_BHT1], -1), log_gain_BHT, decay_BHT, initial)
    return sums_BHTL[..., :-1] / sums_BHTL[..., -1:], state


def _decayed_sums(
    features_BHTK: Tensor, log_gain_BHT: Tensor, decay_BHT: Tensor, initial: KeyState | None
) -> tuple[Tensor, KeyState]:
    """kbar_t, divided at each t by its largest weight, and the state."""
    if initial is None:
        initial = KeyState(torch.zeros_like(features_BHTK[:, :, 0]), torch.full_like(log_gain_BHT[:, :, 0], -torch.inf))
    sum_BHK, log_scale_BH = initial
    sums = []
    for t in range(features_BHTK.shape[2]):
        remaining_BH = log_scale_BH - decay_BHT[:, :, t]
        log_scale_BH = torch.maximum(remaining_BH, log_gain_BHT[:, :, t]).detach()  # any common factor may be taken out
        gain_BH1 = (log_gain_BHT[:, :, t] - log_scale_BH).exp()[..., None]
        kept_BH1 = (remaining_BH - log_scale_BH).exp()[..., None]
        sum_BHK = gain_BH1 * features_BHTK[:, :, t] + kept_BH1 * sum_BHK
        sums.append(sum_BHK)
    return torch.stack(sums, dim=2), KeyState(sum_BHK, log_scale_BH)
