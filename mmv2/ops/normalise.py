"""Vectors of given length, as Eqs. 8 and 9 need for every key and value."""

from typing import Any

import torch
from torch import Tensor

EPS = 1e-12
"""Smallest norm a vector is divided by: the zero vector stays zero."""


class _Rescale(torch.autograd.Function):
    """Autograd's own backward of scale * x / |x| makes twice as many passes over the vectors."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor | None) -> Tensor:
        factor = x.norm(dim=-1, keepdim=True).clamp_min_(EPS).reciprocal_()
        if scale is not None:
            factor *= scale
        rescaled = x * factor
        ctx.save_for_backward(rescaled, factor, scale)
        return rescaled

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None]:
        rescaled, factor, scale = ctx.saved_tensors
        along = (grad * rescaled).sum(-1, keepdim=True)
        grad_scale = None
        if scale is not None:
            along = along / scale
            grad_scale = along.sum_to_size(scale.shape)
            along = along / scale
        return torch.addcmul(grad, rescaled, along, value=-1).mul_(factor), grad_scale


def unit_norm(x: Tensor) -> Tensor:
    """x / |x| over the last dimension."""
    return _Rescale.apply(x, None)


def with_norm(x: Tensor, norm: Tensor) -> Tensor:
    """norm x / |x| over the last dimension, of x; ``norm``, not zero, broadcasts against it."""
    return _Rescale.apply(x, norm)
