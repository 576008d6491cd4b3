"""Rotary position encoding with the half-split rotation of Llama: feature i turns with feature i + E/2.

Shapes: B rows, H heads, T tokens, E head dimension, F = E / 2 frequencies.
"""

import torch
from torch import Tensor


def rotation(
    start: int | Tensor, length: int, head_dim: int, theta: float, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, F) in float32 of the positions start .. start + length - 1.

    Args:
        start: (B, 1, 1) where rows begin at different positions: then the results are (B, 1, T, F).
        theta: rope_theta; frequency i is theta ** (-2 i / E).
    """
    exponents_F = torch.arange(0, head_dim, 2, dtype=torch.float32, device=device) / head_dim
    positions_T = torch.arange(length, device=device) + start
    angles_TF = positions_T.to(torch.float32)[..., None] * (1.0 / theta**exponents_F)
    return angles_TF.cos(), angles_TF.sin()


def rotate(x_BHTE: Tensor, cos_TF: Tensor, sin_TF: Tensor) -> Tensor:
    """Turn queries or keys by their positions: in float32 at least, returned in the type of ``x``."""
    left_BHTF, right_BHTF = x_BHTE.to(torch.promote_types(x_BHTE.dtype, torch.float32)).chunk(2, dim=-1)
    turned = (left_BHTF * cos_TF - right_BHTF * sin_TF, right_BHTF * cos_TF + left_BHTF * sin_TF)
    return torch.cat(turned, dim=-1).to(x_BHTE.dtype)
