"""Initialisation of every architecture, and the way of its weights through the final folder."""

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from mmv2.final import load_final, save_final
from mmv2.layers.flops import parameters
from tests.contracts.common import SPECS, random_tokens, scattered

REDUCTIONS = [(spec, name) for spec in SPECS.values() for name in spec.reductions]


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_initialisation_covers_every_parameter(spec, tied):
    config = spec.tiny.model_copy(update={"tie_embeddings": tied})
    reference = spec.build(config)
    torch.manual_seed(3)
    reference.reset_parameters()
    expected = reference.state_dict()
    with torch.device("meta"):
        model = spec.build(config)
    model.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(torch.nan)
    torch.manual_seed(3)
    model.reset_parameters()
    assert model.state_dict().keys() == expected.keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_initialisation_depends_on_the_generator_alone(spec):
    models = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        models.append(spec.build(spec.tiny).state_dict())
    assert all(torch.equal(models[0][name], tensor) for name, tensor in models[1].items())
    assert any(not torch.equal(models[0][name], tensor) for name, tensor in models[2].items())


@pytest.mark.parametrize(("spec", "name"), REDUCTIONS, ids=lambda part: getattr(part, "name", part))
def test_a_reduced_model_is_smaller_and_one_of_its_architecture(spec, name):
    model = scattered(spec, spec.tiny)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    reduced = spec.reductions[name](model)
    assert type(reduced.config) is spec.config
    assert parameters(spec.build, reduced.config) < parameters(spec.build, spec.tiny)
    spec.build(reduced.config).load_state_dict(reduced.state_dict())
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    rows_BT = random_tokens(spec.tiny, 2, 50)
    with torch.no_grad():
        assert (reduced(rows_BT) - model(rows_BT)).abs().max() > 1e-3


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_the_final_folder_keeps_the_model(spec, tied, tmp_path):
    config = spec.tiny.model_copy(update={"tie_embeddings": tied})
    model = scattered(spec, config).float()
    words = {f"w{index}": index for index in range(config.vocab_size)}
    tokenizer_file = tmp_path / "tokenizer.json"
    Tokenizer(WordLevel(words, unk_token="w0")).save(str(tokenizer_file))
    save_final(tmp_path / "final", model.state_dict(), spec.name, config, tokenizer_file, {"step": 3})
    loaded = load_final(tmp_path / "final")
    rows_BT = random_tokens(config, 2, 50)
    assert (loaded.arch, loaded.config, loaded.provenance) == (spec.name, config, {"step": 3})
    with torch.no_grad():
        assert torch.equal(loaded.model(rows_BT), model(rows_BT))
