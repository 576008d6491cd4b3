"""Eq. 9 for all tokens at once. B rows, H memory units, T tokens, K value dimension."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmv2.ops.lookahead_values import EPS


def lookahead_values(projections_BHTK: Tensor, gamma_H: Tensor, scale_H: Tensor) -> Tensor:
    """See ``reference.lookahead_values``. Computes in float32 at least; values have the dtype of the projections."""
    dtype = torch.promote_types(projections_BHTK.dtype, torch.float32)
    with torch.autocast(projections_BHTK.device.type, enabled=False):
        present_BHTK = projections_BHTK.to(dtype)
        next_BHTK = F.pad(present_BHTK[:, :, 1:], (0, 0, 0, 1))
        mixed_BHTK = torch.lerp(next_BHTK, present_BHTK, gamma_H.to(dtype)[:, None, None])
        values_BHTK = scale_H.to(dtype)[:, None, None] * F.normalize(mixed_BHTK, dim=-1, eps=EPS)
    return values_BHTK.to(projections_BHTK.dtype)
