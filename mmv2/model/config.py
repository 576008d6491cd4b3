"""Sizes and options of Memory Mosaics v2. Imports no torch.

Options beside the paper's text are the choices it leaves open, each discussed in docs/decisions.md, and what its parts
are compared with, in docs/ablations.md.
"""

import math
from collections.abc import Callable
from typing import Literal, Self

from pydantic import Field, model_validator

from mmv2.config import Config, ModelConfig
from mmv2.layers.delays import check_delays, drawn_delays
from mmv2.layers.initial_bandwidth import THETA_BETA, mean_initial_bandwidth

MemoryName = Literal["short_term", "long_term"]


class FixedBandwidth(Config):
    """One beta for all memory units of a kind, in all layers."""

    short_term: float = Field(gt=0)
    long_term: float = Field(gt=0)


class MosaicConfig(ModelConfig):
    """Memory Mosaics v2 (Section 3)."""

    short_term_window: int = Field(ge=2)
    """h: the short-term memory at t holds the pairs t-h+1 .. t-1 (Eq. 10)."""
    long_term_delay: int = Field(ge=1)
    """m at inference: the long-term memory at t holds the pairs 1 .. t-m."""
    long_term_delay_range: tuple[int, int]
    """m in training is drawn uniformly from this range, both ends included; equal ends fix it."""
    delay_draw: Literal["step", "layer"] = "step"
    """Draw one m per training step for all layers, or one for each layer."""
    short_term_pairs: Literal["equation", "caption"] = "equation"
    """equation: h-1 pairs (Eq. 10). caption: the h pairs t-h .. t-1 (Figure 11)."""
    value_scale: Literal["literal", "trainable"] = "literal"
    """literal: alpha_psi = exp(min(|theta|, 15)), which never leaves 1 (Table 6). trainable: exp(min(theta, 15))."""
    long_term_memory: bool = True
    """False: the long-term memory and its half of W_o are removed (Tables 2, 9, 10). What other keys say of it is then
    without use, and stays: ``mmv2 reduce`` takes it out of a trained model and leaves them."""
    allow_memory_gap: bool = False
    """Permit an m that leaves pairs which neither memory holds."""
    adaptive_bandwidth: bool = True
    """False: one learned beta per memory unit in place of Eq. 6, which does not grow with the number of pairs."""
    fixed_bandwidth: FixedBandwidth | None = None
    """With adaptive_bandwidth false: betas that nothing learns. ``mmv2 bandwidth`` tells those of a trained model."""
    initial_theta_beta: float = Field(default=THETA_BETA, le=10)
    """theta of beta_0 and beta_1 before training (Table 6). A learned constant starts from the mean beta they give."""
    key_extractor: Literal["gated", "leaky", "plain"] = "gated"
    """gated: Eq. 8. leaky: g = 1 and one learned lambda per memory unit at all times, as in Memory Mosaics v1. plain:
    every token's W_phi x alone, no average."""
    rope_theta: float | None = Field(default=None, gt=0)
    """Turn keys, which are queries too, by their positions, with rotary frequencies of this base; null: not at all."""

    @property
    def memories(self) -> tuple[MemoryName, ...]:
        """Those that are read by keys, in the order in which W_o reads their answers."""
        return ("short_term", "long_term") if self.long_term_memory else ("short_term",)

    def ages(self, memory: MemoryName) -> tuple[int, int | None]:
        """Ages [first, end) of the pairs in a memory at inference; end None: no upper limit."""
        return self.short_term_ages if memory == "short_term" else (self.long_term_delay, None)

    @property
    def bandwidth(self) -> Literal["adaptive", "constant", "fixed"]:
        """How beta is found: by Eq. 6, learned once and for all, or given."""
        if self.adaptive_bandwidth:
            return "adaptive"
        return "constant" if self.fixed_bandwidth is None else "fixed"

    @property
    def short_term_ages(self) -> tuple[int, int]:
        """Ages [1, end) of the pairs in the short-term memory."""
        return 1, self.short_term_window + (self.short_term_pairs == "caption")

    @property
    def delay_is_fixed(self) -> bool | None:
        """Whether training draws no m, but keeps one (Table 12); None: there is no long-term memory."""
        low, high = self.long_term_delay_range
        return low == high if self.long_term_memory else None

    def draw_delays(self, uniform: Callable[[int, int], int]) -> list[int]:
        """m of one training step for each layer (Section 3); ``uniform`` draws from a range, both ends included."""
        return drawn_delays(self.long_term_delay_range, self.num_layers, self.delay_draw == "layer", uniform)

    @model_validator(mode="after")
    def _delays_make_sense(self) -> Self:
        check_delays(
            self.long_term_delay,
            self.long_term_delay_range,
            self.short_term_ages[1],
            self.max_seq_len,
            self.allow_memory_gap,
            self.delay_draw == "layer",
        )
        return self

    @model_validator(mode="after")
    def _bandwidth_makes_sense(self) -> Self:
        if self.fixed_bandwidth is not None:
            if self.adaptive_bandwidth:
                raise ValueError("fixed_bandwidth: does not adapt; set adaptive_bandwidth: false beside it")
            if self.initial_theta_beta != THETA_BETA:
                raise ValueError(
                    "initial_theta_beta: starts nothing where fixed_bandwidth is given; leave out one of them"
                )
        elif not self.adaptive_bandwidth:
            begins = [mean_initial_bandwidth(0.0, *self.ages(name), self.max_seq_len) for name in self.memories]
            most = 10 - math.log(max(begins))
            if self.initial_theta_beta > most:
                raise ValueError(
                    f"initial_theta_beta: {self.initial_theta_beta} starts the constant beyond exp(10), where it would "
                    f"never train (Table 6); use at most {math.floor(100 * most) / 100}"
                )
        return self

    @model_validator(mode="after")
    def _keys_can_turn(self) -> Self:
        if self.rope_theta is not None and self.head_dim % 2:
            raise ValueError(
                f"rope_theta: the head dimension {self.head_dim} is odd, which rotary encoding cannot halve; "
                f"use a hidden_size that is a multiple of {2 * self.num_heads}"
            )
        return self


def _paper(num_layers: int, hidden_size: int, num_heads: int, intermediate_size: int) -> MosaicConfig:
    return MosaicConfig(
        vocab_size=128_256,
        hidden_size=hidden_size,
        num_layers=num_layers,
        num_heads=num_heads,
        intermediate_size=intermediate_size,
        max_seq_len=4096,
        short_term_window=256,
        long_term_delay=64,
        long_term_delay_range=(64, 256),
    )


SIZES = {"small": _paper(24, 2048, 16, 6144), "large": _paper(32, 4096, 32, 14336)}
"""The two sizes of Section 4."""

TINY = MosaicConfig(
    vocab_size=61,
    hidden_size=32,
    num_layers=2,
    num_heads=4,
    intermediate_size=48,
    max_seq_len=32,
    short_term_window=8,
    long_term_delay=3,
    long_term_delay_range=(3, 8),
)
"""For tests."""
