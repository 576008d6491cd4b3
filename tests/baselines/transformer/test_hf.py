"""transformers' own Llama is the peer: with the same weights the logits must be the same."""

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from baselines.transformer import MODEL_SPEC
from baselines.transformer.hf import LLAMA_NAMES, from_hf, to_hf, transformer_config
from baselines.transformer.model import SelfAttention, transformer
from mmv2.config import ModelConfig
from mmv2.errors import UserError
from mmv2.layers.decoder import Decoder

SHARED = {"vocab_size": 97, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2, "rms_norm_eps": 1e-6}
KINDS = [
    pytest.param({"num_attention_heads": 4, "num_key_value_heads": kv, "tie_word_embeddings": tied}, id=f"{name}-{tie}")
    for name, kv in (("multi-head", 4), ("grouped-query", 2), ("multi-query", 1))
    for tie, tied in (("tied", True), ("untied", False))
]


def random_llama(**kind):
    """A Llama whose every weight, the norms' too, is random and far from its initial value."""
    torch.manual_seed(7)
    theta = {"rope_type": "default", "rope_theta": 1000.0}
    llama = LlamaForCausalLM(LlamaConfig(**SHARED, **kind, rope_parameters=theta, max_position_embeddings=64)).eval()
    with torch.no_grad():
        for parameter in llama.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return llama


def tokens(batch=3, length=70):
    return torch.randint(SHARED["vocab_size"], (batch, length), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", KINDS)
def test_logits_equal_those_of_llama(kind):
    llama = random_llama(**kind)
    model = from_hf(llama)
    with torch.no_grad():
        torch.testing.assert_close(model(tokens()), llama(tokens()).logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_cached_steps_equal_those_of_llama(kind):
    llama = random_llama(**kind)
    model, rows = from_hf(llama), tokens()
    with torch.no_grad():
        ours, state = model.extend(rows[:, :40])
        theirs = llama(rows[:, :40], use_cache=True)
        for t in range(40, 70):
            ours, state = model.extend(rows[:, t : t + 1], state)
            theirs = llama(rows[:, t : t + 1], past_key_values=theirs.past_key_values, use_cache=True)
            torch.testing.assert_close(ours, theirs.logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_export_reloads_through_transformers(kind, tmp_path):
    model = from_hf(random_llama(**kind))
    to_hf(model).save_pretrained(tmp_path)
    reloaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert isinstance(reloaded, LlamaForCausalLM)
    with torch.no_grad():
        torch.testing.assert_close(reloaded(tokens()).logits, model(tokens()), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_round_trip_changes_nothing(kind):
    llama = random_llama(**kind)
    back = to_hf(from_hf(llama)).state_dict()
    assert back.keys() == llama.state_dict().keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in llama.state_dict().items())


def test_gradients_equal_those_of_llama():
    llama = random_llama(num_attention_heads=4, num_key_value_heads=2)
    model, rows = from_hf(llama), tokens()
    targets = rows.roll(-1, dims=1)
    model(rows, targets_BT=targets).backward()
    torch.nn.functional.cross_entropy(llama(rows).logits.flatten(0, 1), targets.flatten(), reduction="sum").backward()
    theirs = dict(llama.named_parameters())
    for ours, name in LLAMA_NAMES.items():
        block = (ours.format(1), name.format(1)) if "{}" in ours else (ours, name)
        grad, reference = model.get_submodule(block[0]).weight.grad, theirs[f"{block[1]}.weight"].grad
        torch.testing.assert_close(grad, reference, atol=1e-4, rtol=1e-4, msg=lambda m, n=ours: f"{n}: {m}")


def test_exports_the_config_it_was_built_from():
    config = MODEL_SPEC.tiny
    assert transformer_config(to_hf(transformer(config)).config) == config


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("attention_bias", True),
        ("mlp_bias", True),
        ("hidden_act", "gelu"),
        ("attention_dropout", 0.1),
        ("head_dim", 16),
        ("rope_parameters", {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}),
    ],
)
def test_a_llama_with_other_parts_is_refused(setting, value):
    config = LlamaConfig(**SHARED, num_attention_heads=4, **{setting: value})
    with pytest.raises(UserError, match=f"LlamaConfig: {setting}: .* must be"):
        transformer_config(config)


def test_another_architecture_is_refused():
    config = ModelConfig.model_validate(MODEL_SPEC.tiny.model_dump(include=set(ModelConfig.model_fields)))
    other = Decoder(config, lambda layer: SelfAttention(MODEL_SPEC.tiny))
    with pytest.raises(UserError, match="ModelConfig: only the transformer baseline is a Llama"):
        to_hf(other)
