import json
import re
import shutil
import subprocess
import sys
from collections import Counter

import pytest

from mmv2.config import validate
from mmv2.data.prepare import prepare_corpus
from mmv2.data.tokenizer import train_bpe
from mmv2.errors import UserError
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.ruler import fitting
from mmv2.evaluation.ruler.settings import QaSource, RulerQaSettings
from mmv2.evaluation.squad import read_squad
from mmv2.evaluation.tasks.ruler_qa import TASK, freeze
from mmv2.evaluation.word_lists import WordList
from mmv2.files import sha256
from tests.mmv2.data.conftest import world_config
from tests.mmv2.evaluation.small_world import CITIES, NAMES, SURNAMES, TINY_PROMPT, write_corpus_folder


def settings(**changes):
    tiny = {
        "context_lengths": (64,),
        "examples_per_length": 32,
        "max_new_tokens": 2,
        "prompt_template": TINY_PROMPT,
        "document_template": "{text}",
        "document_joiner": "\n",
        "min_documents": 2,
        "document_step": 1,
    }
    return RulerQaSettings(**{**tiny, **changes})


@pytest.fixture
def corpus(tmp_path):
    return write_corpus_folder(tmp_path / "corpus")


def frozen(corpus, **changes):
    freeze(settings(**changes), corpus, corpus / "tokenizer.json", corpus / "frozen.jsonl")
    return read_frozen(corpus / "frozen.jsonl")


def documents(example):
    """The documents of a prompt in the tiny form."""
    return example.prompt.partition("\n\nQuestion")[0].split("\n")


def test_the_default_prompt_is_rulers_byte_for_byte(corpus, tokenizer_file):
    questions = read_squad(corpus / "evaluation" / "squad_test.json").questions
    default = RulerQaSettings(context_lengths=(512,), examples_per_length=1, min_documents=2, document_step=100)
    freeze(default, corpus, tokenizer_file, corpus / "f.jsonl")
    (example,) = read_frozen(corpus / "f.jsonl")[1]
    one, two = re.findall(r"^Document \d:\n(.*)$", example.prompt, flags=re.MULTILINE)
    assert questions[0].gold in (one, two)
    assert example.prompt == (
        "Answer the question based on the given documents. Only give me the answer and do not output any other words."
        "\n\nThe following are given documents.\n\n"
        f"Document 1:\n{one}\n\nDocument 2:\n{two}\n\n"
        "Answer the question based on the given documents. Only give me the answer and do not output any other words."
        "\n\nQuestion: mira tol lives in Answer:"
    )


def test_the_official_defaults():
    default = RulerQaSettings(context_lengths=(4096,)).resolved()
    assert (default.regime, default.max_new_tokens, default.examples_per_length, default.seed) == (
        "linear10",
        32,
        500,
        42,
    )


@pytest.mark.parametrize(
    ("changes", "regime", "steps"),
    [
        ({}, "linear10", {512: (1, 1), 4095: (1, 1), 4096: (10, 10), 131072: (10, 10)}),
        ({"regime": "linear1"}, "linear1", {4096: (1, 1)}),
        ({"regime": "bisect"}, "bisect", {512: (10, 10), 4096: (10, 10)}),
        ({"regime": "random_depth"}, "random_depth", {512: (1, 1), 4096: (10, 10)}),
        ({"document_step": 3}, "random_depth", {512: (3, 3)}),
        ({"min_documents": 2}, "random_depth", {512: (1, 2), 4096: (10, 2)}),
        ({"min_documents": 2, "document_step": 1, "regime": "random_depth"}, "random_depth", {4096: (1, 2)}),
    ],
)
def test_regimes_have_steps_and_steps_of_ones_own_are_of_random_depth(changes, regime, steps):
    settings = RulerQaSettings(context_lengths=(4096,), **changes).resolved()
    assert settings.regime == regime
    assert {length: (settings.step(length), settings.fewest(length)) for length in steps} == steps


@pytest.mark.parametrize("number", [2, 4, 5, 9])
def test_distractors_come_from_the_same_article_first(corpus, number):
    squad = read_squad(corpus / "evaluation" / "squad_test.json")
    _, examples = frozen(corpus, min_documents=number, document_step=100, context_lengths=(128,), min_fill=0.1)
    chosen = set()
    for question, example in zip(squad.questions, examples, strict=True):
        shown = documents(example)
        assert len(shown) == len(set(shown)) == number
        assert question.gold in shown
        same_article = set(shown) & set(question.more)
        assert len(same_article) == min(number - 1, len(question.more))
        assert set(shown) <= set(squad.pool)
        chosen |= set(shown) - {question.gold, *question.more}
    if number > len(SURNAMES):
        assert len(chosen) > len(NAMES), "distractors of other articles vary"


def test_the_number_of_documents_is_the_largest_that_fits(corpus):
    """Every document of the small world has as many tokens, so the fit is exact for all examples."""
    header, examples = frozen(corpus, context_lengths=(64, 128))
    for example in examples:
        room = example.context_length - example.num_tokens
        assert 0 <= room < 7, "six tokens and a line break would be one more document"
        assert example.details["num_documents"] == len(documents(example))
    assert header.summary["64"]["fill"] > 0.85


def test_steps_of_documents_start_at_the_fewest(corpus):
    _, examples = frozen(corpus, context_lengths=(128,), min_documents=3, document_step=4)
    assert {example.details["num_documents"] for example in examples} == {15}


def test_an_example_longer_than_the_first_gets_fewer_documents(corpus):
    path = corpus / "evaluation" / "squad_test.json"
    content = json.loads(path.read_text())
    entry = content["data"][2]["paragraphs"][0]["qas"][0]
    entry["question"] = "ada tol lives in in in in in in in in in in"
    path.write_text(json.dumps(content))
    _, examples = frozen(corpus)
    numbers = {example.id: example.details["num_documents"] for example in examples}
    assert numbers[entry["id"]] < numbers["mira-tol-0"]
    assert all(example.num_tokens <= 64 for example in examples)


def test_a_length_for_not_even_the_fewest_documents_is_refused(corpus):
    with pytest.raises(
        UserError, match=r"ruler_qa: context_lengths: 32: question \S+ with min_documents 10 needs 80 t"
    ):
        frozen(corpus, context_lengths=(128, 32), min_documents=10)
    assert not (corpus / "frozen.jsonl").exists()


def test_a_length_that_the_documents_cannot_fill_is_refused(corpus):
    with pytest.raises(UserError, match=r"ruler_qa: context_lengths: 1024: its examples use 23% of it.* 32 documents"):
        frozen(corpus, context_lengths=(64, 1024))
    _, examples = frozen(corpus, context_lengths=(1024,), min_fill=0.2)
    assert {example.details["num_documents"] for example in examples} == {32}


def test_more_documents_than_there_are_is_refused(corpus):
    with pytest.raises(UserError, match=r"squad_test\.json: 32 documents, ruler_qa needs min_documents 33"):
        frozen(corpus, context_lengths=(1024,), min_documents=33)


def test_questions_come_in_file_order_or_sampled_the_same_at_every_length(corpus):
    in_file = [question.id for question in read_squad(corpus / "evaluation/squad_test.json").questions]
    lengths = {"context_lengths": (64, 128), "examples_per_length": 5}
    first, sampled = (frozen(corpus, **lengths, questions=which)[1] for which in ("first", "sampled"))
    assert [example.id for example in first] == in_file[:5] * 2
    ids = [example.id for example in sampled]
    assert ids[:5] == ids[5:]
    assert ids[:5] != in_file[:5]
    assert len(set(ids)) == 5
    assert set(ids) <= set(in_file)


def test_random_depth_is_spread_and_recorded(corpus):
    squad = read_squad(corpus / "evaluation" / "squad_test.json")
    _, examples = frozen(corpus)
    for question, example in zip(squad.questions, examples, strict=True):
        shown = documents(example)
        assert example.depth == shown.index(question.gold) / (len(shown) - 1)
    depths = [example.depth for example in examples]
    assert len(set(depths)) > 3
    assert 0.3 < sum(depths) / len(depths) < 0.7


RULER = {"document_template": "{text}", "document_joiner": "\n", "prompt_template": TINY_PROMPT, "max_new_tokens": 2}


@pytest.mark.parametrize("regime", ["linear1", "bisect"])
def test_rulers_regimes_have_one_depth_for_each_number_of_documents(corpus, regime):
    own = RulerQaSettings(context_lengths=(128, 192), regime=regime, **RULER)
    freeze(own, corpus, corpus / "tokenizer.json", corpus / "frozen.jsonl")
    header, examples = read_frozen(corpus / "frozen.jsonl")
    assert header.settings["regime"] == regime
    depths = {}
    for example in examples:
        assert example.num_tokens <= example.context_length + (regime == "bisect")
        depths.setdefault(example.details["num_documents"], set()).add(round(example.depth, 6))
    assert len(depths) > 1
    assert {len(found) for found in depths.values()} == {1}
    assert len(set.union(*depths.values())) > 1


def test_begin_of_text_has_room_except_in_nvidias_fit(corpus):
    """A document has seven tokens with its line break, so that in seven lengths one is filled to the last token."""
    longest = {}
    for regime in ("bisect", "linear1", "random_depth"):
        lengths = tuple(range(100, 107))
        own = RulerQaSettings(context_lengths=lengths, examples_per_length=5, regime=regime, **RULER)
        freeze(own, corpus, corpus / "tokenizer.json", corpus / "frozen.jsonl")
        _, examples = read_frozen(corpus / "frozen.jsonl")
        longest[regime] = max(example.num_tokens - example.context_length for example in examples)
    assert (longest["bisect"], longest["random_depth"]) == (1, 0)
    assert longest["linear1"] < 0, "its fit counts the answers too"


def long_questions(corpus, *places):
    """The same file with some questions that fit no length of the tests."""
    path = corpus / "evaluation" / "squad_test.json"
    content = json.loads(path.read_text())
    for place in places:
        entry = content["data"][place]["paragraphs"][0]["qas"][0]
        entry["question"] = "ada tol lives" + " in" * 200
    path.write_text(json.dumps(content))
    return [content["data"][place]["paragraphs"][0]["qas"][0]["id"] for place in places]


@pytest.mark.parametrize("regime", ["linear1", "bisect", "random_depth"])
def test_questions_that_do_not_fit_are_refused_or_left_out_and_counted(corpus, regime, monkeypatch):
    monkeypatch.setattr(fitting, "MOST_DRAWS", 20)
    unfit = long_questions(corpus, 2, 5)
    own = RulerQaSettings(context_lengths=(128,), regime=regime, **RULER)
    with pytest.raises(UserError, match=rf"length.*128: question {unfit[0]} with documents: (1|10) needs .* leave_out"):
        freeze(own, corpus, corpus / "tokenizer.json", corpus / "frozen.jsonl")
    own = own.model_copy(update={"unfit": "leave_out"})
    freeze(own, corpus, corpus / "tokenizer.json", corpus / "frozen.jsonl")
    header, examples = read_frozen(corpus / "frozen.jsonl")
    assert not {example.id for example in examples} & set(unfit)
    assert (header.summary["128"]["examples"], header.summary["128"]["left_out"]) == (30, 2)
    with pytest.raises(UserError, match=r"context_lengths: 16: question .* needs"):
        freeze(
            own.model_copy(update={"context_lengths": (16,)}),
            corpus,
            corpus / "tokenizer.json",
            corpus / "frozen.jsonl",
        )


def test_the_blind_guess_may_come_from_questions_that_are_not_asked(corpus):
    path = corpus / "evaluation" / "squad_test.json"
    header, examples = frozen(corpus, examples_per_length=5, dev_file=None)
    assert list(header.sources) == ["evaluation/squad_test.json"]
    left = Counter(question.answers[0] for question in read_squad(path).questions[5:])
    assert {left[example.baselines["most_frequent_answer"]] for example in examples} == {max(left.values())}
    with pytest.raises(UserError, match=r"squad_test\.json: dev_file: all 32 questions are asked"):
        frozen(corpus, dev_file=None)


@pytest.mark.parametrize("layout", ["squad", "hotpotqa"])
def test_an_absent_data_set_is_told_with_where_it_comes_from(corpus, layout):
    source = {"squad": r"dev-v2\.0\.json from rajpurkar", "hotpotqa": r"hotpot_dev_distractor_v1\.json from hotpotqa"}
    with pytest.raises(UserError, match=rf"own\.json: no such file; .* is {source[layout]}.*licence CC BY-SA 4\.0"):
        frozen(corpus, file="own.json", format=layout)


def test_the_baselines_of_the_small_world(corpus):
    _, examples = frozen(corpus)
    for example in examples:
        assert TASK.score(example, Outcome.of_text(example.baselines["nearest_match"]))["strict"] == 1, (
            "the question repeats its document"
        )
        assert example.baselines["most_frequent_answer"] in {"Bern", "Lima", "Oslo", "Riga", "Rome"}
    assert len({example.baselines["most_frequent_answer"] for example in examples}) == 1


def test_the_blind_guess_and_chance_come_from_the_dev_file(corpus):
    path = corpus / "evaluation" / "squad_dev.json"
    path.write_text(re.sub("Oslo|Rome|Bern|Lima", "Riga", path.read_text()))
    _, examples = frozen(corpus)
    assert {example.baselines["most_frequent_answer"] for example in examples} == {"Riga"}
    chances = [TASK.chance(example) for example in examples]
    assert chances == [float("Riga" in example.references) for example in examples]
    assert 0 < sum(chances) < len(chances)


def test_where_the_answers_kind_is_known_chance_is_a_draw_among_those_told(corpus):
    """As guessing any city of the documents gets, but not any word; lists alone change neither prompts nor scores."""
    source = QaSource(
        format="squad",
        file="evaluation/squad_test.json",
        dev_file="evaluation/squad_dev.json",
        answer_lists=WordList(key="cities"),
    )
    header, examples = frozen(corpus, subtasks={"squad": source})
    assert "evaluation/lexicon.json" in header.sources
    assert [example.prompt for example in examples] == [example.prompt for example in frozen(corpus)[1]]
    for example in examples:
        told = [city for text in documents(example) for city in CITIES if city in text]
        right = sum(city in example.references for city in told)
        assert (example.details["told_answers"], example.details["told_right"]) == (len(told), right)
        assert TASK.chance(example) == right / len(told) > 0
    assert len({TASK.chance(example) for example in examples}) > 1


def test_a_city_in_the_question_or_the_template_is_not_told(corpus):
    path = corpus / "evaluation" / "squad_test.json"
    data = json.loads(path.read_text())
    question = data["data"][0]["paragraphs"][0]["qas"][0]
    question["question"] = question["question"].replace(" lives", " Oslo lives", 1)
    path.write_text(json.dumps(data))
    template = "Rome\n{context}\n\nQuestion: {query}"
    example = frozen(corpus, answer_lists=WordList(key="cities"), prompt_template=template)[1][0]
    assert example.prompt.startswith("Rome\n")
    assert "Oslo lives" in example.prompt
    told = sum(city in text for text in documents(example)[1:] for city in CITIES)
    assert example.details["told_answers"] == told


def test_lists_that_lack_an_answer_are_refused(corpus):
    with pytest.raises(UserError, match=r"test\.json: question .*: answer_lists: none holds the answer '[A-Z]"):
        frozen(corpus, answer_lists=WordList(key="names.first"))


def test_lists_of_one_source_stand_with_it():
    with pytest.raises(ValueError, match=r"answer_lists: every source of subtasks has its own"):
        settings(subtasks={"tiny": QaSource(format="squad", file="a.json")}, answer_lists=WordList(key="cities"))


WORLD_LENGTHS = {"context_lengths": (64, 128), "examples_per_length": 5}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Two corpora of one world that differ in all that fine-tuning may change of the stream."""
    folder = tmp_path_factory.mktemp("worlds")
    prepare_corpus(world_config(unit_tokens=2_000), folder / "first")
    long = {"stream_seed": 1, "unit_tokens": 3_000, "largest_budget": 1.0, "document_tokens": (128, 256)}
    prepare_corpus(world_config(**long), folder / "long")
    return folder


def test_corpora_of_one_world_freeze_to_the_same_bytes(worlds):
    for name in ("first", "long"):
        frozen(worlds / name, **WORLD_LENGTHS)
    assert (worlds / "first" / "train-00000.bin").read_bytes() != (worlds / "long" / "train-00000.bin").read_bytes()
    assert (worlds / "first" / "frozen.jsonl").read_bytes() == (worlds / "long" / "frozen.jsonl").read_bytes()


@pytest.mark.parametrize("name", ["tokenizer.json", "evaluation/squad_test.json", "evaluation/squad_dev.json"])
@pytest.mark.parametrize("damage", ["edited", "lost"])
def test_files_that_are_not_as_the_manifest_says_are_not_frozen(worlds, tmp_path, name, damage):
    folder = tmp_path / "corpus"
    shutil.copytree(worlds / "first", folder)
    (folder / "frozen.jsonl").unlink(missing_ok=True)
    if damage == "edited":
        (folder / name).write_text((folder / name).read_text() + "\n")
    else:
        (folder / name).unlink()
    message = "checksum .* differs from the recorded" if damage == "edited" else "no such file, but its manifest"
    with pytest.raises(UserError, match=f"{name}: {message}"):
        frozen(folder, **WORLD_LENGTHS)
    assert not (folder / "frozen.jsonl").exists()


def test_files_beside_the_corpus_and_tokenizers_of_other_models_are_taken_as_they_are(worlds, tmp_path):
    folder = tmp_path / "corpus"
    shutil.copytree(worlds / "first", folder)
    own = folder / "evaluation" / "own.json"
    own.write_text((folder / "evaluation" / "squad_test.json").read_text() + "\n")
    other = tmp_path / "tokenizer.json"
    other.write_text((folder / "tokenizer.json").read_text() + "\n")
    freeze(settings(file="evaluation/own.json", **WORLD_LENGTHS), folder, other, tmp_path / "frozen.jsonl")
    header, _ = read_frozen(tmp_path / "frozen.jsonl")
    assert (header.sources["evaluation/own.json"], header.tokenizer) == (sha256(own), sha256(other))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("prompt_template", "{context} only", r"prompt_template.*must hold \{query\} exactly once"),
        ("prompt_template", "{context}{context}{query}", r"must hold \{context\} exactly once"),
        ("document_template", "Document {number}", r"document_template.*must hold \{text\} exactly once"),
        ("regime", "linear", "tasks.ruler_qa.regime"),
        ("format", "trec", "tasks.ruler_qa.format"),
        ("document_step", 0, "tasks.ruler_qa.document_step"),
        ("context_lengths", [], "tasks.ruler_qa.context_lengths"),
        ("steps", 1, "tasks.ruler_qa.steps: unknown key"),
    ],
)
def test_wrong_settings_are_told_by_key(key, value, message):
    with pytest.raises(UserError, match=message):
        validate(RulerQaSettings, {"context_lengths": [64], key: value}, "suite.yaml", "tasks.ruler_qa")


@pytest.mark.parametrize("key", ["document_step", "min_documents"])
@pytest.mark.parametrize("regime", ["linear10", "linear1", "bisect"])
def test_rulers_regimes_take_no_steps(key, regime):
    content = {"context_lengths": [64], "regime": regime, key: 2}
    with pytest.raises(UserError, match=rf"tasks\.ruler_qa\.{key}: regime {regime} has steps of its own"):
        validate(RulerQaSettings, content, "suite.yaml", "tasks.ruler_qa")


def test_settings_with_several_sources_come_back_from_a_resolved_suite():
    """It names every default, too."""
    settings = RulerQaSettings(
        context_lengths=(64,),
        subtasks={"one": QaSource(format="squad", file="x"), "two": QaSource(format="squad", file="y")},
    )
    assert validate(RulerQaSettings, settings.model_dump(mode="json"), "resolved suite") == settings


def test_braces_in_texts_stay(corpus, tokenizer_file):
    path = corpus / "evaluation" / "squad_test.json"
    path.write_text(path.read_text().replace("jon tol lives in", "{context} {text} lives in"))
    freeze(settings(context_lengths=(128,)), corpus, tokenizer_file, corpus / "frozen.jsonl")
    _, examples = read_frozen(corpus / "frozen.jsonl")
    assert any(example.prompt.endswith("Question: {context} {text} lives in") for example in examples)


def test_words_that_the_tokenizer_does_not_know_are_told(corpus):
    path = corpus / "evaluation" / "squad_test.json"
    path.write_text(path.read_text().replace("ada tol lives in Bern", "ada tol lived in Bern"))
    with pytest.raises(UserError, match=r"ruler_qa: question \S+: the tokenizer has no token for 'lived'; use"):
        frozen(corpus)


def test_several_sources_are_subtasks_of_one_file(corpus):
    """Each as if it were alone: the prompts of one do not depend on the other."""
    hotpot = [
        {
            "_id": f"{first}-{last}",
            "question": f"{first} {last} lives in",
            "answer": "Oslo",
            "supporting_facts": [[first, 0], [last, 0]],
            "context": [[first, [" lives in Oslo."]], [last, [" in Oslo."]], ["paul", [" lives in Rome."]]],
        }
        for first in NAMES[:5]
        for last in SURNAMES
    ]
    (corpus / "hotpot.json").write_text(json.dumps(hotpot))
    squad = {"format": "squad", "file": "evaluation/squad_test.json"}
    both = {"squad": squad, "hotpotqa": {"format": "hotpotqa", "file": "hotpot.json"}}
    lengths = {"context_lengths": (64, 96), "examples_per_length": 6, "min_fill": 0.1}
    header, examples = frozen(corpus, subtasks=both, **lengths)
    assert set(header.sources) == {"evaluation/squad_test.json", "hotpot.json"}
    assert header.summary["64"]["examples"] == 12
    alone = frozen(corpus, **squad, dev_file=None, **lengths)[1]
    assert [example for example in examples if example.subtask == "squad"] == alone
    for example in examples:
        if example.subtask == "hotpotqa":
            assert example.details["last_depth"] > example.depth
    content = {"context_lengths": [64], "subtasks": both, "file": "x"}
    with pytest.raises(UserError, match=r"ruler_qa\.file: every source of subtasks has its own"):
        validate(RulerQaSettings, content, "suite.yaml", "tasks.ruler_qa")


def test_the_plan_of_a_workflow_needs_no_torch():
    code = "import sys, mmv2.evaluation.tasks.ruler_qa; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module")
def real_file(shared_data):
    return shared_data("squad/data/dev-v2.0.json")


@pytest.fixture(scope="module")
def real_corpus(real_file, tmp_path_factory):
    """A folder with a small byte-level BPE tokenizer trained on the real SQuAD file."""
    folder = tmp_path_factory.mktemp("real")
    train_bpe(read_squad(real_file).pool, 4000).save(str(folder / "tokenizer.json"))
    return folder


def test_real_squad_with_rulers_own_settings(real_corpus, real_file):
    official = RulerQaSettings(
        context_lengths=(4096,), examples_per_length=20, file=str(real_file), dev_file=str(real_file)
    )
    freeze(official, real_corpus, real_corpus / "tokenizer.json", real_corpus / "frozen.jsonl")
    header, examples = read_frozen(real_corpus / "frozen.jsonl")
    squad = read_squad(real_file)
    assert (len(squad.pool), len(squad.questions)) == (646, 6078 - 3168)
    for question, example in zip(squad.questions, examples, strict=False):
        assert example.references == question.answers
        assert example.prompt.endswith(f"Question: {question.text} Answer:")
        assert f"Document {example.details['num_documents']}:\n" in example.prompt
        assert TASK.score(example, Outcome.of_text(question.answers[0])) == {"official": 1, "strict": 1}
        if example.details["num_documents"] == 20:
            assert round(example.depth, 2) == 0.95
    assert {example.details["num_documents"] for example in examples} <= {10, 20}
    assert 0.5 < header.summary["4096"]["fill"] <= 1


@pytest.mark.parametrize("layout", ["squad", "hotpotqa"])
@pytest.mark.parametrize("regime", ["linear10", "random_depth"])
def test_real_files_below_4k_go_in_single_steps(shared_data, real_corpus, layout, regime):
    files = {"squad": "squad/data/dev-v2.0.json", "hotpotqa": "hotpotqa/hotpot_dev_distractor_v1.subset.json.gz"}
    short = RulerQaSettings(
        context_lengths=(1024, 512),
        examples_per_length=20,
        file=str(shared_data(files[layout])),
        dev_file=None,
        format=layout,
        regime=regime,
        unfit="leave_out",
    )
    freeze(short, real_corpus, real_corpus / "tokenizer.json", real_corpus / "frozen.jsonl")
    header, examples = read_frozen(real_corpus / "frozen.jsonl")
    summary = header.summary
    assert all(row["examples"] + row["left_out"] == 20 for row in summary.values())
    assert summary["1024"]["examples"] >= 19
    assert summary["1024"]["documents"] > summary["512"]["documents"] >= 1
    for example in examples:
        assert example.num_tokens <= example.context_length
        assert example.details["num_documents"] >= (2 if layout == "hotpotqa" else 1)
