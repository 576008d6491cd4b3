"""Training documents of the tiny world: four kinds, and the stream that mixes them.

Documents are drawn independently, kind and length alike: the stream is stationary, so every data budget has the same
mix. Kinds differ in how well they fill a length, so each is drawn with a probability in proportion to its share of
tokens over its mean length, measured beforehand on documents that are thrown away.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator, default_rng

from mmv2.data.sources._episodes import Classes, Instances
from mmv2.data.sources._language import DELIMITERS, FORMS, QUESTION, WORDINGS, Name, document_header
from mmv2.data.sources._world import MEASURE, PEOPLE, SCHEDULE, STREAM, Fact, World, names_exhausted
from mmv2.errors import UserError

KINDS = ("repetition", "articles", "classification", "persistent")
"""The keys of ``mix``, each a method of DocumentWriter."""
MARKERS = 2
"""BOS and EOS, which count towards a document's length and are added by whoever stores it."""
_MEASURED_TOKENS = 200_000
_NAME_MARGIN = 1.05
_TRIES = 100


class People:
    """Hands out training people one after another, each for one document; where they recur, again when all had a turn.

    Someone who recurs has other facts in every document, so that nothing is known of them from outside of it.
    """

    def __init__(self, world: World, pairs: Sequence[int] | np.ndarray, recur: bool):
        self._world = world
        self._pairs = itertools.cycle(pairs) if recur else iter(pairs)
        self.taken = 0

    def take(self) -> Name:
        """Someone new; raises UserError when nobody is left."""
        pair = next(self._pairs, None)
        if pair is None:
            raise names_exhausted(self._world.config, f"after {self.taken} of them none is left for training")
        self.taken += 1
        return self._world.name(pair)


class DocumentWriter:
    """Writes one document of each kind: up to ``length`` tokens with BOS and EOS, which are not written here."""

    def __init__(self, world: World, instances: Instances, rng: Generator, people: People):
        self.world = world
        self.config = world.config
        self.instances = instances
        self.rng = rng
        self.people = people

    def repetition(self, length: int) -> list[str]:
        """A few facts of new people, told again and again, word for word, each time in another order."""
        room = length - MARKERS
        sentences = self._sentences_to_repeat(room // self._between(self.config.repetitions))
        tokens: list[str] = []
        while True:
            for place in self.rng.permutation(len(sentences)).tolist():
                if len(tokens) + len(sentences[place]) > room:
                    return tokens
                tokens += sentences[place]

    def _sentences_to_repeat(self, room: int) -> list[tuple[str, ...]]:
        """At least two sentences, and as many as fit."""
        sentences: list[tuple[str, ...]] = []
        used = 0
        while len(sentences) < 2 or used + self.config.longest_sentence <= room:
            for fact in self._new_facts(self._between(self.config.facts_per_person)):
                if len(sentences) >= 2 and used + len(fact.sentence) > room:
                    break
                sentences.append(fact.sentence)
                used += len(fact.sentence)
        return sentences

    def articles(self, length: int) -> list[str]:
        """Numbered documents on one new person each, then questions, each fact equally likely to be asked."""
        room = length - MARKERS
        room_to_tell = room * (1 - self.rng.uniform(*self.config.question_share))
        count = self._between(self.config.facts_per_person)
        tokens: list[str] = []
        facts: list[Fact] = []
        for number in itertools.count(1):
            longest = len(document_header(number)) + count * self.config.longest_sentence + 2
            if facts and len(tokens) + longest > room_to_tell:
                break
            new = self._new_facts(count)
            tokens += [*document_header(number), *(token for fact in new for token in fact.sentence), "\n", "\n"]
            facts += new
        return tokens + self._questions(facts, room - len(tokens))

    def _questions(self, facts: list[Fact], room: int) -> list[str]:
        tokens: list[str] = []
        for place in self.rng.permutation(len(facts)).tolist():
            asked = self._asked(facts[place])
            line = [*QUESTION, *asked.start, asked.value]
            if len(tokens) + 1 + len(line) > room:
                break
            tokens += ["\n", *line] if tokens else line
        return tokens

    def _asked(self, fact: Fact) -> Fact:
        """The fact in the wording of its question."""
        share = self.config.reworded_share
        return fact.reworded(self.rng) if share and self.rng.random() < share else fact

    def classification(self, length: int) -> list[str]:
        """Examples of a few classes in random order.

        They are either classes of the world with the words that name them, or classes dealt for this document with
        labels drawn for it: known from outside of it, or from nothing but its examples.
        """
        room = length - MARKERS
        name = list(FORMS)[self.rng.integers(len(FORMS))]
        delimiter = DELIMITERS[self.rng.integers(len(DELIMITERS))]
        capacity = room // FORMS[name].example_tokens(self.config.instance_words, delimiter)
        (fewest, most), (min_shots, max_shots) = self.config.episode_classes, self.config.episode_shots
        num_classes = self._between((fewest, min(most, capacity // min_shots)))
        shots = min(capacity // num_classes, max_shots)
        keywords, labels = self._classes(name, num_classes)
        order = self.rng.permutation(np.repeat(np.arange(num_classes), shots))
        instances = self.instances.draw(self.rng, keywords, order)
        examples = (
            FORMS[name].example(x, labels[y], delimiter) for x, y in zip(instances, order.tolist(), strict=True)
        )
        return [token for example in examples for token in example]

    def _classes(self, name: str, count: int) -> tuple[Classes, list[str]]:
        """Keywords and labels of the classes of one episode."""
        if self.rng.random() < self.config.anonymous_share:
            drawn = self.rng.permutation(len(self.world.anonymous_labels))[:count].tolist()
            return self.instances.fresh_classes(self.rng, name, count), [
                self.world.anonymous_labels[label] for label in drawn
            ]
        chosen = self.rng.permutation(self.config.classes)[:count].tolist()
        keywords, labels = self.world.keywords[name], self.world.labels[name]
        return [keywords[label] for label in chosen], [labels[label] for label in chosen]

    def persistent(self, length: int) -> list[str]:
        """Facts of persistent people, each at most once, in any wording but the one that is held out."""
        room = length - MARKERS
        world = self.world
        num_people, num_relations = world.persistent_values_PR.shape
        most = min(num_people * num_relations, room // 4)
        pairs = self.rng.choice(num_people * num_relations, size=most, replace=False)
        wordings = self.rng.integers(WORDINGS - 1, size=most)
        wordings += wordings >= world.held_out_PR.flat[pairs]
        values = world.persistent_values_PR.flat[pairs]
        tokens: list[str] = []
        for pair, wording, value in zip(pairs.tolist(), wordings.tolist(), values.tolist(), strict=True):
            person, relation = divmod(pair, num_relations)
            sentence = world.fact(world.persistent_people[person], relation, wording, value).sentence
            if len(tokens) + len(sentence) > room:
                break
            tokens += sentence
        return tokens

    def _new_facts(self, count: int) -> list[Fact]:
        return self.world.new_facts(self.rng, self.people.take(), count)

    def _between(self, bounds: tuple[int, int]) -> int:
        return int(self.rng.integers(bounds[0], bounds[1] + 1))


def documents(world: World, instances: Instances) -> Iterator[list[int]]:
    """The endless stream of documents as token ids, no two alike.

    Raises:
        UserError: the training people will not (or, while drawing, do not) suffice, or documents are so short that no
            new one can be found.
    """
    probabilities = _probabilities(world, instances)
    config = world.config
    order = default_rng((config.seed, PEOPLE, config.stream_seed)).permutation(world.training_people)
    people = People(world, order, config.people_recur)
    writer = DocumentWriter(world, instances, default_rng((config.seed, STREAM, config.stream_seed)), people)
    return _distinct(world, writer, probabilities)


def _probabilities(world: World, instances: Instances) -> np.ndarray:
    """How likely a document is of each kind, so that the shares of tokens are those of the mix."""
    config = world.config
    rng = default_rng((config.seed, MEASURE, config.stream_seed))
    people = People(world, world.training_people, recur=True)
    writer = DocumentWriter(world, instances, rng, people)
    num_lengths = max(16, 2 * _MEASURED_TOKENS // sum(config.document_tokens))
    lengths = np.linspace(*config.document_tokens, num_lengths).round().astype(int).tolist()
    shares = np.array([getattr(config.mix, kind) for kind in KINDS])
    mean_tokens, people_per_token = [], []
    for kind in KINDS:
        before = people.taken
        total = sum(len(getattr(writer, kind)(length)) + MARKERS for length in lengths)
        mean_tokens.append(total / len(lengths))
        people_per_token.append((people.taken - before) / total)
    needed = int(_NAME_MARGIN * config.largest_budget * config.unit_tokens * float(shares @ people_per_token))
    if needed > len(world.training_people) and not config.people_recur:
        raise names_exhausted(config, f"about {needed} are needed for training, besides the held-out ones")
    weights = shares / mean_tokens
    return weights / weights.sum()


def _distinct(world: World, writer: DocumentWriter, probabilities: np.ndarray) -> Iterator[list[int]]:
    config = world.config
    schedule = default_rng((config.seed, SCHEDULE, config.stream_seed))
    shortest, longest = config.document_tokens
    seen: set[int] = set()
    repeats = 0
    while repeats < _TRIES:
        kinds = schedule.choice(len(KINDS), size=1024, p=probabilities).tolist()
        lengths = schedule.integers(shortest, longest + 1, size=1024).tolist()
        for kind, length in zip(kinds, lengths, strict=True):
            ids = world.encode(getattr(writer, KINDS[kind])(length))
            digest = hash(tuple(ids))
            if digest in seen:
                repeats += 1
                continue
            repeats = 0
            seen.add(digest)
            yield ids
    raise UserError(
        f"corpus.document_tokens: {_TRIES} documents in a row repeat earlier ones; raise document_tokens, "
        f"persistent_people or keywords_per_class"
    )
