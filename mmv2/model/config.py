"""Sizes and options of Memory Mosaics v2. Imports no torch.

Options beside the paper's text are the choices it leaves open; each is discussed in docs/decisions.md.
"""

from collections.abc import Callable
from typing import Literal, Self

from pydantic import Field, model_validator

from mmv2.config import ModelConfig


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
    """False: the long-term memory and its half of W_o are removed (Tables 2, 9, 10)."""
    allow_memory_gap: bool = False
    """Permit an m that leaves pairs which neither memory holds."""

    @property
    def short_term_ages(self) -> tuple[int, int]:
        """Ages [1, end) of the pairs in the short-term memory."""
        return 1, self.short_term_window + (self.short_term_pairs == "caption")

    @property
    def delay_is_fixed(self) -> bool:
        """Whether training draws no m, but keeps one (Table 12)."""
        low, high = self.long_term_delay_range
        return low == high

    def draw_delays(self, uniform: Callable[[int, int], int]) -> list[int]:
        """m of one training step for each layer (Section 3); ``uniform`` draws from a range, both ends included."""
        if self.delay_draw == "step":
            return [uniform(*self.long_term_delay_range)] * self.num_layers
        return [uniform(*self.long_term_delay_range) for _ in range(self.num_layers)]

    @model_validator(mode="after")
    def _delays_make_sense(self) -> Self:
        low, high = self.long_term_delay_range
        if not 1 <= low <= high:
            raise ValueError(f"long_term_delay_range: [{low}, {high}] is empty; give two ends with 1 <= low <= high")
        longest, key = max((self.long_term_delay, "long_term_delay"), (high, "long_term_delay_range"))
        if longest >= self.max_seq_len:
            raise ValueError(
                f"{key}: a delay of {longest} is beyond the context of {self.max_seq_len} tokens: "
                f"the long-term memory would stay empty; use at most {self.max_seq_len - 1}"
            )
        gap_from = self.short_term_ages[1]
        if longest > gap_from and not self.allow_memory_gap:
            raise ValueError(
                f"{key}: with m = {longest} the pairs of age {gap_from} to {longest - 1} are in neither memory; "
                f"use m <= {gap_from}, or set allow_memory_gap: true"
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
