"""Division by the Euclidean norm, as Eqs. 8 and 9 need it for every key and value."""

from typing import Any

import torch
from torch import Tensor

EPS = 1e-12
"""Smallest norm a vector is divided by: the zero vector stays zero."""


class _UnitNorm(torch.autograd.Function):
    """Autograd's own backward of x / |x| makes twice as many passes over the vectors."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        inverse_norm = x.norm(dim=-1, keepdim=True).clamp_min_(EPS).reciprocal_()
        unit = x * inverse_norm
        ctx.save_for_backward(unit, inverse_norm)
        return unit

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        unit, inverse_norm = ctx.saved_tensors
        along = (grad * unit).sum(-1, keepdim=True)
        return torch.addcmul(grad, unit, along, value=-1).mul_(inverse_norm)


def unit_norm(x: Tensor) -> Tensor:
    """x / |x| over the last dimension."""
    return _UnitNorm.apply(x)
