"""Memory Mosaics v2: the decoder frame around short-term and long-term memories (Section 3).

The third level, persistent memory, is the frame's SwiGLU feed-forward.

Shapes: B rows, T tokens, D hidden size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, cast

import torch
from torch import Tensor, nn

from mmv2.errors import UserError
from mmv2.layers.decoder import Decoder, LearntNumber, Mixer, MixerState
from mmv2.layers.documents import Documents
from mmv2.layers.initialisation import init_linear_
from mmv2.model.config import MosaicConfig
from mmv2.model.memory import AssociativeMemory, MemoryState
from mmv2.ops.memory_read import Ages


@dataclass(frozen=True)
class MosaicState(MixerState):
    """Decoding state of one block."""

    short_term: MemoryState
    long_term: MemoryState | None

    def select(self, rows_R: Tensor) -> Self:
        return type(self)(self.short_term.select(rows_R), self.long_term.select(rows_R) if self.long_term else None)

    @classmethod
    def join(cls, states: Sequence[Self]) -> Self:
        """The sequences of all states, which may have read different numbers of tokens."""
        long_terms = [state.long_term for state in states if state.long_term]
        short_term = MemoryState.join([state.short_term for state in states])
        return cls(short_term, MemoryState.join(long_terms) if long_terms else None)

    def content(self) -> list[Tensor]:
        return self.short_term.content() + (self.long_term.content() if self.long_term else [])


class MosaicMixer(Mixer):
    """Short-term and long-term memory side by side; W_o projects their concatenated answers, 2d -> d."""

    def __init__(self, config: MosaicConfig):
        super().__init__()
        self.config = config
        self.short_term = AssociativeMemory(config)
        self.long_term = AssociativeMemory(config) if config.long_term_memory else None
        memories = 2 if config.long_term_memory else 1
        self.output = nn.Linear(memories * config.hidden_size, config.hidden_size, bias=False)  # W_o, short-term first

    def reset_parameters(self, layer: int) -> None:
        self.short_term.reset_parameters(layer)
        if self.long_term is not None:
            self.long_term.reset_parameters(layer)
        init_linear_(self.output.weight, self.config.hidden_size, layer)

    def forward(self, x_BTD: Tensor, documents: Documents, **step_inputs: int) -> Tensor:
        """Mix within documents. ``step_inputs``: ``long_term_delay``, this step's m; else the fixed m of inference."""
        delay = step_inputs.get("long_term_delay", self.config.long_term_delay)
        return documents.join([self._mix(part_BTD, delay) for part_BTD in documents.split(x_BTD)])

    def _mix(self, x_BTD: Tensor, delay: int) -> Tensor:
        answers = [self.short_term(x_BTD, self._short_term_ages())]
        if self.long_term is not None:
            answers.append(self.long_term(x_BTD, Ages(delay)))
        return self.output(torch.cat(answers, -1))

    def extend(self, x_BTD: Tensor, state: MosaicState | None) -> tuple[Tensor, MosaicState]:
        answer, short_state = self.short_term.extend(
            x_BTD, self._short_term_ages(), state.short_term if state else None
        )
        answers, long_state = [answer], None
        if self.long_term is not None:
            ages = Ages(self.config.long_term_delay)
            answer, long_state = self.long_term.extend(x_BTD, ages, state.long_term if state else None)
            answers.append(answer)
        return self.output(torch.cat(answers, -1)), MosaicState(short_state, long_state)

    def nothing_read(self, rows: int) -> MosaicState:
        """The state before the first token, which ``extend`` takes as it takes None: for rows that begin later."""
        long_term = self.long_term.nothing_read(rows) if self.long_term is not None else None
        return MosaicState(self.short_term.nothing_read(rows), long_term)

    def attention(
        self, x_BTD: Tensor, state: MosaicState | None, marks_BSM: Tensor, flat: bool
    ) -> Mapping[str, Tensor]:
        held = {
            "short_term": (self._short_term_ages(), state.short_term if state else None),
            "long_term": (Ages(self.config.long_term_delay), state.long_term if state else None),
        }
        return {
            name: memory.attention(x_BTD, *held[name], marks_BSM, flat) for name, memory in self._memories().items()
        }

    def attention_parameters(self) -> Mapping[str, Mapping[str, LearntNumber]]:
        """beta_0, beta_1 and alpha of Eq. 6."""
        return {name: memory.learnt() for name, memory in self._memories().items()}

    def _memories(self) -> dict[str, AssociativeMemory]:
        return {"short_term": self.short_term} | ({"long_term": self.long_term} if self.long_term is not None else {})

    def _short_term_ages(self) -> Ages:
        return Ages(*self.config.short_term_ages)


def memory_mosaics(config: MosaicConfig) -> Decoder:
    """Memory Mosaics v2 of the given size, initialised as in Table 6."""
    return Decoder(config, lambda _: MosaicMixer(config))


def without_long_term_memory(model: Decoder) -> Decoder:
    """The same weights without the long-term memories and their half of W_o (Tables 2, 9, 10): a new model.

    Raises:
        UserError: it has none.
    """
    config = cast(MosaicConfig, model.config)
    if not config.long_term_memory:
        raise UserError("model.long_term_memory: false, so there is none to remove; reduce a model that has one")
    config = config.model_copy(update={"long_term_memory": False})
    width = config.hidden_size
    weights = {name: x for name, x in model.state_dict().items() if ".long_term." not in name}
    halved = {name: x[:, :width] if name.endswith("mixer.output.weight") else x for name, x in weights.items()}
    reduced = memory_mosaics(config).to(next(model.parameters()))  # device and type
    reduced.load_state_dict(halved)
    return reduced.train(model.training)
