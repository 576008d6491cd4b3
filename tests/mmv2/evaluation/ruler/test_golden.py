"""Prompts of regime bisect, and of linear10, are those of NVIDIA's generator.

The digests are of prompts (input and answer_prefix) that a faithful retyping of NVIDIA's ``qa.py`` and ``niah.py`` made
with the tokenizer of ``counting``, from the same files and seeds: SHA-256 of all of them, each followed by a zero byte.
"""

import gzip
import hashlib
import json

import pytest

from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.ruler.settings import NOISE, RulerNiahSettings, RulerQaSettings, Subtask
from mmv2.evaluation.tasks import ruler_niah, ruler_qa
from tests.mmv2.evaluation.ruler.counting import write_counting_tokenizer

SQUAD = "squad/data/dev-v2.0.json"
HOTPOTQA = "hotpotqa/hotpot_dev_distractor_v1.subset.json.gz"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_counting_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def essays(tmp_path_factory):
    """As NVIDIA's script leaves them, with blanks at the ends; alone too short for 4096 tokens."""
    sentences = (
        f"Mr. Number {n} came at 5 p.m. on{' ' * (n % 3)} a Monday.  He was {'late' if n % 2 else 'early'}!\n"
        for n in range(120)
    )
    folder = tmp_path_factory.mktemp("essays")
    text = json.dumps({"text": "\n " + "".join(sentences)})
    for name in ("essays.json", "more.json"):
        (folder / name).write_text(text)
    return folder


def digest(path):
    header, examples = read_frozen(path)
    found = hashlib.sha256()
    for example in examples:
        found.update(example.prompt.encode() + b"\0")
    return header, examples, found.hexdigest()[:16]


def asked(tmp_path, tokenizer, **settings):
    ruler_qa.freeze(RulerQaSettings(dev_file=None, **settings), tmp_path, tokenizer, tmp_path / "f.jsonl")
    return digest(tmp_path / "f.jsonl")


def hidden(essays, tokenizer, tmp_path, subtask, **settings):
    own = RulerNiahSettings(subtasks={"own": subtask}, **settings)
    ruler_niah.freeze(own, essays, tokenizer, tmp_path / "f.jsonl")
    return digest(tmp_path / "f.jsonl")


@pytest.mark.parametrize(
    ("regime", "length", "seed", "number", "expected"),
    [
        ("bisect", 2048, 42, 20, "0e29a88effcbf9af"),
        ("bisect", 4096, 42, 40, "295cfc21debfffc2"),
        ("bisect", 8192, 7, 10, "e1a40c8346bd8e5f"),
        ("linear10", 8193, 42, 10, "76cebafb732c09f9"),
    ],
)
def test_squad(shared_data, tokenizer, tmp_path, regime, length, seed, number, expected):
    settings = {"context_lengths": (length,), "seed": seed, "examples_per_length": number, "regime": regime}
    header, examples, found = asked(tmp_path, tokenizer, file=str(shared_data(SQUAD)), **settings)
    assert found == expected
    assert len(examples) == number
    assert header.settings["regime"] == regime


def test_the_pool_is_repeated_where_it_does_not_suffice(shared_data, tokenizer, tmp_path):
    content = json.loads(shared_data(SQUAD).read_text())
    (tmp_path / "two.json").write_text(json.dumps({"data": content["data"][:2]}))
    settings = {"context_lengths": (16384,), "examples_per_length": 10, "regime": "bisect"}
    _, examples, found = asked(tmp_path, tokenizer, file="two.json", **settings)
    assert found == "b01d303f2775a38b"
    assert all(example.details["num_documents"] > 87 for example in examples)


@pytest.mark.parametrize(("regime", "expected"), [("bisect", "61e4d003da6c7647"), ("linear10", "de2350b97f629a0f")])
def test_hotpotqa(shared_data, tokenizer, tmp_path, regime, expected):
    settings = {"context_lengths": (8193,), "examples_per_length": 20, "regime": regime, "format": "hotpotqa"}
    _, examples, found = asked(tmp_path, tokenizer, file=str(shared_data(HOTPOTQA)), **settings)
    assert found == expected
    rows = json.loads(gzip.decompress(shared_data(HOTPOTQA).read_bytes()))
    for row, example in zip(rows, examples, strict=False):
        assert (example.id, example.references) == (row["_id"], (row["answer"],))
        assert 0 <= example.depth <= example.details["last_depth"] <= 1


@pytest.mark.parametrize(
    ("subtask", "regime", "length", "expected"),
    [
        (Subtask(noise=NOISE), "bisect", 1024, "68be553b11e3b0cb"),
        (Subtask(noise=NOISE), "bisect", 4096, "7e782321c3d9495b"),
        (Subtask(noise=NOISE), "linear10", 4097, "5866624b100eb1b8"),
        (Subtask(text_files=("essays.json",)), "bisect", 4096, "ee97fe999f274c4c"),
        (Subtask(text_files=("essays.json",)), "bisect", 2048, "9be2a82fe8f32d7a"),
        (Subtask(text_files=("essays.json",), values="uuid"), "bisect", 4096, "e3e8976975a36999"),
        (Subtask(text_files=("essays.json", "more.json"), values="uuid"), "linear10", 4097, "7d511198094f3a97"),
    ],
)
def test_needles(essays, tokenizer, tmp_path, subtask, regime, length, expected):
    settings = {"context_lengths": (length,), "regime": regime, "examples_per_length": 100 if length == 2048 else 20}
    _, examples, found = hidden(essays, tokenizer, tmp_path, subtask, **settings)
    assert found == expected
    depths = {example.depth for example in examples}
    assert len(depths) > 5
    assert length != 2048 or depths >= {0.0, 1.0}, "both ends are among them"
