"""Log-likelihoods of choices after prompts, all from the one state in which the prompts were read.

The last token of a choice is predicted and never read, so choices of one token cost nothing. Of longer ones all tokens
but the last, here their stem, are read: once where choices share it, and along with a longer stem that begins with it.

Shapes: B prompts, V vocabulary, R = B * K rows for K stems of each prompt, L tokens of the longest stem.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from mmv2.layers.decoder import DecoderState, LanguageModel

Choices = Sequence[Sequence[int]]
"""Token ids of the choices of one prompt; no choice is empty."""


class _Term(NamedTuple):
    """One conditional probability: of a token after a position of a row; a factor of one choice of one prompt."""

    row: int
    position: int
    token: int
    prompt: int
    choice: int


@torch.inference_mode()
def loglikelihoods(
    model: LanguageModel, logits_BV: Tensor, state: DecoderState, choices: Sequence[Choices], most_rows: int
) -> list[tuple[float, ...]]:
    """Natural logarithm of the probability of each choice of each prompt: the sum over its tokens.

    Args:
        model: in evaluation mode.
        logits_BV: after the prompts.
        state: after the prompts; it is left as it is.
        choices: of each prompt.
        most_rows: copies of a prompt's state at once, over all prompts; at least one of each is made.
    """
    totals = [[0.0] * len(own) for own in choices]
    _add(
        totals,
        logits_BV[:, None],
        [_Term(b, 0, ids[0], b, c) for b, own in enumerate(choices) for c, ids in enumerate(own)],
    )
    stems = [_stems(own) for own in choices]
    readers = [[_reader(of_prompt, ids) for ids in own] for of_prompt, own in zip(stems, choices, strict=True)]
    copies = max(1, most_rows // len(choices))
    for first in range(0, max(map(len, stems)), copies):
        parts = [own[first : first + copies] for own in stems]
        width, longest = max(map(len, parts)), max(len(stem) for part in parts for stem in part)
        # Filled up at the end, where nothing is read any more.
        filled = [[*stem, *[0] * (longest - len(stem))] for part in parts for stem in _padded(part, width)]
        logits_RLV, _ = model.extend(torch.tensor(filled, device=logits_BV.device), state.expand(width))
        terms = [
            _Term(b * width + reader - first, position, ids[position + 1], b, c)
            for b, own in enumerate(choices)
            for c, ids in enumerate(own)
            if (reader := readers[b][c]) is not None and first <= reader < first + copies
            for position in range(len(ids) - 1)
        ]
        _add(totals, logits_RLV, terms)
    return [tuple(own) for own in totals]


def _stems(choices: Choices) -> list[tuple[int, ...]]:
    """What must be read to predict every token of all choices, in order: no stem begins another."""
    stems = sorted({tuple(ids[:-1]) for ids in choices if len(ids) > 1})
    return [stem for stem, after in pairwise([*stems, ()]) if after[: len(stem)] != stem]


def _reader(stems: Sequence[tuple[int, ...]], ids: Sequence[int]) -> int | None:
    """Number of the first stem that reads all of a choice but its last token; None where that is nothing."""
    return bisect_left(stems, tuple(ids[:-1])) if len(ids) > 1 else None


def _padded(part: Sequence[tuple[int, ...]], width: int) -> list[tuple[int, ...]]:
    return [*part, *[()] * (width - len(part))]


def _add(totals: list[list[float]], logits_RLV: Tensor, terms: Sequence[_Term]) -> None:
    """Add log probabilities to the totals of their choices."""
    rows, positions, tokens, _, _ = torch.tensor(terms, device=logits_RLV.device).reshape(-1, 5).T
    found = logits_RLV[rows, positions, tokens] - logits_RLV.logsumexp(-1)[rows, positions]
    for term, value in zip(terms, found.tolist(), strict=True):
        totals[term.prompt][term.choice] += value
