"""Where models look, against attention weights computed the slow way.

B rows, T tokens, L layers, H heads, S positions.
"""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmv2.evaluation import attention, generation
from mmv2.evaluation.attention import OF_THE_CHECK, attention_details, look, marks, parameter_details, tell
from mmv2.layers.rotary import rotate, rotation
from mmv2.ops.gated_keys.reference import gated_keys
from mmv2.ops.memory_read import Ages
from mmv2.ops.memory_read.reference import memory_read
from mmv2.registry import architecture, architectures
from tests.mmv2.evaluation.small_world import random_model

AGES = (0, 1, 2, 4, 8, 16, 32)
ARCHS = sorted(name for name, spec in architectures().items() if spec.attention_maps(spec.tiny))
SLOW = ("mmv2", "transformer")
"""Those that have a slow reference below; tests/contracts/test_attention.py holds all others to the same."""


@pytest.fixture
def short_pieces(monkeypatch):
    """Prompts are read in pieces of 16 tokens."""
    for module in (attention, generation):
        monkeypatch.setattr(module, "PREFILL", 16)


def tokens(model, batch, length):
    return torch.randint(model.config.vocab_size, (batch, length), generator=torch.Generator().manual_seed(1))


def mixer_inputs(model, tokens_BT):
    """What each mixer gets in the forward pass."""
    found = []
    hooks = [block.mixer.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0])) for block in model.blocks]
    with torch.no_grad():
        model(tokens_BT)
    for hook in hooks:
        hook.remove()
    return found


def mosaic_weights(memory, x_BTD, ages):
    """The slow reference reads unit vectors in place of values: weights (B, H, S) of the last token."""
    split = x_BTD.shape[0], x_BTD.shape[1], memory.heads, -1
    features_BHTK = memory.key_projection(x_BTD).view(split).transpose(1, 2)
    log_gain_BHT, decay_BHT = memory.gain_projection(x_BTD).mT, memory.decay_projection(x_BTD).abs().mT
    keys_BHTK = gated_keys(features_BHTK, log_gain_BHT, decay_BHT)[0]
    length = x_BTD.shape[1]
    units_BHPS = torch.eye(length, dtype=x_BTD.dtype)[:-1].expand(len(x_BTD), memory.heads, -1, -1)
    return memory_read(keys_BHTK, units_BHPS, memory.bandwidth(), ages)[:, :, -1]


def softmax_weights(mixer, x_BTD):
    """Softmax of the last token's scaled scores: weights (B, H, S)."""
    queries, keys = (
        part(x_BTD).unflatten(-1, (-1, mixer.head_dim)).transpose(1, 2) for part in (mixer.query, mixer.key)
    )
    turns = rotation(0, x_BTD.shape[1], mixer.head_dim, mixer.rope_theta, x_BTD.device)
    queries, keys = rotate(queries, *turns), rotate(keys, *turns)
    keys = keys.repeat_interleave(queries.shape[1] // keys.shape[1], dim=1)
    return (queries[:, :, -1:] @ keys.mT / mixer.head_dim**0.5).softmax(-1)[:, :, 0]


def slow_weights(model, tokens_BT):
    """By name of map, of every layer (B, H, S)."""
    layers = []
    for block, x_BTD in zip(model.blocks, mixer_inputs(model, tokens_BT), strict=True):
        mixer, config = block.mixer, model.config
        with torch.no_grad():
            if hasattr(mixer, "short_term"):
                short_term = mosaic_weights(mixer.short_term, x_BTD, Ages(1, config.short_term_window))
                long_term = mosaic_weights(mixer.long_term, x_BTD, Ages(config.long_term_delay))
                layers.append({"short_term": short_term, "long_term": long_term})
            else:
                layers.append({"attention": softmax_weights(mixer, x_BTD)})
    return {name: torch.stack([layer[name] for layer in layers]).numpy() for name in layers[0]}


@pytest.mark.parametrize("length", [1, 2, 5, 16, 17, 60])
@pytest.mark.parametrize("arch", SLOW)
def test_looks_are_the_weights_of_the_slow_reference(arch, length, short_pieces):
    model = random_model(arch).double()
    tokens_BT = tokens(model, 2, length)
    slow = slow_weights(model, tokens_BT)
    looks = look(model, tokens_BT, torch.eye(length, dtype=torch.float64).expand(2, -1, -1))
    assert set(looks.learnt) == set(looks.flat) == set(slow)
    for name, weights_LBHS in slow.items():
        np.testing.assert_allclose(looks.learnt[name], weights_LBHS, atol=1e-9)
        held_LBH1 = (weights_LBHS > 0).sum(axis=-1, keepdims=True).clip(min=1)
        for flat in (looks.flat, looks.flat_alone):
            np.testing.assert_allclose(flat[name], (weights_LBHS > 0) / held_LBH1, atol=1e-9)


@pytest.mark.parametrize("arch", ARCHS)
def test_a_batch_is_its_single_rows(arch, short_pieces):
    model = random_model(arch)
    tokens_BT = tokens(model, 3, 50)
    stretches = [(1, 9), (20, 30), (44, 49)]
    together = tell(model, tokens_BT, AGES, stretches)
    for row, stretch in enumerate(stretches):
        (alone,) = tell(model, tokens_BT[row : row + 1], AGES, [stretch])
        assert alone.keys() == together[row].keys()
        for name, value in alone.items():
            assert together[row][name] == (value if isinstance(value, str) else pytest.approx(value, abs=1e-5)), name


class Largest(TorchDispatchMode):
    """Bytes of the largest tensor that any operation makes."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        sizes = [tensor.untyped_storage().nbytes() for tensor in tree_leaves(made) if isinstance(tensor, torch.Tensor)]
        self.bytes = max([self.bytes, *sizes])
        return made


def largest(model, length):
    tokens_BT = tokens(model, 1, length)
    with Largest() as hook:
        tell(model, tokens_BT, AGES, [(1, 5)])
    return hook.bytes


@pytest.mark.parametrize("arch", ARCHS)
def test_the_largest_tensor_grows_no_faster_than_the_prompt_in_pieces(arch, short_pieces):
    model = random_model(arch)
    assert largest(model, 2048) < 2.1 * largest(model, 1024)


@pytest.mark.parametrize("arch", ARCHS)
def test_the_largest_tensor_grows_no_faster_than_the_prompt_in_one_piece(arch):
    model = random_model(arch)
    assert attention.PREFILL >= 1000
    assert largest(model, 1000) < 2.1 * largest(model, 500)


def test_every_token_but_the_first_has_one_age_group():
    found = marks(AGES, 50, (3, 7))
    groups = {name: np.flatnonzero(held) for name, held in found.items() if name.startswith("age_")}
    assert sorted(np.concatenate([*groups.values(), [0]])) == list(range(50))
    for name, places in groups.items():
        age = int(name.removeprefix("age_"))
        assert ((49 - places >= age) & (49 - places < max(1, 2 * age))).all()
    assert np.flatnonzero(found["first"]) == [0]
    assert np.flatnonzero(found["marked"]).tolist() == [3, 4, 5, 6]
    assert [np.flatnonzero(found[name]).tolist() for name in OF_THE_CHECK] == [[1], [3], [6]]
    assert "second" not in marks(AGES, 2, (0, 1)), "the last token itself, which no memory holds"


def test_groups_older_than_the_prompt_are_left_out():
    assert list(marks(AGES, 9, (1, 2))) == [
        *("age_0", "age_1", "age_2", "age_4"),
        *("first", "marked", "second", "marked_first", "marked_last"),
    ], "of age 8 there is the first token alone"


@pytest.mark.parametrize("arch", SLOW)
def test_what_is_told_is_means_over_heads_and_the_most_attentive_one(arch):
    model = random_model(arch).double()  # in float32 a held token's weight may underflow to 0
    tokens_BT = tokens(model, 2, 40)
    marked = marks(AGES, 40, (5, 9))
    marks_MT = np.stack(list(marked.values()))
    looks = look(model, tokens_BT, torch.from_numpy(marks_MT).T.double().expand(2, -1, -1))
    told = attention_details(list(marked), marks_MT, looks, 1)
    slow = slow_weights(model, tokens_BT)
    assert told["maps"] == ",".join(slow)
    assert (told["positions.age_4"], told["positions.first"], told["positions.marked"]) == (4, 1, 4)
    for name, weights_LBHS in slow.items():
        for layer, weights_HS in enumerate(weights_LBHS[:, 1]):
            for mark, held_S in marked.items():
                of_mark = weights_HS[:, held_S].sum(axis=1)
                if mark not in OF_THE_CHECK:
                    assert told[f"attention.{name}.{layer}.{mark}"] == pytest.approx(of_mark.mean(), abs=1e-5)
                if mark == "marked":
                    assert told[f"most.{name}.{layer}"] == pytest.approx(of_mark.max(), abs=1e-5)
            held_S = (weights_HS > 0).all(axis=0)
            assert told[f"flat.{name}.age_8"] == pytest.approx(
                (held_S & marked["age_8"]).sum() / held_S.sum(), abs=1e-5
            )
    assert told["in_reach"] == 1


def test_parameters_of_every_memory_are_told_by_layer():
    model = random_model("mmv2")
    told = parameter_details(model)
    assert len(told) == 2 * 2 * 3 * 4
    untrained = parameter_details(architecture("mmv2").build(model.config))
    for name in (name for name in told if name.endswith(".initial")):
        number = name.removesuffix("initial")
        assert untrained[f"{number}mean"] == pytest.approx(told[name]) != pytest.approx(told[f"{number}mean"])
    beta_H = model.blocks[1].mixer.long_term.theta_beta_1.exp()
    found = [told[f"learnt.long_term.1.beta_1.{kind}"] for kind in ("mean", "least", "most")]
    assert found == pytest.approx([beta_H.mean().item(), beta_H.min().item(), beta_H.max().item()])
    assert parameter_details(random_model("transformer")) == {}


def test_a_memory_that_nothing_is_in_gets_no_attention():
    (told,) = tell(random_model("mmv2"), torch.tensor([[1, 2]]), AGES, [(0, 1)])
    assert told["attention.short_term.0.first"] == pytest.approx(1)
    assert told["attention.long_term.0.first"] == told["flat.long_term.first"] == 0
