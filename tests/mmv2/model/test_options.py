"""What Memory Mosaics v2 is compared with in ablations: every combination holds together, and each is what it says."""

import math
from itertools import product

import pytest
import torch

from mmv2.config import validate
from mmv2.layers.flops import parameters
from mmv2.layers.initial_bandwidth import mean_initial_bandwidth
from mmv2.model import MODEL_SPEC
from mmv2.model.config import TINY, MosaicConfig
from mmv2.model.memory import AssociativeMemory
from mmv2.ops.memory_read import Ages
from mmv2.ops.memory_read.reference import memory_read
from tests.contracts.sound import assert_sound

BANDWIDTHS = {
    "adaptive": {},
    "constant": {"adaptive_bandwidth": False},
    "fixed": {"adaptive_bandwidth": False, "fixed_bandwidth": {"short_term": 3.0, "long_term": 5.0}},
}
H, M, HEADS, WIDTH = TINY.short_term_window, TINY.long_term_delay, TINY.num_heads, TINY.hidden_size


def config(**changes):
    return validate(MosaicConfig, {**TINY.model_dump(mode="json"), **changes}, "run.yaml", "model")


def memory(name="long_term", spread=0.0, **changes):
    made = AssociativeMemory(config(**changes), name).double()
    torch.manual_seed(0)
    made.reset_parameters(0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += spread * torch.randn_like(parameter)
    return made


def inputs(rows=2, length=3 * H):
    return torch.randn(rows, length, WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("long_term_memory", [True, False], ids=["both", "short"])
@pytest.mark.parametrize("rope_theta", [None, 30.0], ids=["free", "rope"])
@pytest.mark.parametrize("extractor", ["gated", "leaky", "plain"])
@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
def test_every_combination_is_sound(bandwidth, extractor, rope_theta, long_term_memory):
    keys = {"key_extractor": extractor, "rope_theta": rope_theta, "long_term_memory": long_term_memory}
    assert_sound(MODEL_SPEC, config(num_layers=1, **BANDWIDTHS[bandwidth], **keys))


@pytest.mark.parametrize(
    "options",
    [{"delay_draw": "layer"}, {"short_term_pairs": "caption"}, {"value_scale": "trainable"}, {"rope_theta": 30.0}],
    ids=str,
)
def test_they_go_with_the_other_options(options):
    assert_sound(MODEL_SPEC, config(**BANDWIDTHS["constant"], key_extractor="leaky", **options))


def test_the_parameters_of_the_papers_model_are_called_as_ever():
    """Else no folder of weights could be loaded again."""
    found = [name for name, _ in MODEL_SPEC.build(TINY).blocks[0].mixer.named_parameters()]
    numbers = ["theta_beta_0", "theta_beta_1", "theta_alpha", "theta_alpha_psi", "gamma"]
    matrices = [f"{role}_projection.weight" for role in ("key", "value", "gain", "decay")]
    both = product(("short_term", "long_term"), numbers + matrices)
    assert found == [*(f"{memory}.{name}" for memory, name in both), "output.weight"]


@pytest.mark.parametrize("theta", [1.5, 0.3])
@pytest.mark.parametrize("name", ["short_term", "long_term"])
def test_a_constant_starts_from_the_mean_of_the_adaptive_one_and_does_not_grow(name, theta):
    adaptive = memory(name, initial_theta_beta=theta).bandwidth()
    ages = Ages(*config().ages(name))
    held_N = ages.pairs(torch.arange(ages.min_age, TINY.max_seq_len))
    mean_H = adaptive.beta(held_N).mean(1)
    constant = memory(name, adaptive_bandwidth=False, initial_theta_beta=theta)
    torch.testing.assert_close(constant.bandwidth().beta_H, mean_H)
    assert constant.learnt()["beta"].initial == pytest.approx(mean_H[0].item())
    assert (adaptive.beta(held_N)[:, -1] > mean_H).all(), "the other one grows"


def test_initial_bandwidths_follow_their_theta():
    adaptive = memory(initial_theta_beta=0.3)
    for found_H in adaptive.bandwidth()[:2]:
        torch.testing.assert_close(found_H, torch.full((HEADS,), math.exp(0.3), dtype=torch.float64))
    assert adaptive.learnt()["beta_0"].initial == math.exp(0.3)


def test_each_memory_has_the_fixed_bandwidth_that_is_its_own_and_never_learns_it():
    mixer = MODEL_SPEC.build(config(**BANDWIDTHS["fixed"])).blocks[0].mixer
    for name, beta in (("short_term", 3.0), ("long_term", 5.0)):
        assert mixer.memories[name].bandwidth().beta_H.tolist() == [beta] * HEADS
    assert not [name for name, _ in mixer.named_parameters() if "theta_beta" in name or "theta_alpha." in name]
    assert mixer.attention_parameters() == {"short_term": {}, "long_term": {}}


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
@pytest.mark.parametrize("extractor", ["gated", "leaky", "plain"])
def test_answers_are_the_reference_read_of_these_keys(bandwidth, extractor):
    made = memory("short_term", 0.3, **BANDWIDTHS[bandwidth], key_extractor=extractor)
    x_BTD, ages = inputs(), Ages(1, H)
    keys_BHTK = made.extract(x_BTD, (None,) * len(made.recurrence_sizes), 0)[1]
    projections_BHTK = made.split(made.value_projection(x_BTD))
    gamma_H11 = made.gamma[:, None, None]
    mixed_BHNK = gamma_H11 * projections_BHTK[:, :, :-1] + (1 - gamma_H11) * projections_BHTK[:, :, 1:]
    values_BHNK = made.value_scale()[:, None, None] * mixed_BHNK / mixed_BHNK.norm(dim=-1, keepdim=True)
    expected_BHTK = memory_read(keys_BHTK, values_BHNK, made.bandwidth(), ages)
    torch.testing.assert_close(made(x_BTD, ages), expected_BHTK.transpose(1, 2).flatten(2))


def keys_of(made, x_BTD, start=0):
    queries_BHTK, keys_BHTK, _ = made.extract(x_BTD, (None,) * len(made.recurrence_sizes), start)
    assert queries_BHTK is keys_BHTK, "a key is also the query"
    return keys_BHTK


def test_plain_keys_are_those_of_each_token_alone():
    made, x_BTD = memory(key_extractor="plain"), inputs()
    features_BHTK = made.split(x_BTD @ made.key_projection.weight.T)
    torch.testing.assert_close(keys_of(made, x_BTD), features_BHTK / features_BHTK.norm(dim=-1, keepdim=True))


def test_leaky_keys_average_with_one_share_per_head():
    made, x_BTD = memory(key_extractor="leaky"), inputs()
    share_H1 = (-torch.linspace(0.5, 5, HEADS, dtype=torch.float64)).exp()[:, None]
    features_BHTK, kbar_BHK = made.split(x_BTD @ made.key_projection.weight.T), 0.0
    for t, key_BHK in enumerate(keys_of(made, x_BTD).unbind(2)):
        kbar_BHK = features_BHTK[:, :, t] + share_H1 * kbar_BHK
        torch.testing.assert_close(key_BHK, kbar_BHK / kbar_BHK.norm(dim=-1, keepdim=True))


def test_a_step_moves_a_leaky_share_ten_times_as_far_as_its_parameter():
    """The factor of Memory Mosaics v1: without it Adam would move lambda ten times more slowly."""
    expected_H = torch.linspace(0.5, 5, HEADS, dtype=torch.float64) / 10
    torch.testing.assert_close(memory(key_extractor="leaky").theta_lambda.detach(), expected_H)


def test_the_leaky_share_is_learnt_and_never_above_one():
    made = memory(key_extractor="leaky")
    made(inputs(), Ages(M)).square().sum().backward()
    assert (made.theta_lambda.grad != 0).all()
    shares = []
    for theta in (-0.1, 0.1):
        made.theta_lambda.data.fill_(theta)
        shares.append(keys_of(made, inputs()))
    torch.testing.assert_close(*shares)


def test_rotary_keys_know_how_far_apart_they_are_and_nothing_else_of_their_places():
    made = memory(key_extractor="plain", rope_theta=30.0)
    same_BTD = inputs(1, 1).expand(1, 3 * H, WIDTH)
    keys_BHTK = keys_of(made, same_BTD)
    scores_BHTT = keys_BHTK @ keys_BHTK.mT
    for distance in (1, 5):
        along = scores_BHTT.diagonal(distance, -2, -1)
        torch.testing.assert_close(along, along[..., :1].expand_as(along), atol=1e-5, rtol=0)
    assert (scores_BHTT[..., 0, 5] < 0.99).all()
    torch.testing.assert_close(keys_BHTK.norm(dim=-1), torch.ones_like(keys_BHTK[..., 0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(keys_of(made, same_BTD, start=50)[:, :, 0], keys_of(made, inputs(1, 1), 50)[:, :, 0])


def test_rotation_follows_the_recurrence():
    free, turned = memory(spread=0.3), memory(spread=0.3, rope_theta=30.0)
    x_BTD = inputs()
    (left_F, right_F), (cos_F, sin_F) = (
        keys_of(free, x_BTD)[0, 0, 7].chunk(2),
        (function(7 * 30.0 ** -torch.arange(0, 1, 0.25)) for function in (torch.cos, torch.sin)),
    )
    expected_K = torch.cat([left_F * cos_F - right_F * sin_F, right_F * cos_F + left_F * sin_F])
    torch.testing.assert_close(keys_of(turned, x_BTD)[0, 0, 7], expected_K, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("options", "fewer"),
    [
        (BANDWIDTHS["constant"], 2 * HEADS),
        (BANDWIDTHS["fixed"], 3 * HEADS),
        ({"key_extractor": "leaky"}, 2 * HEADS * WIDTH - HEADS),
        ({"key_extractor": "plain"}, 2 * HEADS * WIDTH),
        ({"rope_theta": 30.0}, 0),
    ],
    ids=str,
)
def test_parameters_and_flops_are_those_of_what_is_left(options, fewer):
    """Of each of two memories in each of two layers."""
    changed = config(**options)
    assert parameters(MODEL_SPEC.build, TINY) - parameters(MODEL_SPEC.build, changed) == 4 * fewer
    assert MODEL_SPEC.flops_per_token(TINY, 40) - MODEL_SPEC.flops_per_token(changed, 40) == 8 * fewer


def test_plain_keys_leave_no_recurrence_in_the_cache():
    saved = MODEL_SPEC.cache_bytes(TINY, 40, 2) - MODEL_SPEC.cache_bytes(config(key_extractor="plain"), 40, 2)
    assert saved == 2 * 2 * (4 * WIDTH + 8 * HEADS), "float32 sums and float64 logarithms, two memories, two layers"
    assert MODEL_SPEC.cache_bytes(config(key_extractor="leaky"), 40, 2) == MODEL_SPEC.cache_bytes(TINY, 40, 2)


def test_the_initial_mean_is_of_the_training_context():
    longer = memory(adaptive_bandwidth=False, max_seq_len=128).bandwidth().beta_H
    assert longer[0].item() == pytest.approx(mean_initial_bandwidth(1.5, M, None, 128))
    assert (longer > memory(adaptive_bandwidth=False).bandwidth().beta_H).all()
