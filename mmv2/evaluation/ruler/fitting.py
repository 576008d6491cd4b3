"""How large a prompt may be: NVIDIA's two ways of fitting a size to a length, and how an example that is too long
shrinks (protocols.md, 1.3).

Everything ends: where NVIDIA's loops never would, there is no prompt. Sizes are numbers of documents, words or lines.
Probes draw from the generator that examples are made with, so the prompts depend on how often it is asked.
"""

import random
from collections.abc import Callable
from typing import TypeVar

P = TypeVar("P")
MOST_DRAWS = 1000
"""How often an example is drawn anew at its smallest size before it is held to fit never."""


def bisected(num_tokens: Callable[[int], int], budget: int, length: int, step: int) -> int:
    """The size that integer bisection finds, as NVIDIA's generator since June 2025.

    Documents are drawn anew for every probe, so that the largest that fits may be another.

    Args:
        num_tokens: size -> tokens of the prompt of the first example.
        budget: tokens that a prompt may have.
        length: tokens that prompt and answer may have; bounds the search at three times the sizes it would take.
        step: the smallest size; returned too where nothing fits.
    """
    per_unit = num_tokens(step) / step
    low, high = step, max(int(length / per_unit * 3), step * 2)
    found = step
    while low <= high:
        middle = (low + high) // 2
        if num_tokens(middle) <= budget:
            found, low = middle, middle + 1
        else:
            high = middle - 1
    return found


def stepped(num_tokens: Callable[[int], int], budget: int, fewest: int, step: int, most: int) -> int:
    """The size that grows in steps, as NVIDIA's generator until June 2025.

    Args:
        num_tokens: size -> tokens of the prompt of the first example together with its answers.
        budget: tokens that a prompt may have.
        fewest: the smallest size; returned too where nothing fits.
        step: between sizes.
        most: the largest size.
    """
    size, tokens = fewest, 0
    while tokens < budget:
        tokens = num_tokens(size)
        if tokens > budget:
            return max(fewest, size - step)
        if size + step > most:
            return max(fewest, most)
        size += step
    return size  # as there: one step more after a prompt that fits exactly, which examples then take back


def drawn(
    build: Callable[[int], P], fits: Callable[[P], bool], size: int, step: int, least: int, rng: random.Random
) -> P | None:
    """One example, shrunk in steps while it is too long, as NVIDIA's generators do.

    At the last size it is drawn again: other documents, or another key, may be shorter.

    Args:
        build: size -> prompt.
        fits: whether it is short enough.
        size: to begin with.
        step: sizes above it are reduced by it.
        least: the smallest size that ``build`` takes; NVIDIA's generators never end where a step leads below it.
        rng: what ``build`` draws from.

    Returns:
        None where nothing is left to be drawn, or ``MOST_DRAWS`` prompts did not fit.
    """
    size = max(size, least)
    for _ in range(MOST_DRAWS):
        before = rng.getstate()
        prompt = build(size)
        if fits(prompt):
            return prompt
        if size > max(step, least):
            size = max(size - step, least)
        elif rng.getstate() == before:
            return None
    return None
