"""Benchmark files of the tiny world: what the paper's 19 benchmarks ask, in its form and in the world's words.

<name>_{dev,test}.jsonl, rows {id, prompt, references, choices, depth} as ``mmv2.evaluation.tasks.benchmarks`` reads;
a choice begins with a blank. Those that need no context:

facts_open            a fact of a persistent person, in the wording that is held out of training
facts_choice          the same question, with values of the same relation to choose from
typed_completion      a sentence on somebody new, with values of different relations: only one is of the right type
banking_zero_shot, emotions_zero_shot     an instance without demonstrations, all semantic labels to choose from

Those whose answer stands in the prompt, at least ``distance`` tokens before its end:

reading_open          one passage on several new people, and a question on one of them
reading_choice        the same, with values to choose from that all stand in the passage and are of the right type
few_shot_anonymous    instances of a few classes with labels of their own for this prompt, and one more
repeat                sentences told twice, the second time in another order and cut before the last value

People, facts and instances of dev and test are those that the other evaluation files ask about.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.random import Generator, default_rng

from mmv2.data.sources._episodes import Instances
from mmv2.data.sources._language import FORMS, QUESTION, WORDINGS, Name
from mmv2.data.sources._world import EVALUATION, Fact, World
from mmv2.errors import UserError
from mmv2.files import write_text

CHOICES = 4
"""Candidates to choose from, or as many as there are."""
SPLITS = ("dev", "test")
_STREAM = 4
"""Third part of the seed; the other evaluation files have 0 to 3."""
_TRIES = 100

Row = dict[str, Any]


def write_benchmarks(world: World, instances: Instances, folder: Path) -> None:
    """Write all files; they depend on the world alone.

    Raises:
        UserError: prompts of the wanted length do not hold what they ask far enough from their end.
    """
    for split in SPLITS:
        writer = BenchmarkWriter(world, instances, split)
        for name in NAMES:
            write_text(folder / f"{name}_{split}.jsonl", "".join(json.dumps(row) + "\n" for row in writer.rows(name)))


class BenchmarkWriter:
    """Makes the rows of one split.

    One method per benchmark: generator, row number -> the row, or None to draw again.
    """

    def __init__(self, world: World, instances: Instances, split: str):
        self.world = world
        self.config = world.config
        self.sizes = world.config.evaluation
        self.instances = instances
        self.split = split
        self.facts = list(world.held_out_facts(split))
        self._relation_of = {value: number for number, values in enumerate(world.values) for value in values}

    def rows(self, name: str) -> Iterator[Row]:
        """All rows of one benchmark, each drawn by a generator of its own."""
        make = getattr(self, name)
        seed = (self.config.seed, EVALUATION, _STREAM, zlib.crc32(f"{name}/{self.split}".encode()))
        for number in range(self._count(name)):
            rng = default_rng((*seed, number))
            row = next((row for _ in range(_TRIES) if (row := make(rng, number)) is not None), None)
            if row is None:
                raise UserError(
                    f"corpus.evaluation.distance: none of {_TRIES} prompts of {name} holds what it asks "
                    f"{self.sizes.distance} tokens before its end; lower distance, or raise passage_tokens (now "
                    f"{self.sizes.passage_tokens}), few_shot_classes or few_shot_examples"
                )
            yield {"id": f"{self.split}-{number}", **row}

    def _count(self, name: str) -> int:
        """Rows: every fact and every instance there is, and as many prompts as asked for of those that are drawn."""
        if name.startswith("facts"):
            return len(self.facts)
        if name.endswith("zero_shot"):
            return len(self.instances.held_out[name.removesuffix("_zero_shot")][self.split])
        return self.sizes.benchmark_rows

    def facts_open(self, rng: Generator, number: int) -> Row:
        """A fact of a persistent person, closed book."""
        _, fact = self.facts[number]
        return self._row(fact.start, fact.value)

    def facts_choice(self, rng: Generator, number: int) -> Row:
        """The same, among values of the same relation."""
        relation, fact = self.facts[number]
        return self._row(fact.start, fact.value, self._among(rng, fact.value, self.world.values[relation]))

    def typed_completion(self, rng: Generator, number: int) -> Row:
        """Which value ends a sentence on somebody new? Only its type tells."""
        relations = rng.permutation(len(self.world.relations))[:CHOICES].tolist()
        values = [int(rng.integers(self.config.values_per_relation)) for _ in relations]
        wording = int(rng.integers(WORDINGS))
        fact = self.world.fact(next(self._people(rng)), relations[0], wording, values[0])
        candidates = [self.world.values[relation][value] for relation, value in zip(relations, values, strict=True)]
        return self._row(fact.start, fact.value, self._among(rng, fact.value, candidates))

    def banking_zero_shot(self, rng: Generator, number: int) -> Row:
        """The class of a service query, by its name."""
        return self._zero_shot("banking", number)

    def emotions_zero_shot(self, rng: Generator, number: int) -> Row:
        """The class of a comment, by its name."""
        return self._zero_shot("emotions", number)

    def _zero_shot(self, name: str, number: int) -> Row:
        instance, label = self.instances.held_out[name][self.split][number]
        labels = self.world.labels[name]
        return self._row(FORMS[name].query_of(instance), labels[label], labels)

    def reading_open(self, rng: Generator, number: int) -> Row | None:
        """A question on a passage."""
        return self._question(rng, rivals=0)

    def reading_choice(self, rng: Generator, number: int) -> Row | None:
        """The same, among values of the same relation that all stand in the passage."""
        return self._question(rng, rivals=min(CHOICES, self.config.values_per_relation) - 1)

    def few_shot_anonymous(self, rng: Generator, number: int) -> Row | None:
        """A class told by examples with labels drawn for this prompt; the two forms take turns."""
        name = list(FORMS)[number % len(FORMS)]
        form, num_classes, shots = FORMS[name], self.sizes.few_shot_classes, self.sizes.few_shot_examples
        classes = rng.permutation(self.config.classes)[:num_classes].tolist()
        drawn = rng.permutation(len(self.world.anonymous_labels))[:num_classes]
        labels = dict(zip(classes, (self.world.anonymous_labels[label] for label in drawn), strict=True))
        examples = [
            form.example(instance, labels[label])
            for label in classes
            for instance in self._sample(rng, name, label, shots)
        ]
        order = rng.permutation(len(examples)).tolist()
        tokens = [token for place in order for token in examples[place]]
        last = max(place for place, token in enumerate(tokens) if token == labels[classes[0]])
        (instance,) = self._sample(rng, name, classes[0], 1, self.split)
        prompt = [*tokens, *form.query_of(instance)]
        return self._row(prompt, tokens[last], place=last) if self._is_far(last, len(prompt)) else None

    def repeat(self, rng: Generator, number: int) -> Row | None:
        """Sentences told twice, word for word, the second time in another order."""
        told, places = self._passage(rng, self.sizes.passage_tokens // 2)
        order = rng.permutation(len(places)).tolist()
        again = [token for place in order[:-1] for token in places[place][0].sentence]
        fact, place = places[order[-1]]
        prompt = [*told, *again, *fact.start]
        return self._row(prompt, fact.value, place=place) if self._is_far(place, len(prompt)) else None

    def _question(self, rng: Generator, rivals: int) -> Row | None:
        """A passage, and a question on a fact that stands far enough back.

        Args:
            rivals: how many other values of the fact's relation stand in the passage, and are to choose from.
        """
        passage, places = self._passage(rng, self.sizes.passage_tokens)
        relations = [self._relation_of[fact.value] for fact, _ in places]
        values = {relation: set(self.world.values[relation]) & set(passage) for relation in relations}
        suitable = [
            (place, fact, relation)
            for relation, (fact, place) in zip(relations, places, strict=True)
            if len(values[relation]) > rivals and self._is_far(place, len(passage) + len(_asking(fact)))
        ]
        if not suitable:
            return None
        place, fact, relation = suitable[rng.integers(len(suitable))]
        choices = self._among(rng, fact.value, sorted(values[relation])) if rivals else []
        return self._row((*passage, *_asking(fact)), fact.value, choices, place)

    def _passage(self, rng: Generator, room: int) -> tuple[list[str], list[tuple[Fact, int]]]:
        """Sentences on people of this split, up to ``room`` tokens, but at least those on one of them.

        Returns:
            The tokens, and each fact with the place of its value.
        """
        least, most = self.config.facts_per_person
        tokens: list[str] = []
        places: list[tuple[Fact, int]] = []
        for name in self._people(rng):
            facts = self.world.new_facts(rng, name, int(rng.integers(least, most + 1)))
            if places and len(tokens) + sum(len(fact.sentence) for fact in facts) > room:
                return tokens, places
            for fact in facts:
                tokens += fact.sentence
                places.append((fact, len(tokens) - 2))
        raise UserError(
            f"corpus.evaluation.passage_tokens: {self.sizes.passage_tokens} tokens are more than all evaluation people "
            f"fill; lower it, or raise articles or paragraphs_per_article"
        )

    def _people(self, rng: Generator) -> Iterator[Name]:
        return map(self.world.name, rng.permutation(self.world.evaluation_people[self.split]))

    def _sample(self, rng: Generator, form: str, label: int, count: int, split: str = "train") -> list[tuple[str, ...]]:
        """Different held-out instances of one class; demonstrations come from the training file."""
        own = [instance for instance, other in self.instances.held_out[form][split] if other == label]
        return [own[place] for place in rng.permutation(len(own))[:count]]

    def _among(self, rng: Generator, answer: str, words: Sequence[str]) -> list[str]:
        """The answer and other words, in random order."""
        others = [word for word in words if word != answer]
        chosen = [answer, *(others[place] for place in rng.permutation(len(others))[: CHOICES - 1])]
        return [chosen[place] for place in rng.permutation(len(chosen))]

    def _is_far(self, place: int, length: int) -> bool:
        """Whether a token of a prompt stands far enough before its end."""
        return length - place >= self.sizes.distance

    def _row(self, prompt: Sequence[str], answer: str, choices: Sequence[str] = (), place: int | None = None) -> Row:
        """``place``: where in the prompt the answer stands, if it does."""
        row: Row = {"prompt": self.world.text(prompt), "references": [answer]}
        if choices:
            row["choices"] = [f" {choice}" for choice in choices]
        if place is not None:
            row["depth"] = place / (len(prompt) - 1)
        return row


def _asking(fact: Fact) -> tuple[str, ...]:
    """What follows a passage: the beginning of one of its sentences."""
    return ("\n", "\n", *QUESTION, *fact.start)


NAMES = (
    "facts_open",
    "facts_choice",
    "typed_completion",
    "banking_zero_shot",
    "emotions_zero_shot",
    "reading_open",
    "reading_choice",
    "few_shot_anonymous",
    "repeat",
)
"""Every benchmark: a method of BenchmarkWriter, and the beginning of its files' names."""
