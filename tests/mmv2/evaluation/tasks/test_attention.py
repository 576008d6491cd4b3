import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from mmv2.config import validate
from mmv2.convert import reduce_final
from mmv2.data.tokenizer import train_bpe
from mmv2.errors import UserError
from mmv2.evaluation import answering, attention, generation
from mmv2.evaluation.evaluate import evaluate
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.tasks._needles import NEEDLE, PROMPT, Needles
from mmv2.evaluation.tasks.attention import TASK, AttentionSettings, freeze, least_ages
from mmv2.evaluation.word_lists import WordList
from mmv2.layers import memory
from mmv2.ops.memory_read import Ages
from mmv2.ops.memory_read.fast import scaled_queries
from mmv2.records import read_records
from mmv2.registry import architecture, no_attention_maps
from tests.mmv2.evaluation.small_world import CITIES, NAMES, SURNAMES, write_corpus_folder, write_final

NEEDLES = Needles(
    keys=(WordList(key="names.first"), WordList(key="names.last")),
    key_joiner=" ",
    values=WordList(key="cities"),
    needle_template="{key} lives in {value}.",
    prompt_template="{context}\nQuestion: {key} lives in",
    words=WordList(key="names.first"),
    sentence_words=3,
)
LENGTHS = (64, 128)


@pytest.fixture
def corpus(tmp_path):
    return write_corpus_folder(tmp_path / "corpus")


def frozen(corpus, **changes):
    settings = {"context_lengths": LENGTHS, "examples_per_length": 3, "needles": NEEDLES, **changes}
    freeze(AttentionSettings(**settings), corpus, corpus / "tokenizer.json", corpus / "frozen.jsonl")
    return read_frozen(corpus / "frozen.jsonl")


@pytest.fixture
def records(corpus, tmp_path):
    """Evaluates an architecture's tiny model on what is frozen; a table of records."""

    def run(arch="mmv2", name="records", **how):
        final = write_final(tmp_path / arch, arch, corpus / "tokenizer.json")
        evaluate(final, corpus / "frozen.jsonl", tmp_path / f"{name}.jsonl", **{"batch_size": 4, **how})
        return read_records(tmp_path / f"{name}.jsonl")

    return run


@pytest.fixture
def english(tmp_path):
    """A folder with held-out English and a byte-level tokenizer."""
    folder = tmp_path / "english"
    (folder / "evaluation").mkdir(parents=True)
    names = ["seventy", "eighty", "ninety", "hundred", "thousand", "million"]
    text = " ".join(f"There were {one} horses and {other} wagons." for one in names for other in names)
    (folder / "evaluation" / "text_test.jsonl").write_text(json.dumps({"id": "a", "text": text}) + "\n")
    train_bpe([text, NEEDLE, PROMPT], 340).save(str(folder / "tokenizer.json"))
    return folder


def marked_tokens(corpus, example):
    """The tokens of the marked stretch as words."""
    tokenizer = Tokenizer.from_file(str(corpus / "tokenizer.json"))
    ids = tokenizer.encode(example.prompt, add_special_tokens=False).ids
    start, stop = example.marked
    return [tokenizer.id_to_token(number) for number in ids[start - 1 : stop - 1]]


def test_the_needle_is_marked_at_every_depth_and_all_else_is_the_same(corpus):
    _, examples = frozen(corpus)
    needles = [example for example in examples if example.subtask == "needle"]
    assert len(needles) == 2 * 3 * 5
    for group in zip(*[iter(needles)] * 5, strict=True):
        assert [example.depth for example in group] == [0, 0.25, 0.5, 0.75, 1]
        marked = {tuple(marked_tokens(corpus, example)) for example in group}
        assert len(marked) == 1
        first, last, *rest, city, stop = marked.pop()
        assert (first in NAMES, last in SURNAMES, rest, city in CITIES, stop) == (
            True,
            True,
            ["lives", "in"],
            True,
            ".",
        )
        needle = f"{first} {last} lives in {city}."
        haystacks = {" ".join(example.prompt.replace(needle, "").split()) for example in group}
        assert len(haystacks) == 1
        assert group[0].prompt.startswith(needle)
        assert group[0].marked[0] == 1
        assert f"{needle}\nQuestion: {first} {last} lives in" in group[4].prompt
        places = [example.marked[0] for example in group]
        assert places == sorted(set(places))
        assert all(group[0].context_length - 5 < example.num_tokens <= group[0].context_length for example in group)


def test_examples_differ_in_needle_and_haystack(corpus):
    _, examples = frozen(corpus, examples_per_length=8)
    prompts = [example.prompt for example in examples if example.depth == 1 and example.context_length == 64]
    assert len({prompt.split("\n")[1] for prompt in prompts}) > 5
    assert len({prompt.split(".")[0] for prompt in prompts}) > 5


def test_the_farther_half_of_a_window_is_marked(corpus):
    _, examples = frozen(corpus, needles=None)
    assert {(example.context_length, example.marked, example.num_tokens) for example in examples} == {
        (64, (1, 32), 64),
        (128, (1, 64), 128),
    }
    assert {TASK.chance(example) for example in examples} == {31 / 64, 63 / 128}


def test_a_haystack_can_be_the_held_out_text(corpus):
    _, examples = frozen(corpus, needles=NEEDLES.model_copy(update={"words": None}))
    text = json.loads((corpus / "evaluation" / "text_test.jsonl").read_text().splitlines()[0])["text"]
    hay = [part for example in examples if example.depth == 1 for part in example.prompt.split(". ")[:-2]]
    assert len(hay) > 20
    assert all(part in text for part in hay)


def test_keys_can_be_words_of_the_held_out_text(english):
    examples = frozen(english, needles=Needles(), context_lengths=(256,))[1]
    text = (english / "evaluation" / "text_test.jsonl").read_text()
    keys = [re.search(r"number for (.*) mentioned in the provided text is:$", e.prompt)[1] for e in examples if e.depth]
    assert len(set(keys)) == 3
    for key in keys:
        assert all(re.search(rf"\b{word}\b", text) and len(word) > 4 for word in key.split("-"))
    for example in examples:
        if example.depth is not None:
            key, value = re.search(r"One of the special magic numbers for (\S+) is: (\d{7})\.", example.prompt).groups()
            assert example.prompt.count(key) == 2
            assert example.prompt.count(value) == 1


def test_age_groups_end_where_powers_of_two_do():
    assert least_ages(4) == (0, 1, 2)
    assert least_ages(64) == (0, 1, 2, 4, 8, 16, 32)
    assert least_ages(65) == (0, 1, 2, 4, 8, 16, 32, 64)


def test_a_sound_model_has_everything_in_reach(corpus, records):
    frozen(corpus)
    for arch in ("mmv2", "transformer"):
        table = records(arch, arch)
        assert (table["score_in_reach"] == 1).all()
        assert table["score_marked"].between(0, 1).all()
        assert (table["detail_maps"] == ",".join(architecture(arch).attention_maps(architecture(arch).tiny))).all()
        for name in table["detail_maps"].iloc[0].split(","):
            parts = [column for column in table if column.startswith(f"detail_attention.{name}.0.")]
            every = [column for column in parts if not column.endswith("marked")]
            assert table[every].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5), "ages and the first token: all"


CUT = 8
"""Early tokens that a broken long-term mask leaves out."""


sound = Ages.holds


def cutting(spared):
    """A long-term mask without the early tokens, but for the very first ones that are spared."""

    def holds(ages, queries_T, pairs_N):
        held_TN = sound(ages, queries_T, pairs_N)
        return held_TN & ((pairs_N >= CUT) | (pairs_N < spared)) if ages.max_age is None else held_TN

    return holds


def reading_by(holds):
    """The read of whole prompts by such a mask."""

    def read(keys_BHTK, values_BHPK, bandwidth, ages, queries_BHTK):
        tokens_T = torch.arange(keys_BHTK.shape[2])
        held_TP = holds(ages, tokens_T, tokens_T[:-1])
        queries_BHTK = scaled_queries(queries_BHTK, bandwidth, ages, 0)
        answers = F.scaled_dot_product_attention(queries_BHTK, keys_BHTK[:, :, :-1], values_BHPK, held_TP, scale=1.0)
        return torch.where(held_TP.any(-1)[:, None], answers, 0)

    return read


@pytest.fixture(params=["whole", "cached"])
def cut_mask(request, monkeypatch):
    """Plants the mask in the read of whole prompts alone, or in that of cached ones alone, of prompts in pieces."""

    def plant(spared):
        if request.param == "whole":
            monkeypatch.setattr(memory, "memory_read", reading_by(cutting(spared)))
        else:
            monkeypatch.setattr(Ages, "holds", cutting(spared))
            for module in (attention, generation):
                monkeypatch.setattr(module, "PREFILL", 16)

    return plant


def test_a_long_term_mask_that_cuts_early_tokens_fails_the_check(corpus, records, cut_mask):
    frozen(corpus)
    sound = records(name="sound")
    cut_mask(spared=0)
    broken = records(name="broken")
    assert (sound["score_in_reach"] == 1).all()
    assert (broken["score_in_reach"] < 1).all()
    at_0 = broken[broken["depth"] == 0]
    assert (at_0["detail_attention.long_term.0.marked"] == 0).all(), "the needle at depth 0 is not seen"
    assert (at_0["score_in_reach"] < broken[broken["depth"] == 0.5]["score_in_reach"].min()).all()


def test_the_check_sees_a_mask_that_spares_the_first_token_at_every_depth(corpus, records, cut_mask):
    frozen(corpus)
    cut_mask(spared=1)
    broken = records()
    assert (broken["score_in_reach"] < 1).all()
    at_0, later = (broken["score_in_reach"][broken["depth"] == depth] for depth in (0, 0.5))
    assert at_0.max() < later.min(), "the needle's beginning is out of reach too"


def test_words_before_the_haystack_hide_no_cut_from_the_check(english, tmp_path, monkeypatch):
    """With the usual template the needle at depth 0 begins after the mask's cut."""
    _, examples = frozen(english, needles=Needles(), context_lengths=(256,))
    assert min(example.marked[0] for example in examples if example.depth == 0) > CUT
    final = write_final(tmp_path / "mmv2", "mmv2", english / "tokenizer.json", vocab_size=340)
    monkeypatch.setattr(memory, "memory_read", reading_by(cutting(1)))
    evaluate(final, english / "frozen.jsonl", tmp_path / "records.jsonl", batch_size=4)
    assert (read_records(tmp_path / "records.jsonl")["score_in_reach"] < 1).all()


def test_the_check_reads_the_last_token_as_a_piece_of_its_own_too(corpus, records, monkeypatch):
    """As an answer's tokens are read, also after prompts that are short enough to be read whole."""
    frozen(corpus)
    monkeypatch.setattr(Ages, "holds", cutting(0))
    broken = records()
    assert (broken["score_in_reach"] < 1).all()
    assert (broken["detail_flat.long_term.first"] > 0).all(), "whole prompts are read as they should be"


def test_a_failed_check_is_said_in_one_line_and_a_passed_one_is_not(corpus, records, cut_mask, capsys):
    frozen(corpus)
    records(name="sound")
    assert "check of reach" not in capsys.readouterr().err
    cut_mask(spared=0)
    lowest = records(name="broken").groupby("context_length")["score_in_reach"].min()
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "check of reach" in line)
    told = "; ".join(f"{length} tokens: lowest in_reach {lowest[length]:.3f}" for length in LENGTHS)
    assert f"check of reach: failed ({told})" in line


def test_a_model_without_long_term_memory_does_not_reach_early_needles(corpus, tmp_path):
    frozen(corpus)
    reduce_final(
        write_final(tmp_path / "mmv2", "mmv2", corpus / "tokenizer.json"),
        "without_long_term_memory",
        tmp_path / "short",
    )
    evaluate(tmp_path / "short", corpus / "frozen.jsonl", tmp_path / "records.jsonl", batch_size=4)
    table = read_records(tmp_path / "records.jsonl")
    assert (table["score_in_reach"] < 1).all()
    assert (table["detail_maps"] == "short_term").all()
    assert (table["score_marked"][table["depth"] == 0] == 0).all()


def test_an_architecture_without_attention_maps_is_said_to_have_none(corpus, records, monkeypatch):
    frozen(corpus)
    without = replace(architecture("transformer"), attention_maps=no_attention_maps)
    monkeypatch.setattr(answering, "architecture", lambda name: without)
    table = records("transformer")
    assert (table["detail_maps"] == "").all()
    assert not [column for column in table if column.startswith(("score_", "detail_attention"))]


def test_a_killed_evaluation_goes_on_and_ends_with_the_same_bytes(corpus, records, monkeypatch, tmp_path):
    frozen(corpus)
    records(name="whole")
    calls = []

    def told_twice(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return attention.tell(*arguments)

    monkeypatch.setattr(answering, "tell", told_twice)
    with pytest.raises(KeyboardInterrupt):
        records(name="killed")
    assert not (tmp_path / "killed.jsonl").exists()
    before = len(calls)
    records(name="killed")
    assert (tmp_path / "killed.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    monkeypatch.setattr(answering, "tell", attention.tell)
    assert len(calls) - before > 2


def test_the_score_is_the_mean_over_layers_of_the_map_that_looks_there_most(corpus):
    _, (example, *_) = frozen(corpus)
    layers = {"attention.a.0.marked": 0.1, "attention.a.1.marked": 0.5, "attention.b.0.marked": 0.4}
    told = {"maps": "a,b", **layers, "attention.b.1.marked": 0.3, "attention.b.1.age_1": 0.9, "in_reach": 0.75}
    told |= {"flat.a.marked": 0.05, "flat.b.marked": 0.2, "flat.b.age_1": 0.4}
    found = TASK.score(example, Outcome("", details=told))
    assert found == {"marked": pytest.approx(0.35), "flat": 0.2, "in_reach": 0.75}


def test_what_a_short_memory_gives_a_needle_inside_it_without_looking_is_told(corpus, records):
    """Chance of the whole prompt is far below it."""
    frozen(corpus)
    table = records()
    near = table[(table["depth"] == 1) & (table["context_length"] == 128)]
    assert (near["score_flat"] == near["detail_flat.short_term.marked"]).all()
    assert (near["score_flat"] > 1.5 * near["chance"]).all()


def test_a_length_for_not_even_one_sentence_is_refused(corpus):
    with pytest.raises(UserError, match=r"attention: context_lengths: 16: needle, question and one sentence need 1\d"):
        frozen(corpus, context_lengths=(16,), text_file=None)
    assert not (corpus / "frozen.jsonl").exists()


def test_words_that_the_tokenizer_does_not_know_are_refused(corpus):
    with pytest.raises(UserError, match=r"attention: needles: the tokenizer has no token for 'dwells'"):
        frozen(corpus, needles=NEEDLES.model_copy(update={"needle_template": "{key} dwells in {value}."}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text_file": None}, r"tasks\.attention\.text_file: null, so needles\.words and needles\.keys must"),
        ({"context_lengths": [3]}, r"context_lengths: a window needs 4 tokens"),
        ({"max_new_tokens": 2}, r"max_new_tokens"),
        ({"needles": {"words": {"key": "names"}}, "text_file": None}, r"text_file: null, so needles\.words and"),
        ({"needles": {"keys": [{}], "needle_template": "{key}"}}, r"needle_template: must hold \{value\} exactly once"),
        ({"needles": {"keys": [{}], "prompt_template": "{key}"}}, r"prompt_template: must hold \{context\}"),
        ({"needles": {"keys": [{}], "depths": [1.5]}}, r"needles\.depths\.0"),
    ],
)
def test_wrong_settings_are_told_by_key(change, message):
    with pytest.raises(UserError, match=message):
        validate(AttentionSettings, {"context_lengths": [64], **change}, "suite.yaml", "tasks.attention")


def test_texts_without_words_for_keys_are_told(english):
    (english / "evaluation" / "text_test.jsonl").write_text(json.dumps({"id": "a", "text": "It is. " * 999}) + "\n")
    with pytest.raises(UserError, match=r"needles\.keys: none, and the held-out texts have no words of five letters"):
        frozen(english, needles=Needles(), context_lengths=(256,))


def test_a_missing_text_is_told(corpus):
    with pytest.raises(UserError, match=r"nothing\.jsonl: no such file; tasks\.attention\.text_file: name JSON lines"):
        frozen(corpus, text_file="evaluation/nothing.jsonl")


def test_the_plan_of_a_workflow_needs_no_torch():
    code = "import sys, mmv2.evaluation.tasks.attention; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
