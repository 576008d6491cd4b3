"""None of the parts is a transformer, all of them are Memory Mosaics v2, and each one is what it says."""

from itertools import chain, combinations
from typing import get_args

import numpy as np
import pytest
import torch

from baselines.transformer_parts import MODEL_SPEC
from baselines.transformer_parts.config import SPLIT_KEYS, TINY, Part, PartsConfig
from baselines.transformer_parts.memory import PartsMemory
from mmv2.config import validate
from mmv2.layers.documents import Documents
from mmv2.layers.initial_bandwidth import mean_initial_bandwidth
from mmv2.ops.memory_read import Ages
from mmv2.registry import architecture
from tests.contracts.common import CLOSE, chunks, extend_by, random_tokens, scattered
from tests.contracts.sound import assert_sound

ALL = get_args(Part)
SUBSETS = list(chain.from_iterable(combinations(ALL, size) for size in range(len(ALL) + 1)))
MOSAIC, TRANSFORMER = architecture("mmv2"), architecture("transformer")
HEADS, WIDTH, HEAD_DIM = TINY.num_heads, TINY.hidden_size, TINY.head_dim
SPLIT = {"short_term_window": 8, "long_term_delay": 3, "long_term_delay_range": [3, 8]}


def config(*parts, **changes):
    plain = TINY.model_dump(mode="json", exclude={*SPLIT_KEYS, "initial_bandwidth"})
    split = SPLIT if "long_short" in parts else {}
    return validate(PartsConfig, {**plain, **split, "parts": sorted(parts), **changes}, "run.yaml", "model")


def memory(*parts, ages=(0, None), **changes):
    made = PartsMemory(config(*parts, **changes), ages).double()
    torch.manual_seed(0)
    made.reset_parameters(0)
    return made


def inputs(rows=2, length=24):
    return torch.randn(rows, length, WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def extracted(made, x_BTD):
    return made.extract(x_BTD, (None,) * len(made.recurrence_sizes), 0)[:2]


@pytest.mark.parametrize("rope", [False, True], ids=["free", "rope"])
@pytest.mark.parametrize("parts", SUBSETS, ids="+".join)
def test_every_combination_is_sound(parts, rope):
    turned = {"rope": True, "rope_theta": 30.0} if rope else {}
    assert_sound(MODEL_SPEC, config(*parts, num_layers=1, **turned))


def compare(ours, theirs, own_inputs):
    """Whole rows, packed ones with their gradients, and decoding on a cache."""
    rows_BT = random_tokens(TINY, 3, 70)
    starts_BT = np.zeros((3, 70), dtype=bool)
    starts_BT[0, [1, 18, 50]] = starts_BT[1, 40] = True
    documents, gradients = Documents.from_starts(starts_BT), []
    for model in (ours, theirs):
        loss = model(rows_BT, documents, rows_BT.roll(-1, 1), **own_inputs)
        loss.backward()
        gradients.append({name: x.grad for name, x in model.named_parameters()} | {"loss": loss.detach()})
    with torch.no_grad():
        torch.testing.assert_close(ours(rows_BT), theirs(rows_BT), **CLOSE)
        found, expected = (extend_by(model, chunks(rows_BT, 17, 1, 9))[0] for model in (ours, theirs))
        torch.testing.assert_close(found, expected, **CLOSE)
    return gradients


@pytest.mark.parametrize("options", [{}, {"long_term_delay_range": [3, 3]}, {"delay_draw": "layer"}], ids=str)
def test_all_parts_without_rotation_are_memory_mosaics_v2(options):
    own = config(*ALL, initial_bandwidth="mosaic", **options)
    peer = validate(MOSAIC.config, {**MOSAIC.tiny.model_dump(mode="json"), **options}, "run.yaml")
    theirs = scattered(MOSAIC, peer)
    ours = MODEL_SPEC.build(own).double()
    ours.load_state_dict(theirs.state_dict())
    for step in range(5):
        assert MODEL_SPEC.step_inputs(own, 7, step) == MOSAIC.step_inputs(peer, 7, step)
    our_gradients, their_gradients = compare(ours, theirs, MOSAIC.step_inputs(peer, 7, 3))
    torch.testing.assert_close(our_gradients, their_gradients, **CLOSE)
    for context in (1, 5, 8, 9, 40, 4000):
        assert MODEL_SPEC.flops_per_token(own, context) == MOSAIC.flops_per_token(peer, context)
        assert MODEL_SPEC.cache_bytes(own, context, 2) == MOSAIC.cache_bytes(peer, context, 2)
    assert MODEL_SPEC.attention_maps(own) == MOSAIC.attention_maps(peer)


def test_all_parts_are_initialised_as_memory_mosaics_v2():
    found = []
    for spec, tiny in ((MODEL_SPEC, TINY), (MOSAIC, MOSAIC.tiny)):
        torch.manual_seed(5)
        found.append(spec.build(tiny).state_dict())
    ours, theirs = found
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], x) for name, x in theirs.items())


def test_no_parts_are_a_transformer():
    own = config(rope=True, rope_theta=30.0)
    sizes = own.model_dump(mode="json", include=set(TRANSFORMER.config.model_fields))
    peer = validate(TRANSFORMER.config, sizes, "run.yaml")
    theirs = scattered(TRANSFORMER, peer)
    ours = MODEL_SPEC.build(own).double()
    names = {f"mixer.{role}.": f"mixer.self_attention.{role}_projection." for role in ("query", "key", "value")}

    def renamed(name):
        return next((name.replace(old, new) for old, new in names.items() if old in name), name)

    ours.load_state_dict({renamed(name): x for name, x in theirs.state_dict().items()})
    our_gradients, their_gradients = compare(ours, theirs, {})
    torch.testing.assert_close(our_gradients, {renamed(name): x for name, x in their_gradients.items()}, **CLOSE)
    for context in (1, 8, 40, 4000):
        assert MODEL_SPEC.flops_per_token(own, context) == TRANSFORMER.flops_per_token(peer, context)
        assert MODEL_SPEC.cache_bytes(own, context, 2) == TRANSFORMER.cache_bytes(peer, context, 2)


def by_loops(made, queries_BHTK, keys_BHTK, values_BHTK, ages, beta):
    """Attention token by token; ``beta`` is a function of head and number of tokens read."""
    answers_BHTK = torch.zeros_like(queries_BHTK)
    for t in range(queries_BHTK.shape[2]):
        read = [i for i in range(t + 1) if t - i >= ages.min_age and (ages.max_age is None or t - i < ages.max_age)]
        for h in range(HEADS if read else 0):
            scores_BN = (queries_BHTK[:, h, None, t] * keys_BHTK[:, h, read]).sum(-1) * beta(h, len(read))
            answers_BHTK[:, h, t] = (scores_BN.softmax(-1)[..., None] * values_BHTK[:, h, read]).sum(1)
    return answers_BHTK.transpose(1, 2).flatten(2)


@pytest.mark.parametrize("ages", [(0, None), (0, 8), (3, None)], ids=str)
def test_the_split_of_a_transformer_reads_a_window_with_itself_and_what_lies_m_back(ages):
    made, x_BTD = memory("long_short", ages=ages), inputs()
    queries_BHTK, keys_BHTK = extracted(made, x_BTD)
    torch.testing.assert_close(queries_BHTK, made.split(made.query_projection(x_BTD)))
    values_BHTK = made.split(made.value_projection(x_BTD))
    expected_BTD = by_loops(made, queries_BHTK, keys_BHTK, values_BHTK, Ages(*ages), lambda h, n: HEAD_DIM**-0.5)
    torch.testing.assert_close(made(x_BTD, Ages(*ages)), expected_BTD)


@pytest.mark.parametrize("normalised", [False, True], ids=["raw", "normalised"])
def test_an_adaptive_bandwidth_multiplies_the_scores(normalised):
    parts = ["adaptive_bandwidth", *(["normalised_keys"] if normalised else [])]
    made, x_BTD = memory(*parts), inputs()
    with torch.no_grad():
        for name in ("theta_beta_0", "theta_beta_1", "theta_alpha"):
            getattr(made, name).add_(torch.linspace(-0.5, 0.5, HEADS))
    beta_0, beta_1 = (getattr(made, name).exp() for name in ("theta_beta_0", "theta_beta_1"))
    alpha, scale = made.theta_alpha.abs(), 1.0 if normalised else HEAD_DIM**-0.5

    def beta(h, n):
        return (beta_1[h] * n ** alpha[h] + beta_0[h]) * scale

    values_BHTK = made.split(made.value_projection(x_BTD))
    expected_BTD = by_loops(made, *extracted(made, x_BTD), values_BHTK, Ages(0), beta)
    torch.testing.assert_close(made(x_BTD, Ages(0)), expected_BTD)


@pytest.mark.parametrize("ages", [(0, None), (0, 8), (3, None)], ids=str)
@pytest.mark.parametrize(
    ("parts", "start", "scale"),
    [
        ([], "transformer", HEAD_DIM**-0.5),
        (["normalised_keys"], "transformer", HEAD_DIM**0.5 / 2),
        (["normalised_keys"], "mosaic", None),
    ],
)
def test_scores_start_from_one_mean_scale_whether_it_adapts_or_not(parts, start, scale, ages):
    scale = scale or mean_initial_bandwidth(1.5, *ages, TINY.max_seq_len)
    held_N = Ages(*ages).pairs(torch.arange(ages[0], TINY.max_seq_len))
    for more in ([], ["adaptive_bandwidth"]):
        made = memory(*parts, *more, ages=ages, initial_bandwidth=start)
        beta_HN = made.bandwidth().beta(held_N).expand(HEADS, len(held_N))
        assert beta_HN.mean().item() == pytest.approx(scale)
        assert (beta_HN[0, -1] > beta_HN[0, 0]) == bool(more)


def test_normalised_scores_start_as_spread_as_a_transformers():
    wide = {"hidden_size": 512, "num_heads": 4}
    x_BTD = torch.randn(2, 64, 512, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    spreads = []
    for parts in ([], ["normalised_keys"]):
        made = memory(*parts, **wide)
        queries_BHTK, keys_BHTK = extracted(made, x_BTD)
        spreads.append((made.bandwidth().beta(torch.tensor([1]))[0] * queries_BHTK @ keys_BHTK.mT).std().item())
    assert spreads[0] == pytest.approx(spreads[1], rel=0.05)


@pytest.mark.parametrize("adaptive", [[], ["adaptive_bandwidth"]], ids=["alone", "adaptive"])
@pytest.mark.parametrize("symmetric", [[], ["symmetric_keys"]], ids=["apart", "symmetric"])
def test_gated_scores_start_as_spread_as_a_transformers(symmetric, adaptive):
    """Of tokens too far apart to share any, behind the first few, which average less."""
    wide = {"hidden_size": 512, "num_heads": 4}
    x_BTD = torch.randn(4, 256, 512, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    spreads = []
    for parts in ([], ["gated_keys"]):
        made = memory(*parts, *symmetric, *adaptive, **wide)
        queries_BHTK, keys_BHTK = extracted(made, x_BTD)
        scores_BHTT = (
            made.bandwidth().beta(torch.tensor([1]))[0] * queries_BHTK[:, :, 192:] @ keys_BHTK[:, :, 32:128].mT
        )
        spreads.append(scores_BHTT.std().item())
    assert spreads[0] == pytest.approx(spreads[1], rel=0.05)


def test_what_is_told_of_the_bandwidth_leaves_out_the_constant_factor():
    made = memory("adaptive_bandwidth")
    told = made.learnt()["beta_1"]
    assert told.initial == pytest.approx(1 / mean_initial_bandwidth(0.0, 0, None, TINY.max_seq_len))
    torch.testing.assert_close(told.values_H, torch.full((HEADS,), told.initial, dtype=torch.float64))
    assert not memory().learnt()
    assert list(memory("normalised_keys").learnt()) == ["beta"]


def test_the_scale_of_normalised_keys_is_learnt_and_that_of_raw_ones_is_not():
    assert [name for name, x in memory("normalised_keys").named_parameters() if x.ndim == 1] == ["theta_beta"]
    assert [name for name, x in memory().named_parameters() if x.ndim == 1] == []


def test_normalised_queries_and_keys_have_unit_norm_whatever_else():
    for parts in SUBSETS:
        if "normalised_keys" in parts:
            for found_BHTK in extracted(memory(*parts, rope=True), inputs()):
                torch.testing.assert_close(
                    found_BHTK.norm(dim=-1), torch.ones(2, HEADS, 24).double(), atol=1e-6, rtol=0
                )


def test_symmetric_keys_are_the_queries():
    for parts in SUBSETS:
        queries_BHTK, keys_BHTK = extracted(memory(*parts, rope=True), inputs())
        assert torch.equal(queries_BHTK, keys_BHTK) == ("symmetric_keys" in parts)


def averages(features_BHTK, log_gain_BHT, decay_BHT):
    """Eq. 8 in plain sums, with the sum of its weights."""
    kbar_BHK, weight_BH, found = 0.0, 0.0, []
    for t in range(features_BHTK.shape[2]):
        gain_BH, kept_BH = log_gain_BHT[..., t].exp(), (-decay_BHT[..., t]).exp()
        kbar_BHK = gain_BH[..., None] * features_BHTK[:, :, t] + kept_BH[..., None] * kbar_BHK
        weight_BH = gain_BH + kept_BH * weight_BH
        found.append((kbar_BHK, weight_BH))
    return found


@pytest.mark.parametrize("normalised", [False, True], ids=["raw", "normalised"])
def test_gated_keys_and_queries_follow_gates_of_their_own(normalised):
    made, x_BTD = memory("gated_keys", *(["normalised_keys"] if normalised else [])), inputs()
    for found_BHTK, prefix, own in zip(extracted(made, x_BTD), ("query_", ""), ("query", "key"), strict=True):
        gain, decay = (getattr(made, f"{prefix}{name}_projection") for name in ("gain", "decay"))
        features_BHTK = made.split(getattr(made, f"{own}_projection")(x_BTD))
        for t, (kbar_BHK, weight_BH) in enumerate(averages(features_BHTK, gain(x_BTD).mT, decay(x_BTD).abs().mT)):
            divisor_BH = kbar_BHK.norm(dim=-1) if normalised else weight_BH
            torch.testing.assert_close(found_BHTK[:, :, t], kbar_BHK / divisor_BH[..., None])


def test_raw_gated_keys_do_not_grow_with_the_context():
    made = memory("gated_keys")
    with torch.no_grad():
        made.gain_projection.weight.mul_(50)
        made.decay_projection.weight.zero_()
    _, keys_BHTK = extracted(made, inputs(length=400))
    longest_BH1 = made.split(made.key_projection(inputs(length=400))).norm(dim=-1).amax(-1, keepdim=True)
    assert (keys_BHTK.norm(dim=-1) <= longest_BH1 * (1 + 1e-9)).all()


def test_values_look_ahead_with_that_part_alone():
    """A token then reads the one before at the latest, whose value knows the token itself."""
    x_BTD = inputs(1)
    changed_BTD = x_BTD.clone()
    changed_BTD[0, 9] += 1
    for parts in ((), ("lookahead_values",)):
        made = memory(*parts)
        with torch.no_grad():
            for linear in (made.query_projection, made.key_projection):
                linear.weight.zero_()  # equal attention, so that values alone can move an answer
        ages = Ages(1 if parts else 0)
        moved_T = (made(changed_BTD, ages) - made(x_BTD, ages))[0].abs().amax(-1)
        assert (moved_T[:9] == 0).all()
        assert (moved_T[9:] > 0).all()
        assert made(x_BTD, ages)[0, 0].any() == (not parts), "nothing comes before the first token"


def test_rotation_is_the_transformers():
    free, turned = memory(), memory(rope=True, rope_theta=30.0)
    x_BTD = inputs()
    angles_F = 7 * 30.0 ** -torch.arange(0, 1, 2 / HEAD_DIM, dtype=torch.float64)
    for before_BHTK, after_BHTK in zip(extracted(free, x_BTD), extracted(turned, x_BTD), strict=True):
        left_F, right_F = before_BHTK[0, 0, 7].chunk(2)
        left_F, right_F = (
            left_F * angles_F.cos() - right_F * angles_F.sin(),
            right_F * angles_F.cos() + left_F * angles_F.sin(),
        )
        torch.testing.assert_close(after_BHTK[0, 0, 7], torch.cat([left_F, right_F]), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("parts", "more"),
    [
        ((), 0),
        (("normalised_keys",), HEADS),
        (("symmetric_keys",), -(WIDTH**2)),
        (("adaptive_bandwidth",), 3 * HEADS),
        (("gated_keys",), 4 * WIDTH * HEADS),
        (("gated_keys", "symmetric_keys"), 2 * WIDTH * HEADS - WIDTH**2),
        (("lookahead_values",), 2 * HEADS),
        (("long_short",), 4 * WIDTH**2),
    ],
    ids=str,
)
def test_parameters_and_flops_of_each_part(parts, more):
    """Over a transformer's, in each of two layers. A second read of 40 tokens has a window of 8."""
    base, own = config(), config(*parts)
    counts = [sum(x.numel() for x in MODEL_SPEC.build(each).parameters()) for each in (base, own)]
    assert counts[1] - counts[0] == 2 * more
    window = 4 * 2 * 8 * WIDTH if "long_short" in parts else 0
    assert MODEL_SPEC.flops_per_token(own, 40) - MODEL_SPEC.flops_per_token(base, 40) == 2 * 2 * more + window


def test_delays_are_drawn_for_the_split_alone():
    assert MODEL_SPEC.step_inputs(config("gated_keys"), 1, 2) == {}
    assert set(MODEL_SPEC.step_inputs(config("long_short"), 1, 2)) == {"long_term_delay"}
