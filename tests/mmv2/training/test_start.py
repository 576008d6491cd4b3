import re
from pathlib import Path

import pytest
import torch

from mmv2.data.shards import Corpus
from mmv2.data.tokenizer import build_word_level
from mmv2.errors import UserError
from mmv2.files import read_json, write_json
from mmv2.final import save_final
from mmv2.runs import RunConfig
from mmv2.training.parallel import World
from mmv2.training.start import check_start, start_model
from tests.mmv2.training.helpers import tiny_run

WORLD = World(torch.device("cpu"))


@pytest.fixture
def corpus(corpus_folder: Path) -> Corpus:
    return Corpus.open(corpus_folder)


@pytest.fixture
def other_final(corpus: Corpus, tmp_path: Path) -> Path:
    """The final weights of a run of another seed."""
    return save_other(tmp_path / "final", corpus.tokenizer_file)


def save_other(folder: Path, tokenizer_file: Path) -> Path:
    model = start_model(tiny_run(seed=99), WORLD, None)
    save_final(folder, model.state_dict(), "mmv2", model.config, tokenizer_file, {"run": "first"})
    return folder


def test_equal_seeds_give_equal_weights_and_others_do_not():
    first, again, other = (start_model(tiny_run(seed=seed), WORLD, None).embedding.weight for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_starts_from_the_weights_of_another_run(other_final: Path, corpus: Corpus):
    run = tiny_run(init_from="first")
    check_start(run, corpus, WORLD, other_final)
    found = start_model(run, WORLD, other_final).state_dict()
    expected = start_model(tiny_run(seed=99), WORLD, None).state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def refused(told: str, run: RunConfig, corpus: Corpus, world: World = WORLD, init_folder: Path | None = None) -> None:
    with pytest.raises(UserError, match=re.escape(told)):
        check_start(run, corpus, world, init_folder)


def test_refuses_another_architecture(other_final: Path, corpus: Corpus):
    refused(
        "arch is 'mmv2', run tiny has 'transformer'",
        tiny_run("transformer", init_from="first"),
        corpus,
        WORLD,
        other_final,
    )


def test_refuses_another_tokenizer(corpus: Corpus, tmp_path: Path):
    build_word_level(["other"]).save(str(tmp_path / "other.json"))
    final = save_other(tmp_path / "final", tmp_path / "other.json")
    refused("with the tokenizer of run first", tiny_run(init_from="first"), corpus, WORLD, final)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_refuses_a_file_that_changed_after_the_export(name: str, other_final: Path, corpus: Corpus):
    file = other_final / name
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)
    refused(f"{file}: checksum ", tiny_run(init_from="first"), corpus, WORLD, other_final)


@pytest.mark.parametrize("key", ["arch", "weights_sha256", "tokenizer_sha256"])
def test_refuses_a_config_that_lacks_a_key(key: str, other_final: Path, corpus: Corpus):
    content = read_json(other_final / "config.json")
    del content[key]
    write_json(other_final / "config.json", content)
    told = f"{other_final}/config.json: {key}: missing"
    refused(told, tiny_run(init_from="first"), corpus, WORLD, other_final)


def test_refuses_a_config_that_is_no_text(other_final: Path, corpus: Corpus):
    (other_final / "config.json").write_bytes(b"\xff\xfe")
    refused(f"{other_final}/config.json: not JSON", tiny_run(init_from="first"), corpus, WORLD, other_final)


def test_refuses_the_folder_above_the_final_one(other_final: Path, corpus: Corpus):
    told = f"so this is no final/ folder; give {other_final}"
    refused(told, tiny_run(init_from="first"), corpus, WORLD, other_final.parent)


def test_refuses_weights_that_do_not_fit(other_final: Path):
    run = tiny_run(init_from="first")
    wider = run.model.model_copy(update={"intermediate_size": 2 * run.model.intermediate_size})
    with pytest.raises(UserError, match="the model needs"):
        start_model(run.model_copy(update={"model": wider}), WORLD, other_final)


def test_refuses_initial_weights_without_their_folder_and_the_reverse(other_final: Path, corpus: Corpus):
    told = "run tiny: init_from is 'first'; give the final/ folder of that run with --init FOLDER"
    refused(told, tiny_run(init_from="first"), corpus)
    refused(
        f"run tiny: has no init_from, so it starts from its seed; leave out --init {other_final}",
        tiny_run(),
        corpus,
        WORLD,
        other_final,
    )


def test_refuses_a_corpus_that_is_too_short(corpus: Corpus):
    refused("holds 8192 tokens, run tiny needs 8320", tiny_run(max_steps=65), corpus)


def test_refuses_a_vocabulary_that_is_too_small(corpus: Corpus):
    small = tiny_run().model.model_copy(update={"vocab_size": 42})
    refused("model.vocab_size", tiny_run().model_copy(update={"model": small}), corpus)


def test_refuses_a_batch_that_does_not_divide(corpus: Corpus):
    world = World(torch.device("cpu"), rank=0, size=4)
    refused("4 is not a multiple of micro_batch_size 2 times 4 ranks", tiny_run(), corpus, world)


def test_refuses_the_corpus_of_other_settings(corpus: Corpus):
    other = tiny_run().corpus.model_copy(update={"seed": 1})
    refused("was made with other settings", tiny_run().model_copy(update={"corpus": other}), corpus)
