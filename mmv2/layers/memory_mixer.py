"""Memories side by side in one block, whose answers a matrix W_o brings together (Section 3).

Shapes: B rows, T tokens, D hidden size, R chosen rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, cast

import torch
from torch import Tensor, nn

from mmv2.layers.decoder import LearntNumber, Mixer, MixerState
from mmv2.layers.documents import Documents
from mmv2.layers.initialisation import init_linear_
from mmv2.layers.memory import Memory
from mmv2.layers.memory_state import MemoryState
from mmv2.ops.memory_read import Ages


@dataclass(frozen=True)
class MemoryMixerState(MixerState):
    """Decoding state of one block: one for each memory, in their order."""

    memories: tuple[MemoryState, ...]

    def select(self, rows_R: Tensor) -> Self:
        return type(self)(tuple(memory.select(rows_R) for memory in self.memories))

    @classmethod
    def join(cls, states: Sequence[Self]) -> Self:
        """The sequences of all states, which may have read different numbers of tokens."""
        return cls(tuple(map(MemoryState.join, zip(*(state.memories for state in states), strict=True))))

    def content(self) -> list[Tensor]:
        return [tensor for memory in self.memories for tensor in memory.content()]


class MemoryMixer(Mixer):
    """Memories that read the same tokens, each with parameters of its own; W_o reads their answers in their order."""

    def __init__(self, memories: Mapping[str, Memory], ages: Mapping[str, Ages], width: int):
        """Take the memories as submodules.

        Args:
            memories: by name.
            ages: which pairs each holds, at inference. That called ``long_term`` holds pairs of the age that a training
                step draws, and more.
            width: D.
        """
        super().__init__()
        self.ages = dict(ages)
        for name, memory in memories.items():
            self.add_module(name, memory)
        self.output = nn.Linear(len(memories) * width, width, bias=False)  # W_o

    @property
    def memories(self) -> dict[str, Memory]:
        """By name."""
        return {name: cast(Memory, getattr(self, name)) for name in self.ages}

    def reset_parameters(self, layer: int) -> None:
        for memory in self.memories.values():
            memory.reset_parameters(layer)
        init_linear_(self.output.weight, self.output.out_features, layer)

    def forward(self, x_BTD: Tensor, documents: Documents, **step_inputs: int) -> Tensor:
        """Mix within documents. ``step_inputs``: ``long_term_delay``, this step's m; else the fixed m of inference."""
        drawn = {"long_term": Ages(step_inputs["long_term_delay"])} if "long_term_delay" in step_inputs else {}
        ages = self.ages | drawn
        return documents.join([self._mix(part_BTD, ages) for part_BTD in documents.split(x_BTD)])

    def _mix(self, x_BTD: Tensor, ages: Mapping[str, Ages]) -> Tensor:
        answers = [memory(x_BTD, ages[name]) for name, memory in self.memories.items()]
        return self.output(torch.cat(answers, -1))

    def extend(self, x_BTD: Tensor, state: MemoryMixerState | None) -> tuple[Tensor, MemoryMixerState]:
        answers, states = [], []
        for (name, memory), before in zip(self.memories.items(), self._before(state), strict=True):
            answer_BTD, after = memory.extend(x_BTD, self.ages[name], before)
            answers.append(answer_BTD)
            states.append(after)
        return self.output(torch.cat(answers, -1)), MemoryMixerState(tuple(states))

    def nothing_read(self, rows: int) -> MemoryMixerState:
        """The state before the first token, which ``extend`` takes as it takes None: for rows that begin later."""
        return MemoryMixerState(tuple(memory.nothing_read(rows) for memory in self.memories.values()))

    def attention(
        self, x_BTD: Tensor, state: MemoryMixerState | None, marks_BSM: Tensor, flat: bool
    ) -> Mapping[str, Tensor]:
        return {
            name: memory.attention(x_BTD, self.ages[name], before, marks_BSM, flat)
            for (name, memory), before in zip(self.memories.items(), self._before(state), strict=True)
        }

    def attention_parameters(self) -> Mapping[str, Mapping[str, LearntNumber]]:
        """The learned numbers of each memory's bandwidth (Eq. 6)."""
        return {name: memory.learnt() for name, memory in self.memories.items()}

    def _before(self, state: MemoryMixerState | None) -> Sequence[MemoryState | None]:
        return state.memories if state else (None,) * len(self.ages)
