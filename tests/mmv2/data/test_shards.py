import json

import numpy as np
import pytest

from mmv2.config import CorpusConfig
from mmv2.data.shards import Corpus, write_corpus
from mmv2.data.tokenizer import build_word_level
from mmv2.errors import UserError
from mmv2.files import sha256

WORDS = [f"w{number}" for number in range(50)]
BOS, EOS = 0, 1
DOCUMENTS = [list(range(3, 3 + length)) for length in (4, 1, 9, 2, 30, 7)]
STREAM = [token for document in DOCUMENTS for token in (BOS, *document, EOS)]


def config(num_tokens):
    return CorpusConfig(source="test", seed=0, unit_tokens=num_tokens, largest_budget=1.0)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "questions.jsonl").write_text("{}\n")
    write_corpus(tmp_path, config(60), build_word_level(WORDS), DOCUMENTS, shard_tokens=25)
    return tmp_path


def edit_manifest(folder, **changes):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def overwrite_shard(folder, name, tokens):
    """Another content with a checksum that agrees with it."""
    tokens.astype("<u2").tofile(folder / name)
    manifest = json.loads((folder / "manifest.json").read_text())
    for shard in manifest["shards"]:
        if shard["file"] == name:
            shard["sha256"] = sha256(folder / name)
    edit_manifest(folder, shards=manifest["shards"])


def test_the_stream_is_exact_and_cut_at_its_end(folder):
    corpus = Corpus.open(folder)
    assert corpus.tokens(0, 60).tolist() == STREAM[:60]
    assert corpus.tokens(0, 60).dtype == np.int64
    assert [shard.num_tokens for shard in corpus.manifest.shards] == [25, 25, 10]
    assert corpus.num_tokens == 60
    assert corpus.manifest.num_documents == 6
    assert corpus.manifest.max_token_id == 32
    assert corpus.manifest.config == config(60).model_dump()


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 25), (24, 26), (25, 50), (20, 55), (50, 60), (59, 60)])
def test_ranges_cross_shards(folder, start, stop):
    assert Corpus.open(folder).tokens(start, stop).tolist() == STREAM[start:stop]


def test_reading_beyond_the_end_is_refused(folder):
    with pytest.raises(UserError, match=r"manifest\.json: tokens up to 61 .* holds 60"):
        Corpus.open(folder).tokens(59, 61)


def test_shards_do_not_change_the_tokens(folder, tmp_path):
    other = tmp_path / "one"
    other.mkdir()
    write_corpus(other, config(60), build_word_level(WORDS), DOCUMENTS)
    assert (other / "train-00000.bin").read_bytes() == np.array(STREAM[:60], dtype="<u2").tobytes()


def test_large_vocabularies_take_four_bytes(tmp_path):
    tokenizer = build_word_level(f"w{number}" for number in range(70_000))
    write_corpus(tmp_path, config(4), tokenizer, [[70_002, 5]])
    corpus = Corpus.open(tmp_path)
    assert corpus.manifest.dtype == "uint32"
    assert corpus.tokens(0, 4).tolist() == [BOS, 70_002, 5, EOS]


def test_too_few_documents_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"corpus\.unit_tokens: .* asks for 66 tokens, the documents hold 65;"):
        write_corpus(tmp_path, config(66), build_word_level(WORDS), DOCUMENTS)
    assert not (tmp_path / "manifest.json").exists()


def test_ids_outside_the_vocabulary_are_never_written(tmp_path):
    with pytest.raises(AssertionError, match="token id 53"):
        write_corpus(tmp_path, config(3), build_word_level(WORDS), [[53]])


def test_the_fingerprint_follows_the_bytes(folder, tmp_path):
    before = Corpus.open(folder).fingerprint
    other = tmp_path / "other"
    other.mkdir()
    write_corpus(other, config(60), build_word_level(WORDS), DOCUMENTS[::-1])
    assert Corpus.open(folder).fingerprint == before
    assert Corpus.open(other).fingerprint != before


def test_a_missing_or_damaged_manifest_is_named(folder):
    path = folder / "manifest.json"
    edit_manifest(folder, num_tokens="sixty")
    with pytest.raises(UserError, match=r"manifest\.json: num_tokens: "):
        Corpus.open(folder)
    path.write_text(path.read_text()[:40])
    with pytest.raises(UserError, match=r"manifest\.json: .*not JSON"):
        Corpus.open(folder)
    path.unlink()
    with pytest.raises(UserError, match=r"manifest\.json: no such file"):
        Corpus.open(folder)


@pytest.mark.parametrize("name", ["train-00001.bin", "tokenizer.json", "evaluation/questions.jsonl"])
def test_a_changed_or_missing_file_is_named(folder, name):
    path = folder / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{path.name}: checksum"):
        Corpus.open(folder)
    path.unlink()
    with pytest.raises(UserError, match=rf"{path.name}: no such file"):
        Corpus.open(folder)


def test_ids_outside_the_vocabulary_are_found(folder):
    overwrite_shard(folder, "train-00002.bin", np.full(10, 53))
    with pytest.raises(UserError, match=r"train-00002\.bin: token id 53 lies outside the vocabulary of 53"):
        Corpus.open(folder)


def test_a_shard_of_another_length_is_found(folder):
    overwrite_shard(folder, "train-00002.bin", np.full(11, 5))
    with pytest.raises(UserError, match=r"train-00002\.bin: 22 bytes, its manifest says 10 tokens"):
        Corpus.open(folder)


@pytest.mark.parametrize("verify", [True, False])
def test_a_cut_or_missing_shard_is_found_with_and_without_checksums(folder, verify):
    file = folder / "train-00001.bin"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(UserError, match=r"train-00001\.bin: 47 bytes, its manifest says 25 tokens of uint16; delete"):
        Corpus.open(folder, verify)
    file.unlink()
    with pytest.raises(UserError, match=r"train-00001\.bin: no such file, but its manifest lists it"):
        Corpus.open(folder, verify)


def test_shards_that_do_not_add_up_are_found(folder):
    edit_manifest(folder, num_tokens=61)
    with pytest.raises(UserError, match=r"num_tokens: 61, but its shards hold 60"):
        Corpus.open(folder)


def test_a_model_needs_the_whole_vocabulary(folder):
    corpus = Corpus.open(folder)
    corpus.check_vocabulary(53)
    with pytest.raises(UserError, match=r"tokenizer\.json: token id 52 lies outside model\.vocab_size 52"):
        corpus.check_vocabulary(52)
