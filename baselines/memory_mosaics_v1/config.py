"""Sizes and options of Memory Mosaics v1 (arXiv 2405.06394). Imports no torch.

What the paper leaves open follows its authors' code; each choice is discussed in docs/memory_mosaics_v1.md.
"""

from typing import Literal

from pydantic import Field

from mmv2.config import ModelConfig


class MemoryMosaicsV1Config(ModelConfig):
    """One contextual and one persistent memory in each block, each with num_heads units."""

    intermediate_size: int = Field(ge=1)
    """Size of the persistent memory. key_value: N_p, the pairs of each unit. ffn: the width of SwiGLU."""
    persistent_memory: Literal["key_value", "ffn"] = "key_value"
    """key_value: trained pairs, read by keys of their own. ffn: SwiGLU, as in the architectures beside it."""
    theta_scale: float = Field(default=10.0, gt=0)
    """s: the logarithms of sqrt(beta), of lambda and of the values' norms are s times a parameter each, so that with
    Adam they move s times as far in a step. The authors' code has 10; Memory Mosaics v2 has no such factor (1)."""


SIZES = {
    "gpt2_small": MemoryMosaicsV1Config(
        vocab_size=50_304,
        hidden_size=768,
        num_layers=12,
        num_heads=12,
        intermediate_size=2688,
        max_seq_len=512,
        tie_embeddings=True,
    )
}
"""The paper's language model, of GPT-2 small's shape. N_p is that of the authors' code: it gives a block the matrices
of GPT-2's, 12 d^2."""

TINY = MemoryMosaicsV1Config(
    vocab_size=61,
    hidden_size=32,
    num_layers=2,
    num_heads=4,
    intermediate_size=40,
    max_seq_len=32,
    theta_scale=1.0,
)
"""For tests, which move every parameter by about 0.2: times 10 that would be bandwidths of thousands."""
