"""Eq. 9 for all tokens at once. B rows, H memory units, T tokens, N = T - 1 complete pairs, K value dimension."""

import torch
from torch import Tensor

from mmv2.ops.normalise import unit_norm


def lookahead_values(projections_BHTK: Tensor, gamma_H: Tensor, scale_H: Tensor) -> Tensor:
    """See ``reference.lookahead_values``. Computes in float32 at least; values have the dtype of the projections."""
    dtype = torch.promote_types(projections_BHTK.dtype, torch.float32)
    with torch.autocast(projections_BHTK.device.type, enabled=False):
        present_BHNK, next_BHNK = projections_BHTK[:, :, :-1].to(dtype), projections_BHTK[:, :, 1:].to(dtype)
        mixed_BHNK = torch.lerp(next_BHNK, present_BHNK, gamma_H.to(dtype)[:, None, None])
        values_BHNK = scale_H.to(dtype)[:, None, None] * unit_norm(mixed_BHNK)
    return values_BHNK.to(projections_BHTK.dtype)
