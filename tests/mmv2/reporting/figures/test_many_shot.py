"""Figures 3, 4, 6 and 7, which differ in labels and runs alone."""

import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from mmv2.errors import UserError
from mmv2.registry import entries
from mmv2.reporting.prompt_styles import best_style
from mmv2.reporting.seeds import seeds_joined

FIGURES = {name: spec for name, spec in entries("figure").items() if name[:8] in "figure03 figure04 figure06 figure07"}
DATA = {
    "figure03_semantic_labels": ["banking77, semantic labels", "goemotions, semantic labels"],
    "figure04_anonymous_labels": [
        "banking77, anonymous labels",
        "goemotions, anonymous labels",
        "banking77, labels of an unseen form",
    ],
}
DATA["figure06_semantic_labels_more_data"] = DATA["figure03_semantic_labels"]
DATA["figure07_anonymous_labels_more_data"] = DATA["figure04_anonymous_labels"]
CONSTANT = "Best constant answer, no model"
MAIN = ["Memory Mosaics v2", "Transformer"]
ALL = ["Memory Mosaics v2, budget 1", *(f"Transformer, budget {budget}" for budget in ("0.2", "1", "8"))]


@pytest.fixture(params=sorted(FIGURES))
def name(request):
    return request.param


def test_panels_are_data_sets_and_labels_and_lines_are_runs(name, golden, draw, curves):
    panels = draw(FIGURES[name], golden)
    assert [axes.get_title() for axes in panels] == DATA[name]
    for axes in panels:
        assert list(curves(axes)) == (ALL if name.endswith("more_data") else MAIN)
        assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "4"]


def test_lines_are_the_best_of_four_and_thin_lines_their_mean(name, golden, draw, curves):
    axes = draw(FIGURES[name], golden)[0]
    kind = "anonymous" if "anonymous" in name else "semantic"
    of_run = golden[(golden["run"] == "s1-long") & (golden["task"] == "many_shot") & (golden["subtask"] == "banking77")]
    of_run = of_run[of_run["label_kind"] == kind]
    ways = ["best on test", "mean", *([] if name.endswith("more_data") else ["best on dev"])]
    expected = [
        pytest.approx(list(100 * best_style(of_run, way).groupby("num_shots")["score_accuracy"].mean())) for way in ways
    ]
    colour = axes.containers[0].lines[0].get_color()
    plain = [line for line in axes.lines if line.get_color() == colour and line.get_marker() in ("None", "_")]
    thin = [list(line.get_ydata()) for line in plain if len(line.get_xdata()) == 2 and line.get_label().startswith("_")]
    assert list(next(iter(curves(axes).values())).values()) == expected[0]
    assert all(any(way == values for values in thin) for way in expected[1:])


@pytest.mark.usefixtures("few_resamplings")
def test_seeds_of_a_run_are_dots(name, golden, draw, curves):
    """Each by the style that was best in it."""
    mosaic = golden["run"] == "s1-long"
    both = [golden[mosaic].assign(run=f"s1-long.seed-{seed}", seed=seed) for seed in (0, 1)]
    both[1] = both[1].assign(score_accuracy=1 - both[1]["score_accuracy"])
    panels = draw(FIGURES[name], seeds_joined(pd.concat([*both, golden[~mosaic]])))
    for axes in panels:
        (dots,) = (drawn for drawn in axes.collections if isinstance(drawn, PathCollection))
        first, second = dots.get_offsets()[:, 1].reshape(2, -1).tolist()
        assert first != second
        means = list(next(iter(curves(axes).values())).values())
        assert [sum(both) / 2 for both in zip(first, second, strict=True)] == pytest.approx(means)


@pytest.mark.usefixtures("few_resamplings")
def test_a_constant_answer_that_is_chance_is_left_out(name, golden, draw):
    """Of the panel, and of the legend when no panel has it."""
    most = golden["references"].str[0].eq("Oslo").groupby([golden["task"], golden["split"]]).transform("mean")
    for without in ("banking77", ""):
        chance = golden["chance"].mask(golden["subtask"].str.startswith(without), most)
        panels = draw(FIGURES[name], golden.assign(chance=chance))
        with_it = {axes.get_title() for axes in panels if CONSTANT in {line.get_label() for line in axes.lines}}
        assert with_it == {title for title in DATA[name] if not title.startswith(without)}
        legend = [text.get_text() for text in panels[0].figure.legends[0].get_texts()]
        assert (CONSTANT in legend) == bool(with_it)


def test_what_is_lacking_is_told(name, golden):
    spec = FIGURES[name]
    with pytest.raises(UserError, match="none with label_kind"):
        spec.draw(golden[~golden["label_kind"].isin(["semantic", "anonymous"])])
    with pytest.raises(UserError, match="none of runs fine-tuned"):
        spec.draw(golden[golden["init_from"].isna()])


@pytest.mark.parametrize("name", sorted(name for name in FIGURES if name.endswith("more_data")))
def test_one_budget_is_not_more_data(name, golden):
    with pytest.raises(UserError, match="with another data budget than 1"):
        FIGURES[name].draw(golden[golden["budget"] == 1])
    only_pretrained = golden[(golden["budget"] == 1) | golden["init_from"].isna()]
    assert only_pretrained["budget"].nunique() > 1
    with pytest.raises(UserError, match="with another data budget than 1"):
        FIGURES[name].draw(only_pretrained)


@pytest.mark.parametrize("name", sorted(name for name in FIGURES if not name.endswith("more_data")))
def test_without_development_queries_the_third_way_cannot_be_drawn(name, golden):
    with pytest.raises(UserError, match="none with split dev"):
        FIGURES[name].draw(golden[golden["split"] == "test"])
