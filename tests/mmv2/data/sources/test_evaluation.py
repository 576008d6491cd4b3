"""The evaluation files, read as the upstream formats are."""

import csv
import json

import pytest

from mmv2.data.sources._language import RELATIONS
from mmv2.data.sources._world import World
from mmv2.data.sources.tiny_world import TinyWorldConfig
from mmv2.data.tokenizer import load_tokenizer, unknown_words
from tests.mmv2.data.conftest import world_config


@pytest.fixture(scope="module")
def evaluation(corpus):
    return corpus.folder / "evaluation"


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return load_tokenizer(corpus.tokenizer_file)


def texts(content):
    """Every string in JSON, but identifiers and the version."""
    if isinstance(content, dict):
        return [
            text for key, value in content.items() if key not in ("id", "version", "relation") for text in texts(value)
        ]
    if isinstance(content, list):
        return [text for value in content for text in texts(value)]
    return [content] if isinstance(content, str) else []


def rows(evaluation, name):
    with (evaluation / name).open(newline="") as file:
        return list(csv.reader(file, delimiter="," if name.endswith("csv") else "\t"))


def test_no_evaluation_file_holds_an_unknown_word(corpus, evaluation, tokenizer):
    found = []
    for path in sorted(evaluation.iterdir()):
        if path.suffix == ".json":
            found += texts(json.loads(path.read_text()))
        elif path.suffix == ".jsonl":
            found += texts([json.loads(line) for line in path.read_text().splitlines()])
        elif path.suffix == ".csv":
            named = 1 if path.name.startswith("unfamiliar") else None  # its classes are never named to a model
            found += [cell for row in rows(evaluation, path.name)[1:] for cell in row[:named]]
        else:
            found += [row[0] for row in rows(evaluation, path.name)]
    assert len(corpus.manifest.files) == 15 + 18
    assert len(found) > 1000
    assert [word for text in found for word in unknown_words(tokenizer, text)] == []
    # A choice begins with the blank that separates it from its prompt.
    assert all(tokenizer.decode(tokenizer.encode(text).ids) == text.removeprefix(" ") for text in found)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_squad_files_point_at_their_answers(evaluation, split):
    content = json.loads((evaluation / f"squad_{split}.json").read_text())
    assert [len(article["paragraphs"]) for article in content["data"]] == [10, 10, 10]
    identities = set()
    for article in content["data"]:
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            assert len(paragraph["qas"]) == context.count(".") in (2, 3, 4)
            for question in paragraph["qas"]:
                (answer,) = question["answers"]
                start = answer["answer_start"]
                assert context[start : start + len(answer["text"])] == answer["text"]
                assert context[:start].endswith(question["question"] + " ")
                assert question["is_impossible"] is False
                identities.add(question["id"])
    assert len(identities) == sum(len(p["qas"]) for article in content["data"] for p in article["paragraphs"])


@pytest.mark.parametrize("split", ["dev", "test"])
def test_reworded_questions_ask_the_same_of_the_same_paragraphs_in_other_words(corpus, evaluation, split):
    told, asked = (json.loads((evaluation / f"squad{kind}_{split}.json").read_text()) for kind in ("", "_reworded"))
    wordings = {
        (template.before, template.after): relation.name for relation in RELATIONS for template in relation.templates
    }
    number = 0
    for article, other in zip(told["data"], asked["data"], strict=True):
        for paragraph, changed in zip(article["paragraphs"], other["paragraphs"], strict=True):
            assert paragraph["context"] == changed["context"]
            for question, another in zip(paragraph["qas"], changed["qas"], strict=True):
                assert question["answers"] == another["answers"]
                assert another["question"] not in paragraph["context"]
                relations = [
                    relation
                    for (before, after), relation in wordings.items()
                    for words in (question["question"].split(), another["question"].split())
                    if words[: len(before)] == list(before) and words[len(before) + 2 :] == list(after)
                ]
                assert len(relations) == 2
                assert len(set(relations)) == 1
                number += 1
    assert number > 60


def test_the_default_paragraphs_fill_sixteen_contexts_of_256_tokens():
    config = TinyWorldConfig(source="tiny_world", seed=0, unit_tokens=1)
    fewest = config.facts_per_person[0] * 7
    assert config.evaluation.articles * config.evaluation.paragraphs_per_article * fewest > 16 * 256


def test_facts_ask_for_the_value_of_persistent_people(evaluation):
    world = World(world_config())
    lines = [
        json.loads(line)
        for split in ("dev", "test")
        for line in (evaluation / f"facts_{split}.jsonl").read_text().splitlines()
    ]
    index = iter(lines)
    for person, name in enumerate(world.persistent_people):
        for number, relation in enumerate(world.relations):
            row = next(index)
            assert " ".join(name) in row["question"]
            assert row["relation"] == relation.name
            assert row["answer"] == [world.values[number][world.persistent_values_PR[person, number]]]
    assert next(index, None) is None


def test_banking_rows_come_by_category(evaluation):
    for split, per_class in (("train", 8), ("test", 6)):
        header, *body = rows(evaluation, f"banking77_{split}.csv")
        assert header == ["text", "category"]
        categories = [category for _, category in body]
        assert categories == [label for label in dict.fromkeys(categories) for _ in range(per_class)]
        assert len(set(categories)) == 10


def test_emotions_are_numbered_and_shuffled(evaluation):
    labels = (evaluation / "goemotions_labels.txt").read_text().splitlines()
    assert len(set(labels)) == 10
    for split, per_class in (("train", 8), ("dev", 6), ("test", 6)):
        numbers = [int(number) for _, number, _ in rows(evaluation, f"goemotions_{split}.tsv")]
        assert sorted(numbers) == [label for label in range(10) for _ in range(per_class)]
        assert numbers != sorted(numbers)


def test_the_lexicon_lists_the_words(evaluation, tokenizer):
    lexicon = json.loads((evaluation / "lexicon.json").read_text())
    assert len(lexicon["first_names"]) == 60
    assert set(lexicon["values"]) == {"home", "work", "origin", "music", "food", "animal"}
    people = lexicon.pop("people")
    assert all(tokenizer.token_to_id(word) is not None for word in texts(lexicon))
    for split in ("dev", "test"):
        squad = (evaluation / f"squad_{split}.json").read_text()
        assert len(set(people[split])) == 30
        assert all(f" {name} " in f" {squad} ".replace('"', " ") for name in people[split])
