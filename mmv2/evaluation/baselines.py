"""Trivial answers to a prompt: what a score means is seen beside what needs no model at all."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np

ENOUGH = 10
"""Questions that must share an ending before it counts as a kind of question."""


class Answered(Protocol):
    """A question of any data set."""

    @property
    def text(self) -> str: ...
    @property
    def answers(self) -> Sequence[str]: ...


class FrequentAnswers:
    """The blind guess: the most frequent answer to questions of the same kind in a development file.

    Questions are of the same kind when they share their last words: the longest ending of the question at hand that at
    least ``ENOUGH`` development questions have. Where no ending is that common, all questions are one kind.
    """

    def __init__(self, questions: Sequence[Answered]):
        self._by_ending: dict[tuple[str, ...], Counter[str]] = {}
        for question in questions:
            for ending in _endings(question.text):
                self._by_ending.setdefault(ending, Counter())[question.answers[0]] += 1

    def guess(self, question: str) -> str:
        """The answer for a question text; of equally frequent ones the first in the alphabet."""
        common = (counts for ending in _endings(question) if (counts := self._by_ending.get(ending)))
        counts = next((counts for counts in common if counts.total() >= ENOUGH), self._by_ending[()])
        return min(counts, key=lambda answer: (-counts[answer], answer))


def _endings(text: str) -> list[tuple[str, ...]]:
    """All endings of a text, in words, the longest first, the empty one last."""
    words = tuple(text.split())
    return [words[start:] for start in range(len(words) + 1)]


def nearest_match(prompt_ids: Sequence[int], budget: int) -> list[int]:
    """What an ideal induction head copies: the tokens after the nearest match of the prompt's ending.

    Of all earlier places where the prompt's last tokens stand, the longest match wins, and among equally long ones the
    last.

    Args:
        prompt_ids: token ids of the prompt.
        budget: tokens to copy.

    Returns:
        ``budget`` token ids, or none where the last token occurs nowhere else.
    """
    ids = np.asarray(prompt_ids)
    ends = np.flatnonzero(ids[:-1] == ids[-1])
    if not ends.size:
        return []
    longer, length = ends, 0
    while longer.size:
        ends, length = longer, length + 1
        longer = ends[ends >= length]
        longer = longer[ids[longer - length] == ids[-1 - length]]
    text = list(prompt_ids)
    for place in range(int(ends[-1]) + 1, int(ends[-1]) + 1 + budget):
        text.append(text[place])
    return text[len(prompt_ids) :]
