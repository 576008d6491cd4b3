"""The final folder when its files do not fit; that it keeps every architecture's answers is a contract test."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmv2.data.tokenizer import build_word_level
from mmv2.errors import UserError
from mmv2.final import load_final, load_weights, save_final
from mmv2.registry import architecture

SPEC = architecture("transformer")


def save(folder, **changes):
    config = SPEC.tiny.model_copy(update=changes)
    torch.manual_seed(0)
    model = SPEC.build(config)
    (folder.parent / "source.json").write_text(build_word_level(["a", "b"]).to_str())
    save_final(folder, model.state_dict(), SPEC.name, config, folder.parent / "source.json", {"step": 3})
    return model


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "final")
    return tmp_path / "final"


@pytest.mark.parametrize("tied", [False, True])
def test_what_was_saved_comes_back_ready_to_evaluate(tmp_path, tied):
    model = save(tmp_path / "final", tie_embeddings=tied)
    loaded = load_final(tmp_path / "final")
    assert not loaded.model.training
    assert (loaded.arch, loaded.config, loaded.provenance) == (SPEC.name, model.config, {"step": 3})
    assert loaded.tokenizer.encode("b a").ids == [4, 3]
    assert (loaded.model.classifier.weight is loaded.model.embedding.weight) == tied
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor), name


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save(tmp_path / name)
    for file in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert {tensor.dtype for tensor in load_file(tmp_path / "one" / "model.safetensors").values()} == {torch.float32}


def test_the_config_names_what_transformers_needs_and_may_lack_it(folder):
    content = json.loads((folder / "config.json").read_text())
    named = {key: content.pop(key) for key in ("model_type", "bos_token_id", "eos_token_id")}
    assert named == {"model_type": SPEC.name, "bos_token_id": 0, "eos_token_id": 1}
    (folder / "config.json").write_text(json.dumps(content))
    assert load_final(folder).provenance == {"step": 3}


def refused(folder, message):
    with pytest.raises(UserError, match=rf"^{re.escape(str(folder))}/{message}[^\n]*$"):
        load_final(folder)


def unfit(folder, message, model=None):
    file = folder / "model.safetensors"
    model = model or SPEC.build(SPEC.tiny)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(UserError, match=rf"^{re.escape(str(file))}: {message}[^\n]*$"):
        load_weights(model, file)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("change", ["shape", "missing", "unknown"])
def test_weights_that_do_not_fit_are_named_and_nothing_is_loaded(folder, change):
    weights = load_file(folder / "model.safetensors")
    if change == "shape":
        weights["norm.weight"] = weights["norm.weight"][:-1].clone()
    elif change == "missing":
        del weights["norm.weight"]
    else:
        weights["other.weight"] = torch.zeros(2)
    save_file(weights, folder / "model.safetensors")
    width = SPEC.tiny.hidden_size
    told = {
        "shape": rf"norm\.weight: shape \({width - 1},\), the model needs \({width},\);",
        "missing": rf"norm\.weight: shape missing, the model needs \({width},\);",
        "unknown": r"other\.weight: shape \(2,\), the model needs none;",
    }
    unfit(folder, rf"{told[change]} .*\(1 weights differ\)")


def test_weights_of_another_size_do_not_fit(folder):
    wider = SPEC.build(SPEC.tiny.model_copy(update={"intermediate_size": 2 * SPEC.tiny.intermediate_size}))
    unfit(folder, rf"blocks\.0\.feed_forward.*\({3 * SPEC.tiny.num_layers} weights differ\)", wider)


def test_weights_that_are_no_safetensors_file_are_refused(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:50])
    unfit(folder, r"damaged \(")
    file.unlink()
    unfit(folder, "no such file;")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["cut", "empty", "missing"])
def test_a_damaged_file_is_named(folder, name, damage):
    file = folder / name
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"" if damage == "empty" else file.read_bytes()[:50])
    refused(folder, rf"{re.escape(name)}: ")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"arch": "transfomer"}, ".*did you mean 'transformer'"),
        ({"arch": 3}, ""),
        ({"model": 3}, ""),
        ({"model": {**SPEC.tiny.model_dump(mode="json"), "vocab_sise": 3}}, r"model\.vocab_sise: unknown key; did you"),
        ({"provenance": 3}, ""),
    ],
)
def test_a_config_with_a_wrong_value_is_named(folder, changes, told):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    refused(folder, rf"config\.json: {told}")


@pytest.mark.parametrize("key", ["arch", "model", "provenance"])
def test_a_config_without_one_of_its_keys_is_named(folder, key):
    file = folder / "config.json"
    content = json.loads(file.read_text())
    del content[key]
    file.write_text(json.dumps(content))
    refused(folder, rf"config\.json: .*{key}")


def test_a_config_that_is_no_mapping_is_named(folder):
    (folder / "config.json").write_text("[]")
    refused(folder, r"config\.json: ")
