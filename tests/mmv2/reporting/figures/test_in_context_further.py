import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.registry import entries

SPEC = entries("figure")["in_context_further"]
TITLES = {
    ("icl_regular_languages", None): "regular languages",
    ("icl_code", "direct"): "output of programs",
    ("icl_reasoning", "direct"): "multi-step reasoning, answers alone",
    ("icl_reasoning", "worked"): "multi-step reasoning, with solutions",
}


def test_a_panel_for_each_task_and_style(golden, draw, curves):
    panels = draw(SPEC, golden)
    assert [axes.get_title() for axes in panels] == list(TITLES.values())
    for axes, (task, style) in zip(panels, TITLES, strict=True):
        these = golden[(golden["run"] == "s1-long") & (golden["task"] == task)]
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


def test_places_of_a_language_are_resampled_together(golden, draw):
    """Twice the places of the same languages tell no more."""
    once = golden[golden["task"] == "icl_regular_languages"]
    again = once.assign(example_id=once["example_id"].str.replace("-3", "-4"))

    def bars(records):
        (axes,) = draw(SPEC, records)
        return [value for bar in axes.containers[0].lines[2] for value in bar.get_segments()[0].flatten()]

    assert bars(once) == pytest.approx(bars(pd.concat([once, again])))
