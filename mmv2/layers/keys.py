"""Keys from features: gates of the key recurrence (Eq. 8), and keys without one.

Shapes: B rows, T tokens, D hidden size, H memory units (heads), K = D / H.
"""

import torch
from torch import Tensor, nn

from mmv2.ops.normalise import unit_norm


def gates(x_BTD: Tensor, gain_projection: nn.Linear, decay_projection: nn.Linear) -> tuple[Tensor, Tensor]:
    """log g_t = W_g x_t and -log lambda_t = |W_lambda x_t| of Eq. 8: (B, H, T) each."""
    # Gates are exponents: rounded to bfloat16 a large one would turn the keys.
    with torch.autocast(x_BTD.device.type, enabled=False):
        x_BTD = x_BTD.to(gain_projection.weight.dtype)
        return gain_projection(x_BTD).mT, decay_projection(x_BTD).abs().mT


def initial_leaky_decays(heads: int) -> Tensor:
    """-log lambda of a leaky average before training (H,): from 0.5 to 5, as in the code of Memory Mosaics v1."""
    return torch.linspace(0.5, 5.0, heads)


def leaky_gates(decay_H: Tensor, x_BTD: Tensor) -> tuple[Tensor, Tensor]:
    """Gates of a plain leaky average: g = 1, and one lambda = exp(-decay) per head at all times. (B, H, T) each."""
    decay_BHT = decay_H[:, None].expand(x_BTD.shape[0], -1, x_BTD.shape[1])
    return torch.zeros_like(decay_BHT), decay_BHT


def unit_keys(features_BHTK: Tensor) -> Tensor:
    """Every token's features alone, of unit norm; computed in float32 at least, as those of the recurrence are."""
    with torch.autocast(features_BHTK.device.type, enabled=False):
        wide_BHTK = features_BHTK.to(torch.promote_types(features_BHTK.dtype, torch.float32))
        return unit_norm(wide_BHTK).to(features_BHTK.dtype)
