"""FLOPs and decoding state against the transformer baseline, and against what can be counted by hand."""

import pytest

from baselines.huggingface import MODEL_SPEC
from baselines.transformer import MODEL_SPEC as TRANSFORMER
from mmv2.errors import UserError
from mmv2.layers.flops import parameters
from tests.baselines.huggingface.test_translation import config

CONTEXTS = (1, 7, 48, 1000)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kv_heads", [4, 2])
def test_a_llama_costs_what_the_transformer_baseline_costs(tied, kv_heads):
    llama = config("llama", tie_embeddings=tied, overrides={"num_key_value_heads": kv_heads})
    sizes = llama.model_dump(exclude={"model_type", "overrides"})
    transformer = TRANSFORMER.config(**sizes, num_kv_heads=kv_heads)
    assert parameters(MODEL_SPEC.build, llama) == parameters(TRANSFORMER.build, transformer)
    for context in CONTEXTS:
        assert MODEL_SPEC.flops_per_token(llama, context) == TRANSFORMER.flops_per_token(transformer, context)
        found, expected = (
            spec.cache_bytes(one, context, 2) for spec, one in ((MODEL_SPEC, llama), (TRANSFORMER, transformer))
        )
        assert found == expected


def test_a_window_is_read_up_to_its_width():
    windowed = config("mistral", overrides={"sliding_window": 8})
    whole = config("mistral", overrides={"sliding_window": None})
    for context in (1, 8):
        assert MODEL_SPEC.flops_per_token(windowed, context) == MODEL_SPEC.flops_per_token(whole, context)
    base = MODEL_SPEC.flops_per_token(whole, 48) - 2 * 3 * 48 * 32
    assert (
        MODEL_SPEC.flops_per_token(windowed, 48) == MODEL_SPEC.flops_per_token(windowed, 480) == base + 4 * 3 * 8 * 32
    )
    assert MODEL_SPEC.cache_bytes(windowed, 480, 2) == 3 * 2 * 32 * 7 * 2  # this token's own pair is never kept


def test_states_of_mamba_and_rwkv_do_not_grow():
    mamba = config("mamba2", overrides={"n_groups": 1, "state_size": 8})
    state, convolution = 3 * 64 * 8, 3 * (64 + 2 * 8) * 4
    rwkv = config("rwkv", num_heads=1)
    for context in CONTEXTS:
        assert MODEL_SPEC.cache_bytes(mamba, context, 2) == 2 * (state + convolution)
        outside = parameters(MODEL_SPEC.build, mamba) - 61 * 32
        assert MODEL_SPEC.flops_per_token(mamba, context) == 2 * outside + 5 * state
        assert MODEL_SPEC.cache_bytes(rwkv, context, 2) == 2 * 5 * 3 * 32
        outside = parameters(MODEL_SPEC.build, rwkv) - 61 * 32
        assert MODEL_SPEC.flops_per_token(rwkv, context) == 2 * outside + 11 * 3 * 32


def test_only_experts_that_a_token_visits_count():
    few, many = (config("mixtral", overrides={"num_local_experts": number}) for number in (2, 4))
    router = 2 * 3 * 32  # two more rows of it in every layer
    more = MODEL_SPEC.flops_per_token(many, 48) - MODEL_SPEC.flops_per_token(few, 48)
    assert more == 2 * router
    assert parameters(MODEL_SPEC.build, many) > parameters(MODEL_SPEC.build, few) + router


def test_a_context_behind_the_table_of_positions_is_told():
    with pytest.raises(UserError, match=r"^model_type gpt2: 96 tokens, but its table of positions has 48"):
        MODEL_SPEC.cache_bytes(config("gpt2"), 96, 2)
