import pytest

from mmv2.config import CorpusConfig
from mmv2.data.prepare import prepare_corpus
from mmv2.data.shards import Corpus
from mmv2.data.sources import tiny_world
from mmv2.errors import UserError
from tests.mmv2.data.conftest import world_config

SMALL = {"unit_tokens": 2_000, "largest_budget": 1.0}


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_config_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        prepare_corpus(world_config(**SMALL), tmp_path / name)
    first = contents(tmp_path / "one")
    assert len(first) == 3 + 15 + 18
    assert first == contents(tmp_path / "two")


def test_a_matching_corpus_is_left_alone(tmp_path):
    folder = tmp_path / "corpus"
    prepare_corpus(world_config(**SMALL), folder)
    before = (folder / "train-00000.bin").stat().st_mtime_ns
    prepare_corpus(world_config(**SMALL), folder)
    assert (folder / "train-00000.bin").stat().st_mtime_ns == before


def test_a_corpus_of_another_config_is_replaced(tmp_path):
    folder = tmp_path / "corpus"
    prepare_corpus(world_config(**SMALL), folder)
    (folder / "train-00001.bin").write_bytes(b"left over from a larger one")
    prepare_corpus(world_config(**{**SMALL, "seed": 4}), folder)
    assert Corpus.open(folder).manifest.config["seed"] == 4
    assert not (folder / "train-00001.bin").exists()


def test_the_folder_appears_complete_or_not_at_all(tmp_path, monkeypatch):
    def fail(config, folder, inputs):
        (folder / "train-00000.bin").write_bytes(b"half")
        raise RuntimeError("killed")

    spec = tiny_world.SourceSpec(config=tiny_world.TinyWorldConfig, packages=(), prepare=fail)
    monkeypatch.setattr("mmv2.data.prepare.entry", lambda kind, name: spec)
    with pytest.raises(RuntimeError):
        prepare_corpus(world_config(**SMALL), tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


def test_files_of_somebody_else_are_not_replaced(tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(UserError, match=r"letters\.txt: no part of a corpus"):
        prepare_corpus(world_config(**SMALL), tmp_path)
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_an_unknown_source_lists_the_choices(tmp_path):
    config = CorpusConfig(source="tiny_word", seed=0, unit_tokens=10)
    with pytest.raises(UserError, match="source 'tiny_word' is unknown; did you mean 'tiny_world'"):
        prepare_corpus(config, tmp_path / "corpus")
