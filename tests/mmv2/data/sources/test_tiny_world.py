"""The corpus as a whole: what is in the stream, and what is held out of it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from mmv2.config import validate
from mmv2.data.prepare import prepare_corpus
from mmv2.data.shards import Corpus
from mmv2.data.sources._world import World
from mmv2.data.sources.tiny_world import TinyWorldConfig
from mmv2.data.tokenizer import UNKNOWN, load_tokenizer
from mmv2.errors import UserError
from tests.mmv2.data.conftest import world_config


@pytest.fixture(scope="module")
def text(corpus):
    tokenizer = load_tokenizer(corpus.tokenizer_file)
    return tokenizer.decode(corpus.tokens(0, corpus.num_tokens).tolist(), skip_special_tokens=False)


@pytest.fixture(scope="module")
def documents(text):
    return [
        document.strip().removesuffix("<|end_of_text|>").strip() for document in text.split("<|begin_of_text|>")[1:]
    ]


def read(corpus, name):
    return (corpus.folder / "evaluation" / name).read_text()


def squad_paragraphs(corpus, split):
    return [p for article in json.loads(read(corpus, f"squad_{split}.json"))["data"] for p in article["paragraphs"]]


def facts(corpus, split):
    return [json.loads(line) for line in read(corpus, f"facts_{split}.jsonl").splitlines()]


def test_the_number_of_tokens_is_exact(corpus):
    assert corpus.num_tokens == 60_000
    assert corpus.manifest.num_documents > 300


def test_a_smaller_budget_is_a_prefix(corpus, tmp_path):
    prepare_corpus(world_config(largest_budget=0.2), tmp_path / "small")
    small = Corpus.open(tmp_path / "small")
    assert small.num_tokens == 6_000
    assert small.tokens(0, 6_000).tolist() == corpus.tokens(0, 6_000).tolist()


def test_no_two_documents_are_alike(documents):
    assert len(set(documents)) == len(documents)


def test_documents_that_repeat_are_passed_over(tmp_path):
    """So few facts that short documents on them must repeat."""
    config = world_config(
        unit_tokens=20_000,
        largest_budget=1.0,
        persistent_people=2,
        relations=2,
        facts_per_person=(1, 1),
        episode_classes=(2, 2),
        episode_shots=(1, 1),
        document_tokens=(38, 38),
        mix={"repetition": 0.5, "articles": 0, "classification": 0, "persistent": 0.5},
        evaluation=world_config().evaluation.model_copy(update={"dev_people": 1, "passage_tokens": 120}),
    )
    prepare_corpus(config, tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    tokens = corpus.tokens(0, corpus.num_tokens)
    documents = [document.tobytes() for document in np.split(tokens, np.flatnonzero(tokens == 0))[1:]]
    assert len(set(documents)) == len(documents)


def test_a_world_without_new_documents_says_so(tmp_path):
    config = world_config(
        unit_tokens=2_000_000,
        persistent_people=2,
        relations=2,
        facts_per_person=(1, 1),
        mix={"repetition": 0, "articles": 0, "classification": 0, "persistent": 1},
        evaluation=world_config().evaluation.model_copy(update={"dev_people": 1, "passage_tokens": 120}),
    )
    with pytest.raises(UserError, match=r"corpus\.document_tokens: 100 documents in a row repeat"):
        prepare_corpus(config, tmp_path / "corpus")


def test_no_token_is_unknown(corpus, text):
    assert UNKNOWN not in text


def test_evaluation_people_never_occur_in_training(corpus, config):
    world = World(config)
    tokenizer = load_tokenizer(corpus.tokenizer_file)
    tokens = corpus.tokens(0, corpus.num_tokens)
    pairs = set(zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True))

    def occurs(name):
        return tuple(tokenizer.encode(" ".join(name)).ids) in pairs

    assert all(occurs(name) for name in world.persistent_people)
    for split in ("dev", "test"):
        names = [world.name(pair) for pair in world.evaluation_people[split]]
        assert len(set(names)) == 30
        assert not any(occurs(name) for name in names)


def test_dev_and_test_share_nobody(corpus, config):
    world = World(config)
    dev, test = (set(world.evaluation_people[split].tolist()) for split in ("dev", "test"))
    assert not dev & test
    assert not {p["context"] for p in squad_paragraphs(corpus, "dev")} & {
        p["context"] for p in squad_paragraphs(corpus, "test")
    }
    people = {
        split: {
            name
            for name in world.persistent_people
            for row in facts(corpus, split)
            if " ".join(name) in row["question"]
        }
        for split in ("dev", "test")
    }
    assert (len(people["dev"]), len(people["test"])) == (6, 14)
    assert not people["dev"] & people["test"]


def test_the_wording_of_fact_questions_is_never_trained(corpus, text, config):
    world = World(config)
    rows = facts(corpus, "dev") + facts(corpus, "test")
    assert len(rows) == 20 * 6
    assert not any(row["question"] in text for row in rows)
    # The same facts are trained in other words, and the same words for other people.
    told = [person_facts(world, person, relation) for person in range(20) for relation in range(6)]
    assert sum(any(sentence in text for sentence in sentences) for sentences in told) == len(told)
    wordings = {template for relation in world.relations for template in relation.templates}
    assert all(" ".join(template.after) in text for template in wordings)


def person_facts(world, person, relation):
    """Every sentence that tells one fact, but the held-out one."""
    name, value = world.persistent_people[person], world.persistent_values_PR[person, relation]
    held_out = world.held_out_PR[person, relation]
    wordings = [wording for wording in range(4) if wording != held_out]
    return [world.text(world.fact(name, relation, wording, value).sentence) for wording in wordings]


def test_held_out_instances_never_occur_in_training(corpus, text):
    rows = [
        line.split(",")[0]
        for split in ("train", "test")
        for line in read(corpus, f"banking77_{split}.csv").splitlines()
    ]
    rows += [
        line.split("\t")[0]
        for split in ("train", "dev", "test")
        for line in read(corpus, f"goemotions_{split}.tsv").splitlines()
    ]
    assert len(set(rows)) == len(rows) - 1  # the two CSV files have the same header
    assert not any(f": {row}\n" in text for row in rows)


def test_document_lengths_stay_in_their_range(corpus, config):
    tokens = corpus.tokens(0, corpus.num_tokens)
    lengths = np.diff(np.flatnonzero(tokens == corpus.manifest.bos_id))
    shortest, longest = config.document_tokens
    assert lengths.max() <= longest
    assert lengths.max() > longest - 10
    assert np.quantile(lengths, 0.02) > shortest / 2


def test_corpora_of_one_world_share_words_and_evaluation(corpus, tmp_path):
    longer = world_config(
        unit_tokens=5_000,
        stream_seed=1,
        document_tokens=(512, 2048),
        repetitions=(3, 9),
        question_share=(0.1, 0.2),
        episode_classes=(3, 8),
        episode_shots=(2, 20),
        anonymous_share=0.9,
        mix={"repetition": 0.1, "articles": 0.4, "classification": 0.4, "persistent": 0.1},
    )
    prepare_corpus(longer, tmp_path / "longer")
    other = Corpus.open(tmp_path / "longer")
    assert other.manifest.tokenizer_sha256 == corpus.manifest.tokenizer_sha256
    assert other.manifest.files == corpus.manifest.files
    tokens = other.tokens(0, other.num_tokens)
    assert np.diff(np.flatnonzero(tokens == 0)).max() > 1000


def test_another_stream_seed_gives_other_documents(corpus, tmp_path):
    prepare_corpus(world_config(unit_tokens=5_000, stream_seed=1), tmp_path / "other")
    other = Corpus.open(tmp_path / "other")
    assert other.tokens(0, 500).tolist() != corpus.tokens(0, 500).tolist()


def test_running_out_of_names_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match=r"corpus\.first_names: 20 first and 20 last names make 400 people, but about"):
        prepare_corpus(world_config(first_names=20, last_names=20), tmp_path / "corpus")
    with pytest.raises(UserError, match=r"corpus\.first_names: .* 80 persistent and evaluation people"):
        prepare_corpus(world_config(first_names=8, last_names=10), tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mix": {"persistent": 0.9}}, r"corpus\.mix: the shares sum to 1\.65"),
        ({"document_tokens": [300, 200]}, r"corpus\.document_tokens: \[300, 200\] is no range"),
        ({"document_tokens": [20, 200]}, r"corpus\.document_tokens: the shortest document, 20 .* use at least 62"),
        ({"episode_classes": [0, 3]}, r"corpus\.episode_classes: \[0, 3\] is no range"),
        ({"question_share": [0.1, 1.0]}, r"corpus\.question_share: "),
        ({"facts_per_person": [1, 7]}, r"corpus\.facts_per_person: 7 exceeds relations 6"),
        ({"episode_classes": [2, 20]}, r"corpus\.episode_classes: 20 exceeds classes 16"),
        ({"relations": 9}, r"corpus\.relations: .* less than or equal to 8"),
        ({"evaluation": {"dev_people": 100}}, r"corpus\.evaluation\.dev_people: 100 exceeds persistent_people - 1 99"),
        ({"evaluation": {"few_shot_classes": 17}}, r"corpus\.evaluation\.few_shot_classes: 17 exceeds classes 16"),
        ({"relations": 1}, r"corpus\.relations: .* greater than or equal to 2"),
        ({"fillers": 1, "instance_fillers": 0}, r"corpus\.keywords_per_class: a class has 66 .* at least 480"),
        ({"first_name": 10}, r"corpus\.first_name: unknown key; did you mean 'first_names'"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    content = {"source": "tiny_world", "seed": 1, "unit_tokens": 1000, **changes}
    with pytest.raises(UserError, match=rf"run\.yaml: {message}"):
        validate(TinyWorldConfig, content, "run.yaml", "corpus")


def test_the_config_imports_without_torch():
    code = (
        "import sys, mmv2.data.sources.tiny_world; print(sorted({'torch', 'numpy', 'tokenizers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_training_person_occurs_in_one_document_only(corpus, config):
    world = World(config)
    tokenizer = load_tokenizer(corpus.tokenizer_file)
    first_names, last_names = (
        {tokenizer.token_to_id(name) for name in names} for names in (world.first_names, world.last_names)
    )
    persistent = {tuple(map(tokenizer.token_to_id, name)) for name in world.persistent_people}
    tokens = corpus.tokens(0, corpus.num_tokens)
    places = {}
    for number, document in enumerate(np.split(tokens, np.flatnonzero(tokens == corpus.manifest.bos_id))[1:]):
        for pair in zip(document[:-1].tolist(), document[1:].tolist(), strict=True):
            if pair[0] in first_names and pair[1] in last_names and pair not in persistent:
                places.setdefault(pair, set()).add(number)
    assert len(places) > 500
    assert {pair: found for pair, found in places.items() if len(found) > 1} == {}
