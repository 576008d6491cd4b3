"""The benchmark decodes with both caches after the same context, and writes what it measured. Speeds are not judged."""

import json
import sys

import pytest
import torch

from benchmarks import decode_speed


@pytest.fixture
def options(tmp_path, monkeypatch):
    sizes = "--width 32 --heads 2 --layers 1 --vocabulary 50 --window 16 --contexts 40 600 --steps 2 --repeats 2"
    monkeypatch.setattr(sys, "argv", ["decode_speed", *sizes.split(), "--json", str(tmp_path / "out.json")])
    return decode_speed.parse_options()


def test_both_models_are_measured_at_every_context(options, capsys):
    decode_speed.main()
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(options.json.read_text())
    measured = [(row["model"], row["context"]) for row in found["rows"]]
    assert measured == [("llama", 40), ("mmv2", 40), ("llama", 600), ("mmv2", 600)]
    assert all(row["tokens_per_second"] > 0 for row in found["rows"])
    assert [row["ratio_to_llama"] for row in found["rows"]][::2] == [1.0, 1.0]
    assert found["torch"] == torch.__version__
    assert found["sizes"]["steps"] == 2
    assert found["code"]


@pytest.mark.parametrize("name", decode_speed.ARCHITECTURES)
def test_the_whole_context_is_in_the_cache(options, name):
    """Reading on from it equals a full pass, in which nothing is cached."""
    made = decode_speed.contestant(name, options, context=600)
    assert made.cache.get_seq_length() == 600
    row = torch.randint(50, (1, 600), generator=torch.Generator().manual_seed(decode_speed.SEED))
    whole = torch.cat([row, torch.tensor([[3]])], dim=1)
    with torch.no_grad():
        expected = made.model(whole, use_cache=False, logits_to_keep=1).logits
    torch.testing.assert_close(made.read(torch.tensor([[3]])), expected, atol=1e-4, rtol=0)


def test_the_models_have_the_same_shape(options):
    llama, mosaic = (decode_speed.contestant(name, options, 40).model.config for name in decode_speed.ARCHITECTURES)
    for key in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"):
        assert getattr(llama, key) == getattr(mosaic, key), key
