"""Bad sizes and delays: one line with the key and what is allowed."""

import pytest

from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.model.config import TINY, MosaicConfig


def check(**changes):
    return validate(MosaicConfig, {**TINY.model_dump(mode="json"), **changes}, "run.yaml", "model")


def test_the_tiny_config_is_valid():
    assert check() == TINY


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"num_heads": 5},
            r"run.yaml: model.hidden_size: 32 is not divisible by num_heads 5; .* such as 30",
        ),
        (
            {"short_term_window": 1},
            r"model.short_term_window: input should be greater than or equal to 2, not 1",
        ),
        ({"long_term_delay_range": [8, 3]}, r"model.long_term_delay_range: \[8, 3\] is empty; .* 1 <= low <= high"),
        ({"long_term_delay_range": [0, 3]}, r"model.long_term_delay_range: \[0, 3\] is empty"),
        ({"long_term_delay_range": [3, 32]}, r"a delay of 32 is beyond the context of 32 tokens: .* use at most 31"),
        ({"long_term_delay": 40}, r"model.long_term_delay: a delay of 40 is beyond the context"),
        ({"long_term_delay_range": [3, 9]}, r"pairs of age 8 to 8 are in neither memory; .* allow_memory_gap: true"),
        ({"long_term_delay": 12}, r"model.long_term_delay: with m = 12 the pairs of age 8 to 11 are in neither"),
        (
            {"allow_memory_gap": True},
            r"run.yaml: model.allow_memory_gap: no m beyond 8 leaves a gap here; leave it out",
        ),
        (
            {"long_term_delay_range": [3, 3], "delay_draw": "layer"},
            r"run.yaml: model.delay_draw: layer draws nothing from long_term_delay_range \[3, 3\]; leave it out",
        ),
        ({"long_term_dealy": 3}, r"model.long_term_dealy: unknown key; did you mean 'long_term_delay'\? allowed: "),
        (
            {"fixed_bandwidth": {"short_term": 3.0, "long_term": 5.0}},
            r"model.fixed_bandwidth: does not adapt; set adaptive",
        ),
        (
            {"adaptive_bandwidth": False, "fixed_bandwidth": {"short_term": 3.0}},
            r"model.fixed_bandwidth.long_term: missing; this key is required",
        ),
        (
            {"adaptive_bandwidth": False, "fixed_bandwidth": {"short_term": 3.0, "long_term": 0.0}},
            r"model.fixed_bandwidth.long_term: input should be greater than 0, not 0.0",
        ),
        (
            {
                "adaptive_bandwidth": False,
                "fixed_bandwidth": {"short_term": 3.0, "long_term": 5.0},
                "initial_theta_beta": 2.0,
            },
            r"model.initial_theta_beta: starts nothing where fixed_bandwidth is given; leave out one of them",
        ),
        ({"initial_theta_beta": 10.5}, r"model.initial_theta_beta: input should be less than or equal to 10, not 10.5"),
        (
            {"initial_theta_beta": 9.5, "adaptive_bandwidth": False},
            r"model.initial_theta_beta: 9.5 starts the constant beyond exp\(10\), where it would .* use at most 8.79",
        ),
        ({"key_extractor": "gatd"}, r"model.key_extractor: input should be 'gated', 'leaky' or 'plain', not 'gatd'"),
        ({"rope_theta": 0.0}, r"model.rope_theta: input should be greater than 0, not 0.0"),
        (
            {"rope_theta": 30.0, "hidden_size": 36, "num_heads": 12},
            r"model.rope_theta: the head dimension 3 is odd, .* use a hidden_size that is a multiple of 24",
        ),
        ({"norm_eps": "1e-5"}, r"norm_eps: .* not '1e-5'; in YAML write a number such as 1.0e-4"),
    ],
)
def test_bad_values_are_explained_in_one_line(changes, message):
    with pytest.raises(UserError, match=message) as error:
        check(**changes)
    assert "\n" not in str(error.value)


def test_a_memory_gap_can_be_asked_for():
    assert check(long_term_delay_range=[3, 20], allow_memory_gap=True).long_term_delay_range == (3, 20)


def test_h_pairs_close_a_gap_of_one():
    assert check(long_term_delay_range=[3, 9], short_term_pairs="caption").short_term_ages == (1, 9)


def test_the_greatest_initial_theta_named_in_the_error_is_right():
    """The constant's own theta, which is larger, must stay below the bound at which it would not train."""
    assert check(initial_theta_beta=8.79, adaptive_bandwidth=False)
    assert check(initial_theta_beta=8.80)
    with pytest.raises(UserError, match=r"use at most 8\.79"):
        check(initial_theta_beta=8.80, adaptive_bandwidth=False)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "adaptive"),
        ({"adaptive_bandwidth": False}, "constant"),
        ({"adaptive_bandwidth": False, "fixed_bandwidth": {"short_term": 3.0, "long_term": 5.0}}, "fixed"),
    ],
)
def test_the_kind_of_bandwidth_is_told_in_one_word(changes, told):
    assert check(**changes).bandwidth == told


def test_a_delay_is_fixed_where_there_is_a_long_term_memory():
    assert [check(**own).delay_is_fixed for own in ({}, {"long_term_delay_range": [4, 4]})] == [False, True]
    assert check(long_term_memory=False, long_term_delay_range=[4, 4]).delay_is_fixed is None


def test_an_odd_head_dimension_is_fine_without_positions():
    assert check(hidden_size=36, num_heads=12).head_dim == 3
