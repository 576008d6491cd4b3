"""Configuration of the transformer baseline and its sizes in the paper (Section 3)."""

from typing import Self

from pydantic import Field, model_validator

from mmv2.config import ModelConfig


class TransformerConfig(ModelConfig):
    """Llama architecture: multi-head attention, or grouped-query attention with fewer key-value heads."""

    num_kv_heads: int | None = Field(default=None, ge=1)
    """Key-value heads, each shared by num_heads / num_kv_heads query heads; None: num_heads (multi-head)."""
    rope_theta: float = Field(default=500_000.0, gt=0)
    """Base of the rotary frequencies. The paper does not state it: Llama 3's, whose sizes and tokenizer it has."""

    @property
    def kv_heads(self) -> int:
        return self.num_kv_heads or self.num_heads

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.num_heads % self.kv_heads:
            raise ValueError(
                f"num_kv_heads: {self.num_kv_heads} does not divide num_heads {self.num_heads}; use one of its divisors"
            )
        if self.head_dim % 2:
            raise ValueError(
                f"hidden_size: {self.hidden_size} over num_heads {self.num_heads} gives the odd head dimension "
                f"{self.head_dim}, which rotary encoding cannot halve; use a multiple of {2 * self.num_heads}"
            )
        return self


SIZES = {
    "small": TransformerConfig(
        vocab_size=128_256, hidden_size=2048, num_layers=24, num_heads=16, intermediate_size=6144, max_seq_len=4096
    ),
    "large": TransformerConfig(
        vocab_size=128_256, hidden_size=4096, num_layers=32, num_heads=32, intermediate_size=14_336, max_seq_len=4096
    ),
}

TINY = TransformerConfig(
    vocab_size=61,
    hidden_size=24,
    num_layers=2,
    num_heads=4,
    num_kv_heads=2,
    intermediate_size=40,
    max_seq_len=32,
)
