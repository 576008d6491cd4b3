"""The benchmark files: each asks what it claims to ask, and the answer stands where it should."""

import json
import re

import numpy as np
import pytest

from mmv2.config import validate
from mmv2.data.prepare import prepare_corpus
from mmv2.data.sources._benchmarks import CHOICES, NAMES, SPLITS, BenchmarkWriter
from mmv2.data.sources._episodes import Instances
from mmv2.data.sources._world import World
from mmv2.data.sources.tiny_world import TinyWorldConfig
from mmv2.data.tokenizer import load_tokenizer
from mmv2.errors import UserError
from tests.mmv2.data.conftest import world_config

CONTEXT = ("reading_open", "reading_choice", "few_shot_anonymous", "repeat")


@pytest.fixture(scope="module")
def world():
    """The laptop's sizes: the defaults."""
    return World(TinyWorldConfig(source="tiny_world", seed=0, unit_tokens=1))


@pytest.fixture(scope="module")
def rows(world):
    """All rows by benchmark and split."""
    instances = Instances(world)
    writers = {split: BenchmarkWriter(world, instances, split) for split in SPLITS}
    return {(name, split): list(writer.rows(name)) for name in NAMES for split, writer in writers.items()}


def each(rows, name):
    return [row for split in SPLITS for row in rows[name, split]]


def right(row):
    (answer,) = row["references"]
    return answer


def people_of(world, split):
    return {" ".join(world.name(pair)) for pair in world.evaluation_people[split]}


def relation_of(world, value):
    (found,) = [number for number, values in enumerate(world.values) if value in values]
    return found


def length(world, text):
    return len(world.tokenizer.encode(text).ids)


def test_files_hold_the_rows(corpus):
    for name in NAMES:
        for split in SPLITS:
            lines = (corpus.folder / "evaluation" / f"{name}_{split}.jsonl").read_text().splitlines()
            identities = [json.loads(line)["id"] for line in lines]
            assert identities == [f"{split}-{number}" for number in range(len(lines))]
            assert len(lines) >= 12


def test_rows_are_distinct_and_dev_asks_nothing_of_the_test(rows):
    for name in NAMES:
        prompts = {split: [row["prompt"] for row in rows[name, split]] for split in SPLITS}
        assert not set(prompts["dev"]) & set(prompts["test"])
        if not name.endswith("zero_shot"):  # those go by class
            assert [right(row) for row in rows[name, "dev"]][:100] != [right(row) for row in rows[name, "test"]][:100]
        # Nine people and four wordings of a few relations: the same sentence may be begun twice.
        repeated = len(prompts["test"]) - len(set(prompts["test"]))
        assert repeated <= (len(prompts["test"]) // 20 if name == "typed_completion" else 0)


def test_more_rows_leave_the_first_ones_as_they_are(rows):
    config = TinyWorldConfig(source="tiny_world", seed=0, unit_tokens=1)
    sizes = config.evaluation.model_copy(update={"benchmark_rows": 7})
    few = World(config.model_copy(update={"evaluation": sizes}))
    writer = BenchmarkWriter(few, Instances(few), "test")
    for name in ("typed_completion", *CONTEXT):
        assert list(writer.rows(name)) == rows[name, "test"][:7]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("facts_open", *CONTEXT)] + ["reading_choice"])
def test_choices_are_different_and_the_right_one_is_at_no_fixed_place(rows, name):
    places = []
    for row in each(rows, name):
        candidates = [choice.removeprefix(" ") for choice in row["choices"]]
        assert all(choice == f" {candidate}" for choice, candidate in zip(row["choices"], candidates, strict=True))
        assert len(set(candidates)) == len(candidates) == (16 if name.endswith("zero_shot") else CHOICES)
        places.append(candidates.index(right(row)))
    shares = np.bincount(places, minlength=len(candidates)) / len(places)
    assert shares.max() < 1.5 / len(shares)


def test_facts_are_asked_in_the_wording_that_is_held_out(world, rows):
    asked = 0
    for split, people in (("dev", range(30)), ("test", range(30, 100))):
        number = iter(zip(rows["facts_open", split], rows["facts_choice", split], strict=True))
        for person in people:
            for relation in range(6):
                free, choice = next(number)
                template = world.relations[relation].templates[world.held_out_PR[person, relation]]
                start = " ".join(template.start(world.persistent_people[person]))
                value = world.values[relation][world.persistent_values_PR[person, relation]]
                assert free["prompt"] == choice["prompt"] == start
                assert right(free) == right(choice) == value
                assert {relation_of(world, c.strip()) for c in choice["choices"]} == {relation}
                asked += 1
    assert asked == len(each(rows, "facts_open")) == 600


def test_completions_differ_in_type_and_only_one_fits(world, rows):
    starts = {
        template.after if template.before == () else template.before: number
        for number, relation in enumerate(world.relations)
        for template in relation.templates
    }
    for split in SPLITS:
        names = people_of(world, split)
        for row in rows["typed_completion", split]:
            (name,) = [name for name in names if name in row["prompt"]]
            before, after = (tuple(part.split()) for part in row["prompt"].split(name))
            assert relation_of(world, right(row)) == starts[before or after]
            assert len({relation_of(world, choice.strip()) for choice in row["choices"]}) == CHOICES


@pytest.mark.parametrize("form", ["banking", "emotions"])
def test_zero_shot_asks_every_held_out_instance_for_its_label(world, rows, form):
    for split in SPLITS:
        held_out = Instances(world).held_out[form][split]
        for row, (instance, label) in zip(rows[f"{form}_zero_shot", split], held_out, strict=True):
            first, second = row["prompt"].split("\n")
            assert first.endswith(f": {world.text(instance)}")
            assert second in ("intent category:", "emotion category:")
            assert right(row) == world.labels[form][label]


@pytest.mark.parametrize("name", ["reading_open", "reading_choice"])
def test_a_passage_tells_what_is_asked(world, rows, name):
    relations = {value: number for number, values in enumerate(world.values) for value in values}
    for split in SPLITS:
        names = people_of(world, split)
        for row in rows[name, split]:
            passage, question = row["prompt"].split("\n\nQuestion: ")
            assert f"{question} {right(row)}." in passage
            assert passage.count(question) == 1
            told = {person for person in names if person in passage}
            assert len(told) >= 5
            assert len(re.findall(r"\.", passage)) == sum(word.rstrip(".") in relations for word in passage.split())
            if name == "reading_choice":
                assert all(f"{choice}." in passage for choice in row["choices"])
                assert {relations[choice.strip()] for choice in row["choices"]} == {relations[right(row)]}


def test_few_shot_labels_are_drawn_for_each_prompt_and_classes_told_by_examples(world, rows):
    keywords = {w: (form, c) for form, classes in world.keywords.items() for c, ws in enumerate(classes) for w in ws}
    held_out = Instances(world).held_out
    told = {s: {world.text(x) for form in held_out.values() for x, _ in form[s]} for s in ("train", *SPLITS)}
    all_labels = set()
    for row in each(rows, "few_shot_anonymous"):
        *examples, query = re.findall(r": (.*)\n\w+ category:(?: (\w+))?", row["prompt"])
        assert len(examples) == 16
        classes = [{keywords[word] for word in text.split() if word in keywords} for text, _ in [*examples, query]]
        assert all(len(found) == 1 for found in classes)
        by_class = dict(zip((found.pop() for found in classes[:-1]), (label for _, label in examples), strict=True))
        assert len(by_class) == len(set(by_class.values())) == 4
        assert by_class[classes[-1].pop()] == right(row)
        all_labels |= set(by_class.values())
        assert query[0] in told[row["id"].split("-")[0]]
        assert {text for text, _ in examples} <= told["train"]
    assert len(all_labels) > 80


def test_repeat_tells_every_sentence_twice(rows):
    for row in each(rows, "repeat"):
        *sentences, cut = re.split(r"\. ?", row["prompt"])
        sentences.append(f"{cut} {right(row)}")
        half = len(sentences) // 2
        assert sorted(sentences[:half]) == sorted(sentences[half:])
        assert len(set(sentences)) == half >= 8
    assert any(row["prompt"].split(". ")[0] != row["prompt"].split(". ")[half] for row in each(rows, "repeat"))


@pytest.mark.parametrize("name", CONTEXT)
def test_the_answer_stands_far_back_and_prompts_fit_256_tokens(world, rows, name):
    for row in each(rows, name):
        tokens = [world.tokenizer.id_to_token(token) for token in world.tokenizer.encode(row["prompt"]).ids]
        places = [place for place, token in enumerate(tokens) if token == right(row)]
        if name.startswith("reading"):  # the value may be true of somebody else too
            places = [round(row["depth"] * (len(tokens) - 1))]
            question = row["prompt"].split("\n\nQuestion: ")[1].split()
            assert tokens[places[0] - len(question) : places[0] + 1] == [*question, right(row)]
        if name == "few_shot_anonymous":
            assert len(tokens) - places[-1] >= 64
        assert len(tokens) - round(row["depth"] * (len(tokens) - 1)) >= 64
        assert round(row["depth"] * (len(tokens) - 1)) in places
        assert 130 < 1 + len(tokens) + 2 <= 256


@pytest.mark.parametrize("sizes", [{"passage_tokens": 40}, {"distance": 250}])
def test_an_impossible_distance_is_told(sizes, tmp_path):
    evaluation = world_config().evaluation.model_copy(update=sizes)
    with pytest.raises(UserError, match=r"corpus\.evaluation\.distance: none of 100 prompts of reading_open holds"):
        prepare_corpus(world_config(evaluation=evaluation), tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


def test_a_passage_longer_than_all_people_is_told(tmp_path):
    evaluation = world_config().evaluation.model_copy(update={"passage_tokens": 2000})
    with pytest.raises(UserError, match=r"corpus\.evaluation\.passage_tokens: 2000 tokens are more than"):
        prepare_corpus(world_config(evaluation=evaluation), tmp_path / "corpus")


def test_the_files_have_the_form_the_task_reads(corpus):
    from mmv2.evaluation.tasks.benchmarks import BenchmarkRow
    from mmv2.jsonl import read_jsonl

    tokenizer = load_tokenizer(corpus.tokenizer_file)
    for path in (path for name in NAMES for path in (corpus.folder / "evaluation").glob(f"{name}_*.jsonl")):
        for row in read_jsonl(path, BenchmarkRow):
            assert tokenizer.encode(row.prompt).ids[0] > 2


def test_sizes_are_checked():
    content = {"source": "tiny_world", "seed": 1, "unit_tokens": 1, "evaluation": {"few_shot_examples": 41}}
    message = r"corpus\.evaluation\.few_shot_examples: 41 exceeds train_rows_per_class 40"
    with pytest.raises(UserError, match=message):
        validate(TinyWorldConfig, content, "run.yaml", "corpus")
