"""Eq. 9 token by token. B rows, H memory units, T tokens, K value dimension."""

import torch
from torch import Tensor

from mmv2.ops.lookahead_values import EPS


def lookahead_values(projections_BHTK: Tensor, gamma_H: Tensor, scale_H: Tensor) -> Tensor:
    """Values (B, H, T, K) of norm ``scale_H``.

    Args:
        projections_BHTK: W_psi x_t.
        gamma_H: weight of the present token.
        scale_H: alpha_psi.
    """
    length = projections_BHTK.shape[2]
    values = []
    for t in range(length):
        present_BHK = projections_BHTK[:, :, t]
        next_BHK = projections_BHTK[:, :, t + 1] if t + 1 < length else torch.zeros_like(present_BHK)
        mixed_BHK = gamma_H[:, None] * present_BHK + (1 - gamma_H[:, None]) * next_BHK
        norm_BH1 = mixed_BHK.norm(dim=-1, keepdim=True).clamp_min(EPS)
        values.append(scale_H[:, None] * mixed_BHK / norm_BH1)
    return torch.stack(values, dim=2)
