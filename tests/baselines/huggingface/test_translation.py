"""Our names for sizes reach the fields of every config class; what does not fit is told."""

from pathlib import Path

import pytest
import yaml
from transformers import CONFIG_MAPPING

from baselines.huggingface import MODEL_SPEC
from baselines.huggingface.config import HuggingFaceConfig, label
from baselines.huggingface.translation import transformers_config
from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.layers.flops import parameters
from mmv2.runs import load_run

ROOT = Path(__file__).parents[3]
PAGE, RUNS = ROOT / "docs" / "huggingface_baseline.md", ROOT / "workflow" / "config" / "runs" / "laptop"
SIZES = {"vocab_size": 61, "hidden_size": 32, "num_layers": 3, "num_heads": 4, "intermediate_size": 64}


def config(model_type, **changes):
    content = {"model_type": model_type, **SIZES, "max_seq_len": 48, **changes}
    return validate(
        HuggingFaceConfig, {key: value for key, value in content.items() if value is not None}, "f", "model"
    )


@pytest.mark.parametrize("tiny", [MODEL_SPEC.tiny, *MODEL_SPEC.more_tinies], ids=label)
def test_tiny_configs_are_what_validation_makes_of_them(tiny):
    made = HuggingFaceConfig.model_validate(tiny.model_dump())
    assert (made, hash(made)) == (tiny, hash(tiny))
    assert hash(made.model_copy(update={"overrides": {"use_cache": False}})) != hash(made)


@pytest.mark.parametrize(
    ("model_type", "changes", "fields"),
    [
        ("llama", {}, {"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8}),
        ("llama", {"norm_eps": 1e-3, "tie_embeddings": True}, {"rms_norm_eps": 1e-3, "tie_word_embeddings": True}),
        ("mistral", {}, {"num_key_value_heads": 4, "max_position_embeddings": 48}),
        (
            "mistral",
            {"overrides": {"num_key_value_heads": 2, "head_dim": 6}},
            {"num_key_value_heads": 2, "head_dim": 6},
        ),
        ("gpt_neox", {"norm_eps": 1e-3}, {"layer_norm_eps": 1e-3, "intermediate_size": 64}),
        ("gpt2", {}, {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_inner": 64, "n_positions": 48}),
        ("gpt2", {"overrides": {"n_positions": 480}}, {"n_positions": 480}),
        ("gpt2", {"overrides": {"max_position_embeddings": 480}}, {"n_positions": 480}),
        ("opt", {"norm_eps": 1e-5}, {"ffn_dim": 64}),
        ("bloom", {"intermediate_size": None}, {"hidden_size": 32, "n_layer": 3, "n_head": 4}),
        ("mamba2", {"overrides": {"n_groups": 2}}, {"expand": 2, "num_heads": 4, "head_dim": 16, "n_groups": 2}),
        ("mamba", {"num_heads": 1}, {"expand": 2, "intermediate_size": 64}),
        ("rwkv", {"num_heads": 1}, {"context_length": 48, "intermediate_size": 64, "rescale_every": 0}),
    ],
)
def test_names_of_the_library(model_type, changes, fields):
    made = transformers_config(config(model_type, **changes))
    assert type(made) is CONFIG_MAPPING[model_type]
    assert {name: getattr(made, name) for name in fields} == fields
    assert (made.vocab_size, made.hidden_size, made.num_hidden_layers) == (61, 32, 3)


def test_what_is_not_named_keeps_the_librarys_default():
    made, usual = transformers_config(config("gpt_neox")).to_dict(), CONFIG_MAPPING["gpt_neox"]().to_dict()
    changed = {name for name in usual if made[name] != usual[name]}
    sizes = {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"}
    assert changed == {*sizes, "max_position_embeddings", "bos_token_id", "eos_token_id"}


@pytest.mark.parametrize("model_type", ["llama", "mamba2", "rwkv", "gpt2", "mamba"])
def test_no_token_is_padding(model_type):
    heads = 1 if model_type in ("rwkv", "mamba") else 4
    groups = {"n_groups": 1} if model_type == "mamba2" else {}
    made = transformers_config(config(model_type, num_heads=heads, overrides=groups))
    tokens = ("bos_token_id", "eos_token_id", "pad_token_id")
    assert [getattr(made, name, None) for name in tokens] == [None] * 3


@pytest.mark.parametrize(
    ("model_type", "changes", "told"),
    [
        ("mamba3", {}, r"model_type: 'mamba3' is no causal language model .*did you mean 'mamba2?'\? allowed: "),
        ("gemma3", {}, r"model_type: gemma3: Gemma3Config has no field for vocab_size; use one whose sizes"),
        ("mamba2", {"overrides": {"state_sise": 8}}, r"overrides\.state_sise: Mamba2Config has no .*mean 'state_size'"),
        ("llama", {"overrides": {"hidden_size": 8}}, r"overrides\.hidden_size: follows from hidden_size of the model"),
        ("gpt2", {"overrides": {"n_head": 8}}, r"overrides\.n_head: follows from num_heads of the model; change that"),
        ("mamba2", {"overrides": {"expand": 3}}, r"overrides\.expand: follows from intermediate_size of the model"),
        ("llama", {"overrides": {"pad_token_id": 0}}, r"overrides\.pad_token_id: cannot be chosen here .*; leave it"),
        ("rwkv", {"num_heads": 1, "overrides": {"rescale_every": 6}}, r"overrides\.rescale_every: cannot be chosen"),
        ("llama", {"overrides": {"architectures": []}}, r"overrides\.architectures: LlamaConfig has no such field"),
        ("llama", {"overrides": {"attention_bias": "no"}}, r"model_type: .*LlamaConfig does not .*'attention_bias'"),
        ("rwkv", {}, r"num_heads: 4, but RwkvConfig has no field for it; use 1$"),
        ("opt", {"norm_eps": 1e-6}, r"norm_eps: 1e-06, but OPTConfig has no field for it; use 1e-05$"),
        ("bloom", {}, r"intermediate_size: 64, but BloomConfig has no field for it; use 0$"),
        ("llama", {"intermediate_size": None}, r"intermediate_size: missing; llama needs it$"),
        ("mamba2", {"intermediate_size": 72}, r"intermediate_size: 72 is no multiple of hidden_size 32, which this"),
        ("mamba2", {"intermediate_size": 96, "hidden_size": 96, "num_heads": 64}, r"num_heads 64"),
        ("mamba2", {}, r"overrides\.n_groups: 8 does not divide num_heads 4; set one that does$"),
        ("gpt_neo", {}, r"model_type: transformers' GPTNeoConfig does not take these values: .*attention_layers"),
    ],
)
def test_mistakes_are_told_with_their_key(model_type, changes, told):
    with pytest.raises(UserError, match=rf"^f: model\.{told}" if "num_heads 64" not in told else told):
        config(model_type, **changes)


def test_labels_tell_model_types_apart():
    found = [MODEL_SPEC.label_for(tiny) for tiny in (MODEL_SPEC.tiny, *MODEL_SPEC.more_tinies)]
    assert found == ["Llama (transformers)", "GPT-NeoX", "Mamba-2", "RWKV-4"]
    assert MODEL_SPEC.label_for(config("mistral")) == "mistral"


def test_the_examples_of_the_page_are_runs_of_the_size_that_it_says(tmp_path):
    texts = [block.split("```")[0] for block in PAGE.read_text().split("```yaml\n")[1:]]
    for number, text in enumerate(texts):
        content = yaml.safe_load(text)
        content["base"] = str(RUNS / content["base"])
        (tmp_path / f"{number}.yaml").write_text(yaml.safe_dump(content))
        run = load_run(tmp_path / f"{number}.yaml")
        assert run.arch == MODEL_SPEC.name
        assert f", {parameters(MODEL_SPEC.build, run.model):,} parameters" in text.splitlines()[0]
    assert len(texts) == 3
    transformer = load_run(RUNS / "transformer.yaml")
    assert (
        f"{parameters(transformer.spec.build, transformer.model):,} parameters of its transformer" in PAGE.read_text()
    )
