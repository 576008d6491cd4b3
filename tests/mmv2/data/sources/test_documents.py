import collections
import re

import numpy as np
import pytest

from mmv2.data.sources import _documents
from mmv2.data.sources._documents import KINDS, DocumentWriter, People
from mmv2.data.sources._episodes import Instances
from mmv2.data.sources._world import World
from mmv2.errors import UserError
from tests.mmv2.data.conftest import world_config

LENGTHS = [64, 90, 128, 200, 256]


@pytest.fixture(scope="module")
def world(config):
    return World(config)


@pytest.fixture(scope="module")
def instances(world):
    return Instances(world)


@pytest.fixture
def writer(world, instances):
    return DocumentWriter(world, instances, np.random.default_rng(0), People(world, world.training_people, recur=False))


def text_of(writer, kind, length):
    return writer.world.text(getattr(writer, kind)(length))


def people_in(world, text):
    names = re.findall(r"\b([A-Z][a-z]+) ([A-Z][a-z]+)\b", text)
    return {name for name in names if name[0] in world.first_names}


@pytest.mark.parametrize("kind", KINDS)
def test_documents_fill_their_length_and_never_exceed_it(writer, kind):
    unused = {"repetition": 10, "persistent": 10, "articles": 256, "classification": 256}
    for length in LENGTHS * 20:
        tokens = getattr(writer, kind)(length)
        assert length - 2 - unused[kind] < len(tokens) <= length - 2
        assert tokens


@pytest.mark.parametrize("kind", KINDS)
def test_the_shortest_allowed_document_holds_every_kind(config, world, instances, kind):
    writer = DocumentWriter(
        world, instances, np.random.default_rng(1), People(world, world.training_people, recur=False)
    )
    least = {"repetition": 2, "articles": 1, "classification": 4, "persistent": 1}
    for _ in range(200):
        text = text_of(writer, kind, config.shortest_document)
        found = {"articles": text.count("Question"), "classification": text.count("category")}
        assert found.get(kind, text.count(".")) >= least[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_of_the_tokenizer(world, writer, kind):
    for length in LENGTHS * 5:
        tokens = getattr(writer, kind)(length)
        assert world.tokenizer.encode(world.text(tokens)).ids == world.encode(tokens)


@pytest.mark.parametrize("kind", ["repetition", "articles"])
def test_people_of_articles_and_repetitions_occur_once(world, writer, kind):
    seen = collections.Counter(name for _ in range(100) for name in people_in(world, text_of(writer, kind, 200)))
    assert len(seen) == writer.people.taken > 150
    assert set(seen.values()) == {1}
    assert not set(seen) & set(world.persistent_people)


def test_repetitions_repeat_word_for_word_in_changing_order(writer):
    for length in LENGTHS * 10:
        sentences = text_of(writer, "repetition", length).rstrip(".").split(". ")
        distinct = set(sentences)
        assert len(distinct) >= 2
        assert len(sentences) / len(distinct) >= 1.4
        starts = {sentence.rsplit(" ", 1)[0] for sentence in distinct}
        assert len(starts) == len(distinct)
        rounds = [tuple(sentences[i : i + len(distinct)]) for i in range(0, len(sentences), len(distinct))]
        assert all(set(round_) == distinct for round_ in rounds[:-1])
    orders = {round_ for round_ in rounds if len(round_) == len(distinct)}
    assert len(distinct) == 2 or len(orders) > 1


def test_articles_have_the_form_of_the_evaluation_prompt(writer):
    for length in LENGTHS * 20:
        text = text_of(writer, "articles", length)
        *documents, questions = text.split("\n\n")
        told = set()
        for number, document in enumerate(documents, start=1):
            header, body = document.split("\n")
            assert header == f"Document {number}:"
            assert len(people_in(writer.world, body)) == 1
            told |= set(body.rstrip(".").split(". "))
        lines = questions.split("\n")
        assert all(line.startswith("Question: ") for line in lines)
        asked = [line.removeprefix("Question: ") for line in lines]
        assert set(asked) <= told
        assert len(set(asked)) == len(asked) >= 1


def test_questions_fall_on_all_documents_and_relations_alike(world, instances):
    people = People(world, world.training_people, recur=True)
    writer = DocumentWriter(world, instances, np.random.default_rng(2), people)
    places, relations, asked = collections.Counter(), collections.Counter(), 0
    for _ in range(4000):
        text = text_of(writer, "articles", 256)
        *documents, questions = text.split("\n\n")
        if len(documents) != 5:
            continue
        for question in questions.split("\n"):
            sentence = question.removeprefix("Question: ")
            asked += 1
            places[next(n for n, document in enumerate(documents) if sentence + "." in document)] += 1
            relations[next(n for n, pool in enumerate(world.values) if sentence.split()[-1] in pool)] += 1
    assert asked > 2000
    for counts, kinds in ((places, 5), (relations, 6)):
        assert len(counts) == kinds
        assert all(abs(count / asked - 1 / kinds) < 0.03 for count in counts.values())


def episode(writer, tokens):
    """Form, delimiter, queries and labels of one classification document."""
    text = writer.world.text(tokens)
    delimiter = "newline" if text.split(":")[1].startswith("\n") else "space"
    lines = text.replace(":\n", ": ").strip().split("\n")
    pairs = [line.split(": ") for line in lines]
    return pairs[0][0], delimiter, [pair[1] for pair in pairs[::2]], [pair[1] for pair in pairs[1::2]]


def test_episodes_show_a_few_classes_several_times(writer):
    label_forms, forms, delimiters = collections.Counter(), collections.Counter(), collections.Counter()
    for _ in range(300):
        form, delimiter, _, labels = episode(writer, writer.classification(256))
        forms[form] += 1
        delimiters[delimiter] += 1
        counts = collections.Counter(labels)
        assert 2 <= len(counts) <= 8
        assert len(set(counts.values())) == 1
        assert counts[labels[0]] >= 2
        label_forms[labels[0].startswith("class_")] += 1
        assert labels != sorted(labels, key=labels.index) or len(labels) < 6
    assert set(forms) == {"service query", "comment"}
    assert 100 < label_forms[True] < 200
    assert 100 < delimiters["newline"] < 200


def test_semantic_labels_are_fixed_and_anonymous_classes_and_labels_are_not(writer):
    world = writer.world
    owner = {
        word: (form, label)
        for form, pools in world.keywords.items()
        for label, pool in enumerate(pools)
        for word in pool
    }
    labels_of_word, mixed, anonymous = collections.defaultdict(set), 0, 0
    for _ in range(200):
        _, _, queries, labels = episode(writer, writer.classification(256))
        label_in_episode = {}
        for query, label in zip(queries, labels, strict=True):
            words = [word for word in query.split() if word in owner]
            assert len(words) == 2
            owners = {owner[word] for word in words}
            if label.startswith("class_"):
                mixed += len(owners) == 2
                anonymous += 1
                assert all(label_in_episode.setdefault(word, label) == label for word in words)
                for word in words:
                    labels_of_word[word].add(label)
            else:
                ((form, number),) = owners
                assert label == world.labels[form][number]
    assert mixed > 0.8 * anonymous
    assert np.mean([len(labels) for labels in labels_of_word.values()]) > 5


def test_persistent_documents_tell_true_facts_once_and_never_in_the_held_out_wording(world, writer):
    allowed = {
        world.text(world.fact(name, relation, wording, world.persistent_values_PR[person, relation]).sentence): (
            person,
            relation,
        )
        for person, name in enumerate(world.persistent_people)
        for relation in range(6)
        for wording in range(4)
        if wording != world.held_out_PR[person, relation]
    }
    told = collections.Counter()
    for length in LENGTHS * 60:
        sentences = [sentence + "." for sentence in text_of(writer, "persistent", length).rstrip(".").split(". ")]
        assert set(sentences) <= set(allowed)
        assert len({allowed[sentence] for sentence in sentences}) == len(sentences)
        told.update(sentences)
    assert set(told) == set(allowed)


def test_the_shares_of_tokens_are_those_of_the_mix(monkeypatch):
    counts = collections.Counter()
    for kind in KINDS:
        original = getattr(DocumentWriter, kind)

        def counted(self, length, kind=kind, original=original):
            tokens = original(self, length)
            counts[kind] += len(tokens) + 2
            return tokens

        monkeypatch.setattr(DocumentWriter, kind, counted)
    mix = {"repetition": 0.1, "articles": 0.4, "classification": 0.3, "persistent": 0.2}
    world = World(world_config(mix=mix, first_names=150, last_names=150))
    stream = _documents.documents(world, Instances(world))
    counts.clear()
    halves = []
    for _ in range(2):
        for _ in range(3000):
            next(stream)
        halves.append({kind: counts[kind] / counts.total() for kind in KINDS})
    assert halves[1] == pytest.approx(mix, abs=0.015)
    assert halves[0] == pytest.approx(mix, abs=0.02)


def test_running_out_of_people_while_drawing_is_told(world):
    people = People(world, world.training_people[:2], recur=False)
    people.take()
    people.take()
    with pytest.raises(UserError, match=r"corpus\.first_names: .* after 2 of them none is left"):
        people.take()


def test_people_who_recur_come_again_when_all_had_a_turn_with_other_facts(world):
    people = People(world, world.training_people[:2], recur=True)
    assert [people.take() for _ in range(4)] == 2 * [world.name(pair) for pair in world.training_people[:2]]
    small = {"first_names": 30, "last_names": 30, "unit_tokens": 200_000}
    sizes = {"articles": 2, "paragraphs_per_article": 10, "dev_people": 6}
    lone = World(world_config(**small, evaluation=sizes))
    with pytest.raises(UserError, match=r"corpus\.first_names"):
        _documents.documents(lone, Instances(lone))
    recurring = World(world_config(**small, evaluation=sizes, people_recur=True))
    stream = _documents.documents(recurring, Instances(recurring))
    facts = collections.defaultdict(set)
    for _ in range(1500):
        text = recurring.tokenizer.decode(next(stream))
        for name in people_in(recurring, text):
            facts[name].add(text)
    again = [name for name, texts in facts.items() if len(texts) > 1 and name not in recurring.persistent_people]
    assert len(again) > 100
    held_out = {" ".join(recurring.name(pair)) for people in recurring.evaluation_people.values() for pair in people}
    assert not held_out & {" ".join(name) for name in facts}


def test_reworded_questions_ask_in_other_words_in_their_share():
    world = World(world_config(reworded_share=0.5))
    everyone = People(world, world.training_people, recur=True)
    writer = DocumentWriter(world, Instances(world), np.random.default_rng(0), everyone)
    copied = asked = 0
    for _ in range(200):
        told, *questions = text_of(writer, "articles", 256).split("Question: ")
        for question in questions:
            *start, value = question.split()
            asked += 1
            copied += " ".join(start) + f" {value}." in told
            assert value in told
    assert asked > 500
    assert 0.42 < copied / asked < 0.58
