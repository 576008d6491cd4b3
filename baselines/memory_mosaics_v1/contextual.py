"""The contextual memory: at position t it holds the pairs 1 .. t-1 of its document.

Shapes: B rows, T tokens, D hidden size, H memory units (heads), K = D / H.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from baselines.memory_mosaics_v1.config import MemoryMosaicsV1Config
from baselines.memory_mosaics_v1.keys import LeakyKeys
from baselines.memory_mosaics_v1.numbers import LOG_NORM, ScaledConstantForm, value_norm
from baselines.memory_mosaics_v1.state import LayerState
from mmv2.layers.decoder import LearntNumber, Mixer
from mmv2.layers.documents import Documents
from mmv2.layers.initialisation import init_linear_
from mmv2.layers.memory import Memory
from mmv2.layers.memory_mixer import MemoryMixer
from mmv2.ops.gated_keys import KeyState
from mmv2.ops.memory_read import Ages


class ContextualMemory(Memory):
    """Its units: keys, values that look one token ahead, and the read."""

    def __init__(self, config: MemoryMosaicsV1Config):
        super().__init__(config.num_heads, ScaledConstantForm(config.theta_scale))
        self.theta_scale = config.theta_scale
        self.key_extractor = LeakyKeys(config)
        self.value_projection = nn.Linear(config.hidden_size, config.hidden_size, bias=False)  # W_psi

    @torch.no_grad()
    def reset_parameters(self, layer: int) -> None:
        """Matrices as in Table 6 of Memory Mosaics v2, numbers as in the code of v1's authors."""
        self.key_extractor.reset_parameters(layer)
        init_linear_(self.value_projection.weight, self.value_projection.in_features, layer)
        self.reset_numbers()
        self.theta_alpha_psi.fill_(LOG_NORM / self.theta_scale)

    def value_scale(self) -> Tensor:
        return value_norm(self.theta_alpha_psi, self.theta_scale)

    def extract(
        self, x_BTD: Tensor, initial: Sequence[KeyState | None], start: int | Tensor
    ) -> tuple[Tensor, Tensor, tuple[KeyState, ...]]:
        keys_BHTK, recurrence = self.key_extractor(x_BTD, *initial)
        return keys_BHTK, keys_BHTK, (recurrence,)

    @property
    def recurrence_sizes(self) -> tuple[int, ...]:
        return (self.value_projection.out_features // self.heads,)


class ContextualMixer(Mixer):
    """The contextual memory of a block; while decoding it hands on what the block's persistent memory remembers."""

    def __init__(self, config: MemoryMosaicsV1Config):
        super().__init__()
        self.memories = MemoryMixer(
            {"contextual": ContextualMemory(config)}, {"contextual": Ages(1)}, config.hidden_size
        )

    def reset_parameters(self, layer: int) -> None:
        self.memories.reset_parameters(layer)

    def forward(self, x_BTD: Tensor, documents: Documents, **step_inputs: int) -> Tensor:
        return self.memories(x_BTD, documents)

    def extend(self, x_BTD: Tensor, state: LayerState | None) -> tuple[Tensor, LayerState]:
        answers_BTD, contextual = self.memories.extend(x_BTD, state.contextual if state else None)
        return answers_BTD, LayerState(contextual, state.persistent if state else None)

    def attention(self, x_BTD: Tensor, state: LayerState | None, marks_BSM: Tensor, flat: bool) -> Mapping[str, Tensor]:
        return self.memories.attention(x_BTD, state.contextual if state else None, marks_BSM, flat)

    def attention_parameters(self) -> Mapping[str, Mapping[str, LearntNumber]]:
        """beta."""
        return self.memories.attention_parameters()
