"""The paper's initialisation of weight matrices (Table 6)."""

import math

import torch
from torch import Tensor


def init_linear_(weight: Tensor, fan_in: int, layer: int = 0) -> None:
    """Fill in place from a normal with sigma = 1 / sqrt(2 fan_in (layer + 1)), clamped to 3 sigma.

    Args:
        weight: the matrix; on the meta device nothing happens.
        fan_in: d for most matrices, d' for W_2.
        layer: block index from 0; 0 for the embedding and the classifier.
    """
    sigma = 1 / math.sqrt(2 * fan_in * (layer + 1))
    with torch.no_grad():
        weight.normal_(std=sigma).clamp_(-3 * sigma, 3 * sigma)
