"""Which parts go together, and which settings they need: one line with the key."""

from typing import get_args

import pytest

from baselines.transformer_parts.config import SPLIT_KEYS, TINY, Part, PartsConfig
from mmv2.config import validate
from mmv2.errors import UserError

ALL = get_args(Part)


def check(**changes):
    return validate(PartsConfig, {**TINY.model_dump(mode="json"), **changes}, "run.yaml", "model")


def unsplit(**changes):
    plain = {"parts": ["gated_keys"], "initial_bandwidth": "transformer", **dict.fromkeys(SPLIT_KEYS)}
    return check(**plain | changes)


def test_the_tiny_config_has_all_parts():
    assert check() == TINY
    assert TINY.parts == tuple(sorted(ALL)) == ALL


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parts": ["long_short", "gated_keys"]}, r"model.parts: .* write \['gated_keys', 'long_short'\]"),
        ({"parts": ["long_short", "long_short"]}, r"model.parts: .* each once; write \['long_short'\]"),
        ({"parts": ["gated_key"]}, r"model.parts.0: input should be 'adaptive_bandwidth', .* not 'gated_key'"),
        (
            {"parts": ["normalised_keys"]},
            r"model.short_term_window: needs the part long_short, which parts does not name",
        ),
        ({"short_term_window": None}, r"model.short_term_window: missing; the part long_short needs it"),
        ({"long_term_delay_range": None}, r"model.long_term_delay_range: missing; the part long_short needs it"),
        ({"long_term_delay_range": [3, 9]}, r"model.long_term_delay_range: with m = 9 the pairs of age 8 to 8"),
        ({"long_term_delay": 32}, r"model.long_term_delay: a delay of 32 is beyond the context of 32 tokens"),
        (
            {"parts": ["gated_keys", "long_short"]},
            r"model.initial_bandwidth: mosaic is a scale for keys of unit norm; add normalised_keys, or",
        ),
        ({"rope_theta": 77.0}, r"model.rope_theta: 77.0 turns nothing beside rope: false; leave out one of them"),
        ({"allow_memory_gap": True}, r"model.allow_memory_gap: no m beyond 8 leaves a gap here; leave it out"),
        (
            {"long_term_delay_range": [3, 3], "delay_draw": "layer"},
            r"model.delay_draw: layer draws nothing from long_term_delay_range \[3, 3\]; leave it out",
        ),
        ({"num_kv_heads": 2}, r"model.num_kv_heads: 2 shares keys among heads, each of which has parts; leave it out"),
        ({"hidden_size": 36, "num_heads": 12}, r"model.hidden_size: 36 over num_heads 12 gives the odd head dimension"),
    ],
)
def test_bad_values_are_explained_in_one_line(changes, message):
    with pytest.raises(UserError, match=f"^run.yaml: {message}") as error:
        check(**changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("short_term_window", 8),
        ("long_term_delay", 3),
        ("long_term_delay_range", [3, 8]),
        ("delay_draw", "layer"),
        ("allow_memory_gap", True),
    ],
)
def test_what_only_the_split_needs_is_refused_without_it(key, value):
    assert unsplit().parts == ("gated_keys",)
    with pytest.raises(UserError, match=f"model.{key}: needs the part long_short"):
        unsplit(**{key: value})


def test_a_memory_gap_can_be_asked_for():
    assert check(long_term_delay_range=[3, 20], allow_memory_gap=True).long_term_delay_range == (3, 20)


def test_all_heads_named_as_key_value_heads_are_multi_head_attention():
    assert check(num_kv_heads=4).kv_heads == 4


def test_records_tell_the_parts_in_one_word():
    assert (unsplit(parts=[]).parts_named, unsplit(parts=[]).num_parts) == ("none", 0)
    assert (check().parts_named, check().num_parts) == ("+".join(ALL), 6)
    assert [check().delay_is_fixed, check(long_term_delay_range=[4, 4]).delay_is_fixed] == [False, True]
    assert unsplit().delay_is_fixed is None


@pytest.mark.parametrize(
    ("parts", "ages"),
    [
        ([], {"self_attention": (0, None)}),
        (["lookahead_values"], {"self_attention": (1, None)}),
        (["long_short"], {"short_term": (0, 8), "long_term": (3, None)}),
        (["long_short", "lookahead_values"], {"short_term": (1, 8), "long_term": (3, None)}),
    ],
)
def test_what_a_token_reaches(parts, ages):
    split = {} if "long_short" in parts else dict.fromkeys(SPLIT_KEYS)
    assert check(parts=parts, initial_bandwidth="transformer", **split).ages == ages
