"""The transformer against the definition of attention written out token by token; configs; the paper's numbers."""

import pytest
import torch

from baselines.transformer import MODEL_SPEC
from baselines.transformer.model import SelfAttention
from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.layers.documents import Documents
from mmv2.layers.flops import parameters

TINY = MODEL_SPEC.tiny


def attention_by_loops(mixer, x_TD, heads):
    """One document: rotary encoding as complex numbers, softmax over the past, heads that share keys and values."""
    length, dim = len(x_TD), mixer.head_dim
    query, key, value = (linear(x_TD).unflatten(-1, (-1, dim)) for linear in (mixer.query, mixer.key, mixer.value))
    turns = torch.tensor([mixer.rope_theta ** (-2 * i / dim) for i in range(dim // 2)], dtype=torch.float64)

    def turned(x_HE, position):
        numbers = torch.complex(x_HE[:, : dim // 2].contiguous(), x_HE[:, dim // 2 :].contiguous())
        numbers = numbers * torch.polar(torch.ones_like(turns), turns * position)
        return torch.cat([numbers.real, numbers.imag], dim=-1)

    rows = []
    for t in range(length):
        row = []
        for head in range(heads):
            shared = head * key.shape[1] // heads
            scores = torch.stack([turned(query[t], t)[head] @ turned(key[s], s)[shared] for s in range(t + 1)])
            row.append(torch.softmax(scores / dim**0.5, dim=0) @ value[: t + 1, shared])
        rows.append(torch.cat(row))
    return mixer.output(torch.stack(rows))


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_attention_equals_its_definition(kv_heads):
    torch.manual_seed(3)
    config = TINY.model_copy(update={"num_kv_heads": kv_heads, "rope_theta": 30.0})
    mixer = SelfAttention(config).double()
    x_BTD = torch.randn(2, 13, config.hidden_size, dtype=torch.float64) * 3
    mixed = mixer(x_BTD, Documents(shape=(2, 13)))
    for row in range(2):
        expected = attention_by_loops(mixer, x_BTD[row], config.num_heads)
        torch.testing.assert_close(mixed[row], expected, atol=1e-6, rtol=1e-6)


def test_no_biases():
    assert not [name for name, _ in MODEL_SPEC.build(TINY).named_parameters() if "bias" in name]


def test_multi_head_unless_told_otherwise():
    config = TINY.model_copy(update={"num_kv_heads": None})
    mixer = SelfAttention(config)
    assert config.kv_heads == config.num_heads
    assert mixer.key.weight.shape == mixer.query.weight.shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_kv_heads": 3}, "model.num_kv_heads: 3 does not divide num_heads 4; use one of its divisors"),
        ({"hidden_size": 20}, "model.hidden_size: 20 over num_heads 4 gives the odd head dimension 5.* multiple of 8"),
        ({"num_kv_heads": 0}, "model.num_kv_heads: input should be greater than or equal to 1, not 0"),
        ({"rope_theta": 0.0}, "model.rope_theta: input should be greater than 0, not 0.0"),
    ],
)
def test_impossible_shapes_are_refused(change, message):
    with pytest.raises(UserError, match=f"^run.yaml: {message}"):
        validate(MODEL_SPEC.config, {**TINY.model_dump(), **change}, "run.yaml", "model")


def test_parameters_of_the_large_size_by_hand():
    size = MODEL_SPEC.sizes["large"]
    width, inner = 4096, 14_336
    block = 4 * width**2 + 3 * width * inner + 2 * width
    assert parameters(MODEL_SPEC.build, size) == 32 * block + width + 2 * 128_256 * width == 8_835_567_616


def test_flops_of_the_large_size_by_hand():
    size = MODEL_SPEC.sizes["large"]
    matrices = 8_835_567_616 - 128_256 * 4096
    assert MODEL_SPEC.flops_per_token(size, 256) == 2 * matrices + 2 * 32 * 256 * 4096


def test_grouped_query_attention_stores_less():
    grouped = TINY.model_copy(update={"num_kv_heads": 1})
    assert MODEL_SPEC.cache_bytes(grouped, 100, 2) == 2 * TINY.num_layers * 100 * TINY.head_dim * 2
    assert parameters(MODEL_SPEC.build, grouped) < parameters(MODEL_SPEC.build, TINY)


def test_tied_embeddings_count_once_but_are_computed():
    tied = TINY.model_copy(update={"tie_embeddings": True})
    saved = TINY.vocab_size * TINY.hidden_size
    assert parameters(MODEL_SPEC.build, TINY) - parameters(MODEL_SPEC.build, tied) == saved
    assert MODEL_SPEC.flops_per_token(tied, 64) == MODEL_SPEC.flops_per_token(TINY, 64)
