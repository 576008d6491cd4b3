import json

import pytest
from pydantic import ValidationError

from mmv2.data.tokenizer import load_tokenizer, train_bpe
from mmv2.errors import UserError
from mmv2.evaluation.evaluate import evaluate
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.tasks.bits_per_byte import TASK, BitsPerByteSettings, freeze
from mmv2.records import read_records
from tests.mmv2.evaluation.small_world import write_corpus_folder, write_final


@pytest.fixture
def corpus(tmp_path):
    return write_corpus_folder(tmp_path / "corpus")


def frozen(corpus, **changes):
    settings = BitsPerByteSettings(**{"context_lengths": (16,), **changes})
    freeze(settings, corpus, corpus / "tokenizer.json", corpus / "frozen.jsonl")
    return read_frozen(corpus / "frozen.jsonl")


def write_texts(corpus, split, *texts):
    rows = [{"id": f"text {number}", "text": text} for number, text in enumerate(texts)]
    file = corpus / "evaluation" / f"text_{split}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def texts(corpus):
    rows = [json.loads(line) for line in (corpus / "evaluation" / "text_test.jsonl").read_text().splitlines()]
    return {row["id"]: row["text"] for row in rows}


def test_windows_are_parts_of_the_texts_that_do_not_overlap(corpus):
    header, examples = frozen(corpus)
    tokenizer = load_tokenizer(corpus / "tokenizer.json")
    ids = {name: tokenizer.encode(text).ids for name, text in texts(corpus).items()}
    assert len(examples) == sum(len(own) // 15 for own in ids.values()) == header.summary["16"]["examples"]
    places = set()
    for example in examples:
        name, place = example.id.split("@")
        assert tokenizer.encode(example.prompt).ids == ids[name][int(place) : int(place) + 15]
        assert (example.details["text"], example.num_tokens) == (name, 16)
        assert int(place) % 15 == 0
        places.add(example.id)
    assert len(places) == len(examples)


def test_windows_are_spread_over_the_texts(corpus):
    _, examples = frozen(corpus, examples_per_length=6)
    names = [example.details["text"] for example in examples]
    assert sorted(names) == ["long"] * 3 + ["short"] * 3
    _, everything = frozen(corpus)
    assert [example.details["text"] for example in everything][-1] == "long", "the longer text goes on alone"


def test_nothing_is_asked(corpus):
    header, examples = frozen(corpus)
    assert header.max_new_tokens == 0
    assert all((example.references, example.choices, example.baselines) == ((), (), {}) for example in examples)


@pytest.mark.parametrize(
    ("lengths", "bounds"),
    [
        ((2048, 512), (32, 64, 128, 256, 512, 1024, 2048)),
        ((100,), (32, 64, 100)),
        ((64,), (32, 64)),
        ((32,), (32,)),
        ((16,), (16,)),
    ],
)
def test_buckets_are_powers_of_two_up_to_the_longest_length(lengths, bounds):
    assert BitsPerByteSettings(context_lengths=lengths).bounds == bounds


def test_buckets_can_be_set(corpus):
    assert frozen(corpus, position_bounds=(4, 20))[0].position_bounds == (4, 20)
    for wrong in ((4, 15), (20, 4), (4, 4, 16)):
        with pytest.raises(ValidationError, match="position_bounds"):
            BitsPerByteSettings(context_lengths=(16,), position_bounds=wrong)
    with pytest.raises(ValidationError, match="context_lengths: begin-of-text and one token are 2"):
        BitsPerByteSettings(context_lengths=(1,))


def test_windows_that_encode_into_other_tokens_are_skipped_and_counted(corpus):
    """A byte-level BPE whose windows begin within words and, here, within characters."""
    sentence = "the naïve café owner überrascht the naïve guests — again and again. "
    train_bpe([sentence * 50], 300).save(str(corpus / "tokenizer.json"))
    write_texts(corpus, "test", sentence * 40)
    write_texts(corpus, "dev", sentence)
    header, examples = frozen(corpus, context_lengths=(12,))
    tokenizer = load_tokenizer(corpus / "tokenizer.json")
    windows = len(tokenizer.encode(sentence * 40).ids) // 11
    assert header.summary["12"]["skipped"] > 0
    assert len(examples) + header.summary["12"]["skipped"] == windows
    assert not any("�" in example.prompt for example in examples)


def test_chance_is_the_share_of_the_most_frequent_token_of_the_dev_texts(corpus):
    write_texts(corpus, "dev", "Oslo Oslo Oslo Rome Rome. Bern")
    write_texts(corpus, "test", "Oslo Rome Oslo mira. Rome Rome Rome Rome")
    _, (example, other) = frozen(corpus, context_lengths=(5,))
    assert {example.prompt, other.prompt} == {"Oslo Rome Oslo mira", ". Rome Rome Rome"}
    chances = {found.prompt: TASK.chance(found) for found in (example, other)}
    assert chances == {"Oslo Rome Oslo mira": 0.5, ". Rome Rome Rome": 0}


def test_equally_frequent_tokens_go_by_the_vocabulary(corpus):
    write_texts(corpus, "dev", "Rome Oslo")
    write_texts(corpus, "test", "Oslo Rome Rome mira")
    _, (example,) = frozen(corpus, context_lengths=(5,))
    assert TASK.chance(example) == 0.25


def test_accuracy_is_hits_over_tokens_of_all_buckets(corpus):
    _, (example, *_) = frozen(corpus)
    details = {"hits_4": 1, "tokens_4": 3, "bits_4": 9.0, "hits_16": 2, "tokens_16": 12, "bits_16": 99.0}
    assert TASK.score(example, Outcome("", details=details)) == {"next_token_accuracy": 3 / 15}


def test_texts_shorter_than_a_length_are_told(corpus):
    with pytest.raises(
        UserError, match=r"context_lengths: 512: no window in .* longest text has 192 tokens \(0 windows"
    ):
        frozen(corpus, context_lengths=(16, 512))


def test_missing_fields_and_empty_files_are_told(corpus):
    (corpus / "evaluation" / "text_test.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(UserError, match=r"text_test\.jsonl: line 1: text: Field required"):
        frozen(corpus)
    write_texts(corpus, "test")
    with pytest.raises(UserError, match=r"longest text has 0 tokens"):
        frozen(corpus)
    write_texts(corpus, "dev")
    with pytest.raises(UserError, match=r"text_dev\.jsonl: no text in it"):
        frozen(corpus)


def test_a_model_reads_the_windows(corpus, tmp_path):
    header, examples = frozen(corpus, context_lengths=(64,))
    final = write_final(tmp_path / "final", "mmv2", corpus / "tokenizer.json")
    evaluate(final, corpus / "frozen.jsonl", tmp_path / "records.jsonl", batch_size=4)
    table = read_records(tmp_path / "records.jsonl")
    assert table["example_id"].tolist() == [example.id for example in examples]
    assert header.position_bounds == (32, 64)
    assert (table["detail_tokens_32"] == 31).all()
    assert (table["detail_tokens_64"] == 32).all()
    length = [len(example.prompt.encode()) for example in examples]
    assert (table["detail_bytes_32"] + table["detail_bytes_64"]).tolist() == length
    hits = table["detail_hits_32"] + table["detail_hits_64"]
    assert table["score_next_token_accuracy"].tolist() == (hits / 63).tolist()
