"""The long-term delay m (Section 3): which values make sense, and how training draws them. Imports no torch."""

import random
from collections.abc import Callable


def check_delays(
    delay: int, drawn_from: tuple[int, int], reach: int, context: int, allow_memory_gap: bool, per_layer: bool
) -> None:
    """Refuse delays that leave a memory empty, or pairs that no memory holds, and options that would change nothing.

    Args:
        delay: m at inference.
        drawn_from: both ends of the range of m in training.
        reach: the least age that the short-term memory does not hold.
        context: tokens of a training sequence.
        allow_memory_gap: permit pairs that neither memory holds.
        per_layer: draw one m for each layer.

    Raises:
        ValueError: begins with the key at fault.
    """
    low, high = drawn_from
    if not 1 <= low <= high:
        raise ValueError(f"long_term_delay_range: [{low}, {high}] is empty; give two ends with 1 <= low <= high")
    longest, key = max((delay, "long_term_delay"), (high, "long_term_delay_range"))
    if longest >= context:
        raise ValueError(
            f"{key}: a delay of {longest} is beyond the context of {context} tokens: "
            f"the long-term memory would stay empty; use at most {context - 1}"
        )
    if longest > reach and not allow_memory_gap:
        raise ValueError(
            f"{key}: with m = {longest} the pairs of age {reach} to {longest - 1} are in neither memory; "
            f"use m <= {reach}, or set allow_memory_gap: true"
        )
    if allow_memory_gap and longest <= reach:
        raise ValueError(f"allow_memory_gap: no m beyond {reach} leaves a gap here; leave it out")
    if per_layer and low == high:
        raise ValueError(f"delay_draw: layer draws nothing from long_term_delay_range [{low}, {high}]; leave it out")


def seeded_draw(seed: int, step: int) -> Callable[[int, int], int]:
    """What draws the delays of one training step from a range, both ends included.

    A function of seed and step alone, so that all ranks and resumed runs draw the same.
    """
    return random.Random(f"long_term_delay {seed} {step}").randint


def drawn_delays(
    drawn_from: tuple[int, int], num_layers: int, per_layer: bool, uniform: Callable[[int, int], int]
) -> list[int]:
    """The long-term delay of each layer: one for each (``per_layer``), or one for all.

    ``uniform`` draws from a range, both ends included.
    """
    if per_layer:
        return [uniform(*drawn_from) for _ in range(num_layers)]
    return [uniform(*drawn_from)] * num_layers
