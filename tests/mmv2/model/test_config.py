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
        ({"long_term_dealy": 3}, r"model.long_term_dealy: unknown key; did you mean 'long_term_delay'\? allowed: "),
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
