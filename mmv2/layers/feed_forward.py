"""SwiGLU feed-forward: the transformer's, and Memory Mosaics' persistent memory (Section 3)."""

import torch.nn.functional as F
from torch import Tensor, nn

from mmv2.layers.initialisation import init_linear_


class SwiGLU(nn.Module):
    """W_2 (SiLU(W_1 x) * W_3 x), without biases. (..., hidden_size) -> (..., hidden_size)."""

    def __init__(self, hidden_size: int, intermediate_size: int):
        super().__init__()
        self.w1 = nn.Linear(hidden_size, intermediate_size, bias=False)
        self.w2 = nn.Linear(intermediate_size, hidden_size, bias=False)
        self.w3 = nn.Linear(hidden_size, intermediate_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(x)) * self.w3(x))

    def reset_parameters(self, layer: int) -> None:
        """Table 6: sigma from d for W_1 and W_3, from d' for W_2."""
        init_linear_(self.w1.weight, self.w1.in_features, layer)
        init_linear_(self.w3.weight, self.w3.in_features, layer)
        init_linear_(self.w2.weight, self.w2.in_features, layer)
