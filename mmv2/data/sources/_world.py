"""The world behind the tiny corpora: words, people, persistent facts, and who is held out. Fixed by the config's seed.

Lexicon: pseudo-words of two or three syllables, no two alike. People: all pairs of a first and a last name, shuffled
once, then dealt: persistent people, evaluation people (dev, then test), training people.

Shapes: P persistent people, R relations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator, default_rng

from mmv2.data.sources._language import (
    DIGITS,
    FORMS,
    RELATIONS,
    WORDINGS,
    Name,
    Relation,
    anonymous_label,
    fixed_words,
)
from mmv2.data.tokenizer import build_word_level
from mmv2.errors import UserError

if TYPE_CHECKING:
    from mmv2.data.sources.tiny_world import TinyWorldConfig

# What a random stream is for: the second part of its seed.
WORDS, PEOPLE, FACTS, EVALUATION, STREAM, SCHEDULE, MEASURE = range(7)

_ONSETS = ("b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z")
_VOWELS = ("a", "e", "i", "o", "u")
_CODAS = ("", "", "", "l", "n", "r", "s")


def pseudo_words(rng: Generator) -> Iterator[str]:
    """Endless lower-case words, none twice and none of the fixed vocabulary."""
    taken = set(fixed_words())
    while True:
        syllables = rng.integers(2, 4)
        word = "".join(part[rng.integers(len(part))] for _ in range(syllables) for part in (_ONSETS, _VOWELS, _CODAS))
        if word not in taken:
            taken.add(word)
            yield word


@dataclass(frozen=True)
class Fact:
    """One sentence: its start (the question) and the value that ends it."""

    name: Name
    relation: Relation
    wording: int
    value: str

    @property
    def start(self) -> tuple[str, ...]:
        return self.relation.templates[self.wording].start(self.name)

    def reworded(self, rng: Generator) -> "Fact":
        """The same in one of the other wordings."""
        return replace(self, wording=(self.wording + int(rng.integers(1, WORDINGS))) % WORDINGS)

    @property
    def sentence(self) -> tuple[str, ...]:
        return (*self.start, self.value, ".")


class World:
    """Everything that corpora with the same seed and sizes share.

    Attributes:
        first_names, last_names, fillers: words.
        values: per relation the words that can end its sentences.
        labels, keywords: per form, for each class its semantic label, and the words that tell it.
        persistent_values_PR, held_out_PR: of each persistent fact its value, and the wording kept for the test.
        tokenizer: one token per word.
    """

    def __init__(self, config: "TinyWorldConfig"):
        self.config = config
        words = pseudo_words(default_rng((config.seed, WORDS)))
        self.first_names = [word.capitalize() for word in islice(words, config.first_names)]
        self.last_names = [word.capitalize() for word in islice(words, config.last_names)]
        self.relations = RELATIONS[: config.relations]
        self.values = [list(islice(words, config.values_per_relation)) for _ in self.relations]
        self.labels = {form: list(islice(words, config.classes)) for form in FORMS}
        self.keywords = {
            form: [list(islice(words, config.keywords_per_class)) for _ in range(config.classes)] for form in FORMS
        }
        self.fillers = [*islice(words, config.fillers), *DIGITS]
        self.anonymous_labels = [anonymous_label(number) for number in range(config.anonymous_labels)]
        self.tokenizer = build_word_level(self._vocabulary())
        self._ids: dict[str, int] = self.tokenizer.get_vocab()
        self._deal_people()
        rng = default_rng((config.seed, FACTS))
        shape_PR = (config.persistent_people, config.relations)
        self.persistent_values_PR = rng.integers(config.values_per_relation, size=shape_PR)
        self.held_out_PR = rng.integers(WORDINGS, size=shape_PR)

    def _vocabulary(self) -> list[str]:
        groups: list[Sequence[str]] = [fixed_words(), self.first_names, self.last_names, *self.values]
        groups += [*self.labels.values(), *(words for classes in self.keywords.values() for words in classes)]
        groups += [self.fillers[: self.config.fillers], self.anonymous_labels]
        return [word for group in groups for word in group]

    def _deal_people(self) -> None:
        config = self.config
        num_pairs = config.first_names * config.last_names
        order = default_rng((config.seed, PEOPLE)).permutation(num_pairs)
        per_split = config.evaluation.articles * config.evaluation.paragraphs_per_article
        held_out = config.persistent_people + 2 * per_split
        if held_out >= num_pairs:
            raise names_exhausted(config, f"{held_out} persistent and evaluation people need a name each")
        persistent, dev, test, self.training_people = np.split(
            order, np.cumsum([config.persistent_people, per_split, per_split])
        )
        self.persistent_people = [self.name(pair) for pair in persistent]
        self.evaluation_people = {"dev": dev, "test": test}

    def name(self, pair: int) -> Name:
        first, last = divmod(int(pair), self.config.last_names)
        return self.first_names[first], self.last_names[last]

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """Token ids; equal to those the tokenizer gives for ``text(tokens)``."""
        return [self._ids[token] for token in tokens]

    def text(self, tokens: Sequence[str]) -> str:
        """Tokens as a reader sees them."""
        return str(self.tokenizer.decode(self.encode(tokens)))

    def fact(self, name: Name, relation: int, template: int, value: int) -> Fact:
        return Fact(name, self.relations[relation], template, self.values[relation][value])

    def held_out_facts(self, split: str) -> Iterator[tuple[int, Fact]]:
        """The facts that the dev or the test files ask: number of the relation, fact in the wording never trained."""
        dev_people = self.config.evaluation.dev_people
        people = range(dev_people) if split == "dev" else range(dev_people, len(self.persistent_people))
        for person in people:
            for number in range(len(self.relations)):
                wording, value = self.held_out_PR[person, number], self.persistent_values_PR[person, number]
                yield number, self.fact(self.persistent_people[person], number, wording, value)

    def new_facts(self, rng: Generator, name: Name, count: int) -> list[Fact]:
        """Draw facts of someone who is not persistent, each of another relation."""
        relations = rng.permutation(len(self.relations))[:count].tolist()
        templates = rng.integers(WORDINGS, size=count).tolist()
        values = rng.integers(self.config.values_per_relation, size=count).tolist()
        return [self.fact(name, *choice) for choice in zip(relations, templates, values, strict=True)]


def names_exhausted(config: "TinyWorldConfig", need: str) -> UserError:
    return UserError(
        f"corpus.first_names: {config.first_names} first and {config.last_names} last names make "
        f"{config.first_names * config.last_names} people, but {need}; raise first_names or last_names"
    )
