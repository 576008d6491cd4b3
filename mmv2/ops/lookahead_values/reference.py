"""Eq. 9 token by token. B rows, H memory units, T tokens, N = T - 1 complete pairs, K value dimension."""

import torch
from torch import Tensor

from mmv2.ops.normalise import EPS


def lookahead_values(projections_BHTK: Tensor, gamma_H: Tensor, scale_H: Tensor) -> Tensor:
    """Values (B, H, N, K) of norm ``scale_H``.

    Args:
        projections_BHTK: W_psi x_t.
        gamma_H: weight of the present token.
        scale_H: alpha_psi.
    """
    values = []
    for t in range(projections_BHTK.shape[2] - 1):
        present_BHK, next_BHK = projections_BHTK[:, :, t], projections_BHTK[:, :, t + 1]
        mixed_BHK = gamma_H[:, None] * present_BHK + (1 - gamma_H[:, None]) * next_BHK
        norm_BH1 = mixed_BHK.norm(dim=-1, keepdim=True).clamp_min(EPS)
        values.append(scale_H[:, None] * mixed_BHK / norm_BH1)
    return torch.stack(values, dim=2) if values else projections_BHTK[:, :, :0]
