"""Delays that make sense, and those that are drawn. Whole messages are tested with the configs that have the keys."""

import pytest

from mmv2.layers.delays import check_delays, drawn_delays, seeded_draw


@pytest.mark.parametrize(
    ("delay", "drawn_from", "reach", "allowed", "told"),
    [
        (3, (3, 8), 8, False, None),
        (3, (9, 9), 8, False, "long_term_delay_range: with m = 9 the pairs of age 8 to 8 are in neither"),
        (9, (3, 8), 8, False, "long_term_delay: with m = 9"),
        (9, (3, 8), 8, True, None),
        (3, (3, 8), 8, True, "allow_memory_gap: no m beyond 8 leaves a gap here; leave it out"),
        (31, (3, 8), 31, False, None),
        (32, (3, 8), 40, True, "long_term_delay: a delay of 32 is beyond the context of 32 tokens"),
        (3, (8, 3), 8, False, r"long_term_delay_range: \[8, 3\] is empty"),
        (3, (0, 3), 8, False, r"long_term_delay_range: \[0, 3\] is empty"),
    ],
)
def test_what_leaves_a_memory_empty_or_pairs_in_none_is_refused(delay, drawn_from, reach, allowed, told):
    if told is None:
        check_delays(delay, drawn_from, reach, 32, allowed, False)
        return
    with pytest.raises(ValueError, match=f"^{told}"):
        check_delays(delay, drawn_from, reach, 32, allowed, False)


def test_one_delay_is_not_drawn_for_each_layer():
    check_delays(3, (3, 8), 8, 32, False, True)
    with pytest.raises(
        ValueError, match=r"^delay_draw: layer draws nothing from long_term_delay_range \[5, 5\]; leave"
    ):
        check_delays(3, (5, 5), 8, 32, False, True)


def test_draws_are_of_the_closed_range_for_all_layers_or_each():
    steps = [drawn_delays((3, 5), 4, False, seeded_draw(1, step)) for step in range(100)]
    assert {tuple(delays) for delays in steps} == {(m,) * 4 for m in (3, 4, 5)}
    per_layer = [drawn_delays((3, 5), 4, True, seeded_draw(1, step)) for step in range(100)]
    assert any(len(set(delays)) > 1 for delays in per_layer)
    assert [drawn_delays((3, 5), 4, False, seeded_draw(2, step)) for step in range(100)] != steps
    assert drawn_delays((5, 5), 4, True, seeded_draw(1, 0)) == [5] * 4
