"""Keys and values of needles (protocols.md, 1.4)."""

import random
import uuid
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import accumulate, product
from pathlib import Path

import numpy as np

NUMBERS = (10**6, 10**7 - 1)
"""The least and the largest number that is a value."""


def wonderwords_files() -> list[Path]:
    """RULER's adjectives and nouns, in the installed package wonderwords."""
    return [Path(str(files("wonderwords.assets") / name)) for name in ("adjectivelist.txt", "nounlist.txt")]


def wonderwords() -> list[list[str]]:
    """RULER's adjectives and nouns, as that package reads them: blanks at the end of a line are stripped."""
    return [[line.rstrip() for line in file.read_text("utf-8").splitlines()] for file in wonderwords_files()]


class Keys:
    """All keys that take one word of each list, each once, sorted, as a sequence that does not make them all.

    RULER sorts its six million pairs and draws from them. Where no first word with its joiner begins another, pairs are
    sorted by the first word, then by the rest; only where one does ("ad-" and "ad-hoc-") they are made and sorted.
    """

    def __init__(self, lists: Sequence[Sequence[str]], joiner: str):
        first, *others = lists
        rest = sorted({joiner.join(words) for words in product(*others)}) if others else [""]
        heads = sorted({word + joiner if others else word for word in first})
        self._blocks = [
            (group[0], rest) if len(group) == 1 else ("", sorted({head + tail for head in group for tail in rest}))
            for group in _groups(heads)
        ]
        self._ends = list(accumulate(len(tails) for _, tails in self._blocks))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, place: int) -> str:
        block = bisect_right(self._ends, place)
        head, tails = self._blocks[block]
        return head + tails[place - self._ends[block] + len(tails)]


def _groups(heads: Sequence[str]) -> Iterator[list[str]]:
    """Sorted words, those together that begin with the first of them."""
    group: list[str] = []
    for head in heads:
        if group and not head.startswith(group[0]):
            yield group
            group = []
        group.append(head)
    yield group


def ruler_value(values: str | Sequence[str], rng: random.Random) -> str:
    """A value as NVIDIA's generator draws it: a number, a uuid, or one of a list."""
    if values == "number":
        return str(rng.randint(*NUMBERS))
    if values == "uuid":
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))
    return rng.choice(values)


def own_value(values: str | Sequence[str], rng: np.random.Generator) -> str:
    """A value in regime random_depth."""
    if values == "number":
        return str(rng.integers(NUMBERS[0], NUMBERS[1] + 1))
    if values == "uuid":
        return str(uuid.UUID(bytes=rng.bytes(16), version=4))
    return str(rng.choice(values))


def num_values(values: str | Sequence[str]) -> int:
    """Between how many a blind guess chooses."""
    if values == "number":
        return NUMBERS[1] - NUMBERS[0] + 1
    return 2**122 if values == "uuid" else len(values)
