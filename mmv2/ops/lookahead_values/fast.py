"""Eq. 9 for all tokens at once. B rows, H memory units, T tokens, N = T - 1 complete pairs, K value dimension."""

from typing import Any

import torch
from torch import Tensor

from mmv2.ops.normalise import with_norm


def lookahead_values(projections_BHTK: Tensor, gamma_H: Tensor, scale_H: Tensor) -> Tensor:
    """See ``reference.lookahead_values``. Computes in float32 at least; values have the dtype of the projections."""
    dtype = torch.promote_types(projections_BHTK.dtype, torch.float32)
    with torch.autocast(projections_BHTK.device.type, enabled=False):
        mixed_BHNK = _Lookahead.apply(projections_BHTK.to(dtype), gamma_H.to(dtype)[:, None, None])
        values_BHNK = with_norm(mixed_BHNK, scale_H.to(dtype)[:, None, None])
    return values_BHNK.to(projections_BHTK.dtype)


class _Lookahead(torch.autograd.Function):
    """gamma x_t + (1 - gamma) x_{t+1}; the backward of two overlapping slices would fill and add whole tensors."""

    @staticmethod
    def forward(ctx: Any, x_BHTK: Tensor, gamma_H11: Tensor) -> Tensor:
        ctx.save_for_backward(x_BHTK, gamma_H11)
        return torch.lerp(x_BHTK[:, :, 1:], x_BHTK[:, :, :-1], gamma_H11)

    @staticmethod
    def backward(ctx: Any, grad_BHNK: Tensor) -> tuple[Tensor, Tensor]:
        x_BHTK, gamma_H11 = ctx.saved_tensors
        grad_x_BHTK = torch.empty_like(x_BHTK)
        grad_x_BHTK[:, :, -1] = 0
        torch.mul(grad_BHNK, gamma_H11, out=grad_x_BHTK[:, :, :-1])
        grad_x_BHTK[:, :, 1:].addcmul_(grad_BHNK, 1 - gamma_H11)
        grad_gamma_H = ((x_BHTK[:, :, :-1] - x_BHTK[:, :, 1:]) * grad_BHNK).sum((0, 2, 3))
        return grad_x_BHTK, grad_gamma_H[:, None, None]
