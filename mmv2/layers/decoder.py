"""The pre-norm residual decoder around any sequence mixer: embedding, blocks, final norm, classifier.

    x += Mixer(RMSNorm(x));  x += SwiGLU(RMSNorm(x))

An architecture differs from another in its mixer, and where it says so in what stands in SwiGLU's place. Memory Mosaics
v2 (Section 3) and the Llama-like transformer both have this frame and this initialisation (Table 6).

Shapes: B rows, T tokens per row, D hidden size, V vocabulary, R chosen rows.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmv2.config import ModelConfig
from mmv2.layers.documents import Documents
from mmv2.layers.feed_forward import SwiGLU
from mmv2.layers.initialisation import init_linear_

IGNORE = -100
"""Target id of tokens that carry no loss."""


class MixerState(ABC):
    """What one layer remembers between decoding steps, for B sequences of equal length."""

    @abstractmethod
    def select(self, rows_R: Tensor) -> "MixerState":
        """A copy for these sequences, in this order, as often as named; extending it does not change this one."""

    @abstractmethod
    def content(self) -> list[Tensor]:
        """The tensors (B, ...) that must be kept, without the room left for growth: the spec's cache_bytes."""


class LearntNumber(NamedTuple):
    """A number that every head learns."""

    values_H: Tensor
    initial: float
    """What it was before training."""


class Mixer(nn.Module, ABC):
    """The part of a block that moves information between positions."""

    @abstractmethod
    def forward(self, x_BTD: Tensor, documents: Documents, **step_inputs: int) -> Tensor:
        """Mix whole sequences, never across documents. (B, T, D) -> (B, T, D)."""

    @abstractmethod
    def extend(self, x_BTD: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Continue one document per row by T tokens. ``state`` is None before the first. -> ((B, T, D), new state).

        The state passed in may be changed in place and must not be used again.
        """

    @abstractmethod
    def reset_parameters(self, layer: int) -> None:
        """Initialise every parameter; ``layer`` counts from 0."""

    def attention(self, x_BTD: Tensor, state: Any, marks_BSM: Tensor, flat: bool) -> Mapping[str, Tensor]:
        """How much of their attention T more tokens give to marked positions; of mixers whose spec has attention maps.

        Each map reads the marks in place of its values, by the kernels and masks of ``extend``: as a read is linear in
        its values, what a token gets is the attention that it gives to the positions that bear a mark, and no weights
        are kept. ``mmv2.layers.attention.read_marks`` helps.

        Args:
            x_BTD: as for ``extend``.
            state: after the tokens before; it is left as it is.
            marks_BSM: M marks of all S tokens so far, these T among them.
            flat: give equal attention to all that a map holds, whatever it has learnt.

        Returns:
            By name of map, per head: (B, H, T, M). All that a token attends to weighs 1, an empty memory 0.
        """
        raise NotImplementedError(f"{type(self).__name__} tells no attention; its spec must name no attention_maps")

    def attention_parameters(self) -> Mapping[str, Mapping[str, LearntNumber]]:
        """By name of map, the learned numbers that shape it, by name; none unless a mixer says so."""
        return {}


@dataclass
class DecoderState:
    """Decoding state of a whole model: one entry per layer, or one that holds them all."""

    layers: list[Any]

    def select(self, rows_R: Tensor) -> "DecoderState":
        """A copy for these sequences, in this order, as often as named: beams, or rows that part company."""
        return DecoderState([layer.select(rows_R) for layer in self.layers])

    def clone(self) -> "DecoderState":
        """A copy that can be extended without changing this one: one prefix serves many queries."""
        return self.expand(1)

    def expand(self, copies: int) -> "DecoderState":
        """A copy with every sequence repeated, for as many continuations of it."""
        first = self.layers[0].content()[0]
        return self.select(torch.arange(len(first), device=first.device).repeat_interleave(copies))


class Block(nn.Module):
    """One pre-norm residual block.

    A feed-forward that looks at other positions is a mixer too. While decoding both keep what they remember in the one
    state of their layer: each gets it from the other, changes its own part, and hands it on.
    """

    def __init__(self, config: ModelConfig, mixer: Mixer, feed_forward: SwiGLU | Mixer):
        super().__init__()
        self.mixer_norm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.mixer = mixer
        self.feed_forward_norm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.feed_forward = feed_forward

    def reset_parameters(self, layer: int) -> None:
        self.mixer_norm.reset_parameters()
        self.mixer.reset_parameters(layer)
        self.feed_forward_norm.reset_parameters()
        self.feed_forward.reset_parameters(layer)

    def forward(self, x_BTD: Tensor, documents: Documents, **step_inputs: int) -> Tensor:
        x_BTD = x_BTD + self.mixer(self.mixer_norm(x_BTD), documents, **step_inputs)
        normed_BTD = self.feed_forward_norm(x_BTD)
        if isinstance(self.feed_forward, Mixer):
            return x_BTD + self.feed_forward(normed_BTD, documents)
        return x_BTD + self.feed_forward(normed_BTD)

    def extend(self, x_BTD: Tensor, state: Any) -> tuple[Tensor, Any]:
        mixed_BTD, state = self.mixer.extend(self.mixer_norm(x_BTD), state)
        x_BTD = x_BTD + mixed_BTD
        normed_BTD = self.feed_forward_norm(x_BTD)
        if isinstance(self.feed_forward, Mixer):
            answer_BTD, state = self.feed_forward.extend(normed_BTD, state)
            return x_BTD + answer_BTD, state
        return x_BTD + self.feed_forward(normed_BTD), state


class LanguageModel(nn.Module, ABC):
    """What training, evaluation and export ask of a model. ``config`` keeps the architecture's own config class."""

    config: ModelConfig

    def forward(
        self,
        tokens_BT: Tensor,
        documents: Documents | None = None,
        targets_BT: Tensor | None = None,
        **step_inputs: Sequence[int],
    ) -> Tensor:
        """Logits (B, T, V) in float32, or with ``targets_BT`` the summed cross entropy over targets other than IGNORE.

        Args:
            tokens_BT: int64 token ids.
            documents: where documents begin and end; None: every row is one.
            targets_BT: int64 next-token ids.
            step_inputs: what the architecture's spec draws per training step, one value for each layer.
        """
        documents = documents or Documents(shape=(tokens_BT.shape[0], tokens_BT.shape[1]))
        logits_BTV = self.logits(tokens_BT, documents, **step_inputs)
        if targets_BT is None:
            return logits_BTV
        return F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten(), ignore_index=IGNORE, reduction="sum")

    @abstractmethod
    def logits(self, tokens_BT: Tensor, documents: Documents, **step_inputs: Sequence[int]) -> Tensor:
        """Logits (B, T, V) in float32 at every position, never across documents; arguments as for ``forward``."""

    @abstractmethod
    def extend(
        self, tokens_BT: Tensor, state: DecoderState | None = None, last_only: bool = False
    ) -> tuple[Tensor, DecoderState]:
        """Read T more tokens of B sequences; returns logits (B, T, V) in float32 and the new state.

        Equal to the forward pass over all tokens so far. The state passed in must not be used again: clone it first
        to keep it. ``last_only``: logits of the last token alone (B, 1, V); all of a long prompt would be large.
        """

    @abstractmethod
    def reset_parameters(self) -> None:
        """Initialise every parameter, and whatever else ``to_empty()`` leaves undefined."""

    @abstractmethod
    def layers_to_shard(self) -> Iterable[nn.Module]:
        """Parts that every forward pass calls once, one after another: several ranks divide the model along them."""

    def undecayed(self) -> Collection[str]:
        """Names of matrices that weight decay leaves alone, as zero is no neutral value for them; none by default."""
        return ()

    @property
    def device(self) -> torch.device:
        """Where its tokens must be."""
        return next(self.parameters()).device


class Decoder(LanguageModel):
    """A language model of equal blocks, each with a mixer."""

    def __init__(
        self,
        config: ModelConfig,
        make_mixer: Callable[[int], Mixer],
        make_feed_forward: Callable[[int], SwiGLU | Mixer] | None = None,
    ):
        """Make and initialise it.

        Args:
            config: its sizes.
            make_mixer: layer, from 0 -> its mixer.
            make_feed_forward: layer -> what stands in SwiGLU's place; None: SwiGLU of ``intermediate_size``.
        """
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        make_feed_forward = make_feed_forward or (lambda _: SwiGLU(config.hidden_size, config.intermediate_size))
        self.blocks = nn.ModuleList(
            Block(config, make_mixer(layer), make_feed_forward(layer)) for layer in range(config.num_layers)
        )
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.classifier = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Initialise every parameter as in Table 6 (l = block index from 0, d = hidden size)."""
        width = self.config.hidden_size
        init_linear_(self.embedding.weight, width)
        for layer, block in enumerate(self.blocks):
            cast(Block, block).reset_parameters(layer)
        self.norm.reset_parameters()
        if self.config.tie_embeddings:
            self.classifier.weight = self.embedding.weight  # again: to_empty() makes two parameters of a shared one
        else:
            init_linear_(self.classifier.weight, width)

    def logits(self, tokens_BT: Tensor, documents: Documents, **step_inputs: Sequence[int]) -> Tensor:
        x_BTD = self.embedding(tokens_BT)
        for layer, block in enumerate(self.blocks):
            x_BTD = block(x_BTD, documents, **_of_layer(step_inputs, layer))
        return self._logits(x_BTD)

    def layers_to_shard(self) -> Iterable[nn.Module]:
        return self.blocks

    def _logits(self, x_BTD: Tensor) -> Tensor:
        logits_BTV = self.classifier(self.norm(x_BTD))
        return logits_BTV.to(torch.promote_types(logits_BTV.dtype, torch.float32))

    def extend(
        self, tokens_BT: Tensor, state: DecoderState | None = None, last_only: bool = False
    ) -> tuple[Tensor, DecoderState]:
        state = state or DecoderState([None] * len(self.blocks))
        x_BTD = self.embedding(tokens_BT)
        layers = []
        for block, layer_state in zip(self.blocks, state.layers, strict=True):
            x_BTD, layer_state = cast(Block, block).extend(x_BTD, layer_state)
            layers.append(layer_state)
        logits_BTV = self._logits(x_BTD[:, -1:] if last_only else x_BTD)
        return logits_BTV, DecoderState(layers)


def _of_layer(step_inputs: Mapping[str, Sequence[int]], layer: int) -> dict[str, int]:
    return {name: per_layer[layer] for name, per_layer in step_inputs.items()}
