"""Trivial answers to a prompt: what a score means is seen beside what needs no model at all."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import numpy as np

from mmv2.config import Detail
from mmv2.errors import UserError
from mmv2.evaluation.word_lists import WordList, read_word_lists

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


class Told(NamedTuple):
    """Where a text tells answers of the kind that a question asks for."""

    places: int
    """So many places tell one."""
    right: int
    """At so many of them stands a right one."""

    @property
    def details(self) -> dict[str, Detail]:
        """As records keep it."""
        return {"told_answers": self.places, "told_right": self.right}


def told_share(details: Mapping[str, Detail], otherwise: float) -> float:
    """The share of the places that are right, out of ``Told.details``; where no lists told the kinds, ``otherwise``."""
    places, right = details.get("told_answers"), details.get("told_right")
    return right / places if isinstance(places, int) and isinstance(right, int) else otherwise


class AnswerLists:
    """What answers may be, in lists by kind: homes, pets. The kind of a question is the list that holds its answer."""

    def __init__(self, lists: Sequence[Sequence[str]]):
        """Raises UserError: a word stands in two lists."""
        twice = [
            word for word, number in Counter(word.casefold() for words in lists for word in words).items() if number > 1
        ]
        if twice:
            raise UserError(f"answer_lists: {twice[0]!r} stands in two lists; a word must tell the kind")
        self._kinds = [_any_of(words) for words in lists]

    @classmethod
    def read(cls, words: WordList | None, corpus_folder: Path) -> Self | None:
        """Those of a file, if one is named; raises UserError as ``read_word_lists`` does."""
        return None if words is None else cls(read_word_lists(words, corpus_folder))

    def told(self, references: Sequence[str], text: str, place: str) -> Told:
        """Where a text tells answers of the kind of the right ones, in any case.

        Args:
            references: right answers; another one that the lists lack is not found.
            text: what is read before the question.
            place: of the question, for errors.

        Raises:
            UserError: no list has a right answer, or the text tells none.
        """
        kind = next((kind for kind in self._kinds if any(map(kind.fullmatch, references))), None)
        if kind is None:
            raise UserError(
                f"{place}: answer_lists: none holds the answer {references[0]!r}; name the key of lists that do"
            )
        right = {reference.casefold() for reference in references}
        places = [word.casefold() for word in kind.findall(text)]
        told = Told(len(places), sum(word in right for word in places))
        if not told.right:
            raise UserError(
                f"{place}: answer_lists: what is read before the question does not tell the answer {references[0]!r}; "
                f"leave answer_lists out where answers are not told word by word"
            )
        return told


def _any_of(words: Sequence[str]) -> re.Pattern[str]:
    """Whole words alone; of two that begin alike the longer."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)


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
