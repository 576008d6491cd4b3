"""Decoding state of memories in bytes. Imports no torch."""

from mmv2.config import ModelConfig


def pairs_bytes(config: ModelConfig, pairs: int, bytes_per_number: int) -> int:
    """Keys and values of one memory in every layer; a pending pair, of a key and a projection, is as large."""
    return 2 * config.num_layers * config.hidden_size * pairs * bytes_per_number


def recurrence_bytes(config: ModelConfig, numbers: int, bytes_per_number: int) -> int:
    """One running sum in every layer (Eq. 8), float32 at least, with its logarithm in float64.

    ``numbers``: per head; those of a key, and one more where the sum of the weights is carried along.
    """
    return config.num_layers * config.num_heads * (numbers * max(bytes_per_number, 4) + 8)
