"""Keys of a memory's units: leaky averages of a projection, of unit norm.

    kbar_t = W_phi x_t + lambda kbar_{t-1}      k_t = kbar_t / |kbar_t|

That is Eq. 8 of Memory Mosaics v2 with g = 1 and a lambda that does not depend on x, so its operator computes it.

Shapes: B rows, T tokens, D hidden size, H memory units (heads), K = D / H.
"""

import torch
from torch import Tensor, nn

from baselines.memory_mosaics_v1.config import MemoryMosaicsV1Config
from mmv2.layers.initialisation import init_linear_
from mmv2.layers.keys import initial_leaky_decays, leaky_gates
from mmv2.ops.gated_keys import KeyState
from mmv2.ops.gated_keys.fast import gated_keys


class LeakyKeys(nn.Module):
    """The key extractor of all units of one memory."""

    def __init__(self, config: MemoryMosaicsV1Config):
        super().__init__()
        self.heads = config.num_heads
        self.theta_scale = config.theta_scale
        self.projection = nn.Linear(config.hidden_size, config.hidden_size, bias=False)  # W_phi
        self.theta_lambda = nn.Parameter(torch.empty(config.num_heads))

    @torch.no_grad()
    def reset_parameters(self, layer: int) -> None:
        """W_phi as in Table 6 of Memory Mosaics v2; lambda from exp(-0.5) to exp(-5)."""
        init_linear_(self.projection.weight, self.projection.in_features, layer)
        self.theta_lambda.copy_(initial_leaky_decays(self.heads) / self.theta_scale)

    def decay(self) -> Tensor:
        """-log lambda of every unit (H,), never negative."""
        return (self.theta_scale * self.theta_lambda).abs()

    def forward(self, x_BTD: Tensor, initial: KeyState | None = None) -> tuple[Tensor, KeyState]:
        """Keys (B, H, T, K) of T tokens of one document in each row, and the recurrence after them.

        Args:
            x_BTD: the tokens; padded at the end where nothing goes on after them.
            initial: the recurrence after the tokens before; None: the document begins.
        """
        features_BHTK = self.projection(x_BTD).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return gated_keys(features_BHTK, *leaky_gates(self.decay(), x_BTD), initial)
