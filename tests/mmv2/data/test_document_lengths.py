import json
from collections import Counter

import pytest

from mmv2.data.document_lengths import read_document_lengths, write_document_lengths
from mmv2.data.loader import load_batch
from mmv2.data.shards import write_corpus
from mmv2.data.tokenizer import build_word_level
from mmv2.errors import UserError
from tests.mmv2.data.conftest import world_config

DOCUMENTS = [3, 10, 2, 5, 40]
"""Lengths, of which the last is cut to 30."""


@pytest.fixture
def written(tmp_path):
    """A corpus of 50 tokens in shards of 7, whose last document is cut."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    config = world_config(unit_tokens=25, largest_budget=2.0)
    write_corpus(folder, config, build_word_level(["a"]), [[3] * (size - 2) for size in DOCUMENTS], 7)
    return folder


def count(folder, contexts, output):
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    write_document_lengths(folder, contexts, output)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    (found,) = read_document_lengths([output])
    return found


def test_documents_are_counted_across_shards(written, tmp_path):
    found = count(written, {"one": 8}, tmp_path / "x" / "lengths.json")
    assert found.documents == ((2, 1), (3, 1), (5, 1), (10, 1), (30, 1))
    assert found.told == "corpus: 50 tokens in 5 documents"
    assert found.source == "tiny_world"


def test_sequences_are_those_that_training_reads(corpus, tmp_path):
    contexts = {"a": 64, "b": 256, "c": 64}
    found = count(corpus.folder, contexts, tmp_path / "lengths.json")
    assert [(one.context, one.runs) for one in found.sequences] == [(64, ("a", "c")), (256, ("b",))]
    for one in found.sequences:
        rows = range(corpus.num_tokens // one.context)
        documents = load_batch(corpus, rows, one.context).documents
        assert dict(one.lengths) == Counter(documents_of(documents))
        assert sum(length * number for length, number in one.lengths) == len(rows) * one.context
    assert sum(number for _, number in found.documents) == corpus.manifest.num_documents


def documents_of(documents):
    """Lengths of all documents of a batch, as the model splits its rows."""
    return [int(length) for padding_DL in documents.padding for length in (~padding_DL).sum(1)]


def test_what_a_run_reads_is_the_same_in_any_shards(tmp_path, written):
    one = count(written, {"one": 8}, tmp_path / "one.json")
    write_corpus(
        written,
        world_config(unit_tokens=25, largest_budget=2.0),
        build_word_level(["a"]),
        [[3] * (size - 2) for size in DOCUMENTS],
    )
    assert count(written, {"one": 8}, tmp_path / "two.json") == one


def test_no_corpus_and_damaged_lengths_are_told(tmp_path):
    with pytest.raises(UserError, match=r"manifest\.json: no such file"):
        write_document_lengths(tmp_path, {"one": 8}, tmp_path / "x.json")
    (tmp_path / "x.json").write_text(json.dumps({"corpus": "c"}))
    with pytest.raises(UserError, match=r"x\.json: source: missing"):
        read_document_lengths([tmp_path / "x.json"])
