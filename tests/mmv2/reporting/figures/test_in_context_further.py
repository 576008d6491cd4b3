import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.registry import entries

SPEC = entries("figure")["in_context_further"]
TITLES = {
    "regular languages": ("regular_languages", None),
    "output of programs": ("mbpp_outputs", "direct"),
    "gsm8k, answers alone": ("gsm8k", "direct"),
    "gsm8k, with solutions": ("gsm8k", "worked"),
    "sums, answers alone": ("sums", "direct"),
}


def test_a_panel_for_each_problem_and_style(golden, draw, curves):
    panels = draw(SPEC, golden)
    assert [axes.get_title() for axes in panels] == list(TITLES)
    for axes, (subtask, style) in zip(panels, TITLES.values(), strict=True):
        these = golden[(golden["run"] == "s1-long") & (golden["subtask"] == subtask)]
        these = these[these["prompt_style"].isna() if style is None else these["prompt_style"] == style]
        expected = 100 * these.groupby("num_shots")["score_accuracy"].mean()
        assert curves(axes)["Memory Mosaics v2"] == pytest.approx(expected.to_dict())


def test_pretrained_runs_are_drawn_where_none_was_fine_tuned(golden, draw, curves):
    further = golden[golden["task"] == "icl_code"].assign(init_from=None)
    assert list(curves(*draw(SPEC, further))) == ["Memory Mosaics v2", "Transformer"]


def test_tasks_that_were_not_evaluated_are_left_out(golden, draw):
    assert [axes.get_title() for axes in draw(SPEC, golden[golden["task"] == "icl_code"])] == ["output of programs"]
    with pytest.raises(UserError, match="none of task icl_regular_languages, only of many_shot"):
        draw(SPEC, golden[golden["task"] == "many_shot"])


def test_chance_is_that_of_each_problem(golden, draw):
    mixed = golden.assign(chance=golden["chance"].mask(golden["subtask"] == "sums", 0.5))
    panels = {axes.get_title(): axes for axes in draw(SPEC, mixed)}
    levels = {
        title: {line.get_ydata()[0] for line in axes.lines if line.get_label() == "Chance"}
        for title, axes in panels.items()
    }
    assert levels["sums, answers alone"] == {50}
    assert levels["gsm8k, answers alone"] == {25}


@pytest.fixture
def places(golden):
    """Regular languages asked at one place, and the same at another."""
    once = golden[golden["task"] == "icl_regular_languages"]
    return once, once.assign(example_id=once["example_id"].str.replace("-3", "-4"))


def test_trivial_answers_are_of_every_place_of_a_language(places, draw):
    told = ({"chance": 0.1, "baseline_nearest_match": 0.0}, {"chance": 0.5, "baseline_nearest_match": 1.0})
    (axes,) = draw(SPEC, pd.concat(these.assign(**values) for these, values in zip(places, told, strict=True)))
    levels = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert levels["Chance"] == pytest.approx([30] * 2)
    assert levels["Nearest match, no model"] == [50] * 2


def test_a_language_asked_at_several_places_counts_once(places):
    title = SPEC.draw(pd.concat(places)).legends[0].get_title().get_text()
    assert title == "8 questions or languages per point"


def test_places_of_a_language_are_resampled_together(places, draw):
    """Twice the places of the same languages tell no more."""
    once, again = places

    def bars(records):
        (axes,) = draw(SPEC, records)
        return [value for bar in axes.containers[0].lines[2] for value in bar.get_segments()[0].flatten()]

    assert bars(once) == pytest.approx(bars(pd.concat([once, again])))
