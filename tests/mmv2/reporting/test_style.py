"""A run looks the same in every figure, and no two look alike."""

import pandas as pd
import pytest

from mmv2.registry import architectures
from mmv2.reporting.style import legend_below, looks, new_panels, proxy


def records(*runs, **fields):
    """Records of runs (name, architecture, training context), two each."""
    rows = [(run, arch, f"Label of {arch}", context) for run, arch, context in runs for _ in range(2)]
    found = pd.DataFrame(rows, columns=["run", "arch", "label", "training_context"])
    return found.assign(**{"budget": 1.0, "seed": 0, "reduction": None, "setting_delay_is_fixed": False, **fields})


def labels(found):
    return [look.label for look in found.values()]


def test_labels_say_no_more_than_is_needed():
    one_each = records(("a", "mmv2", 64), ("b", "transformer", 64))
    assert labels(looks(one_each)) == ["Label of mmv2", "Label of transformer"]
    budgets = [1.0, 1.0, 8.0, 8.0]
    assert labels(looks(one_each.assign(budget=budgets))) == [
        "Label of mmv2, budget 1",
        "Label of transformer, budget 8",
    ]
    assert labels(looks(one_each.assign(seed=[0, 0, 1, 1])))[1] == "Label of transformer, seed 1"
    contexts = looks(records(("a", "mmv2", 64), ("b", "transformer", 512)))
    assert labels(contexts) == ["Label of mmv2, trained at 64", "Label of transformer, trained at 512"]
    fixed = looks(records(("a", "mmv2", 64), ("b", "mmv2", 64), setting_delay_is_fixed=[False, False, True, True]))
    assert labels(fixed) == ["Label of mmv2", "Label of mmv2, fixed delay"]


def test_the_runs_own_name_tells_what_no_field_tells():
    found = looks(records(("a", "mmv2", 64), ("b", "mmv2", 64), ("c", "transformer", 64)))
    assert labels(found) == ["Label of mmv2 (a)", "Label of mmv2 (b)", "Label of transformer"]
    assert (found["a"].marker, found["a"].line) != (found["b"].marker, found["b"].line)


def test_runs_that_differ_in_what_the_figure_tells_look_alike():
    both = records(("a", "mmv2", 64), ("a-long", "mmv2", 512))
    found = looks(both, told=["training_context"])
    assert found["a"] == found["a-long"]
    assert labels(found) == ["Label of mmv2"] * 2
    assert len(set(looks(both).values())) == 2


def test_a_budget_and_a_fixed_delay_look_the_same_in_any_company():
    budgets = {0.2: "v", 1.0: "o", 8.0: "^"}
    for budget, marker in budgets.items():
        (alone,) = looks(records(("a", "mmv2", 64), budget=budget)).values()
        assert (alone.marker, alone.line) == (marker, "-")
    (alone,) = looks(records(("a", "mmv2", 64), setting_delay_is_fixed=True)).values()
    assert alone.line == "--"
    runs = [(f"run-{budget}", "mmv2", 64) for budget in budgets]
    together = looks(records(*runs, budget=[budget for budget in budgets for _ in range(2)]))
    assert [look.marker for look in together.values()] == list(budgets.values())


def test_runs_that_differ_in_dashes_have_another_marker_too():
    """Of runs at the same values only markers can be seen, as these stand side by side."""
    runs = [("a", "mmv2", 64), ("b", "mmv2", 64), ("c", "mmv2", 64), ("d", "transformer", 64)]
    found = looks(records(*runs, setting_delay_is_fixed=[False] * 4 + [True] * 4))
    assert [(look.marker, look.line) for look in found.values()] == [("o", "-"), ("s", "-"), ("D", "--"), ("o", "--")]


def test_grey_print_tells_memory_mosaics_by_filled_markers():
    found = looks(records(("a", "mmv2", 64), ("b", "transformer", 64), ("c", "new", 64)))
    assert [look.face for look in found.values()] == [found["a"].colour, "white", "white"]


def test_colour_tells_the_architecture_and_does_not_depend_on_the_company():
    every = looks(records(*((f"of-{arch}", arch, 64) for arch in architectures())))
    assert len({look.colour for look in every.values()}) == len(architectures())
    for arch in architectures():
        alone = looks(records((f"of-{arch}", arch, 64)))
        assert alone[f"of-{arch}"] == every[f"of-{arch}"]


def test_architectures_without_a_colour_of_their_own_get_others():
    found = looks(records(("a", "mmv2", 64), ("b", "new_one", 64), ("c", "new_two", 64)))
    assert len({look.colour for look in found.values()}) == 3


def test_colour_tells_kinds_of_models_of_one_architecture_apart():
    kinds = ["GPT-NeoX", "Mamba-2", "RWKV-4"]
    runs = records(*((kind, "huggingface", 64) for kind in kinds)).assign(
        label=[kind for kind in kinds for _ in range(2)]
    )
    every = looks(runs)
    assert len({look.colour for look in every.values()}) == len(kinds)
    assert {(look.marker, look.line) for look in every.values()} == {("o", "-")}
    assert all(looks(runs[runs["label"] == kind]) == {kind: every[kind]} for kind in kinds)


def test_twenty_runs_of_one_architecture_can_be_told_apart_and_no_more():
    runs = [(f"run-{number:02}", "mmv2", 64) for number in range(21)]
    found = looks(records(*runs[:20]))
    assert list(found) == [name for name, *_ in runs[:20]]
    assert len({(look.marker, look.line) for look in found.values()}) == 20
    assert len({look.colour for look in found.values()}) == 1
    with pytest.raises(AssertionError, match="more than 20 runs of mmv2"):
        looks(records(*runs))


def test_the_legend_stands_below_the_data_runs_first_and_says_each_thing_once():
    figure, ((first, second),) = new_panels(1, 2)
    for axes in (first, second):
        axes.plot([0, 1], [1, 1], label="no run")
        axes.errorbar([0, 1], [0, 1], [0.1, 0.1], label="run")
    legend_below(figure, "title", [proxy("extra")])
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["run", "no run", "extra"]
    assert legend.get_title().get_text() == "title"
    assert legend.get_window_extent().y1 < first.xaxis.get_tightbbox().y0
    assert first.get_window_extent().x1 < second.get_window_extent().x0


@pytest.mark.parametrize("number", [2, 24])
def test_a_long_legend_takes_no_room_from_the_panels(number):
    figure, ((axes,),) = new_panels(1, 1)
    axes.set_xlabel("x")
    for run in range(number):
        axes.plot([0, 1], [1, run], label=f"run {run}")
    legend_below(figure, "title")
    figure.draw_without_rendering()
    assert axes.get_window_extent().height / figure.dpi == pytest.approx(2.0, abs=0.2), "of 2.5 inches, labels included"
    (legend,) = figure.legends
    assert legend.get_window_extent().y0 >= 0
