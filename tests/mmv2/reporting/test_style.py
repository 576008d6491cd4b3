"""A run looks the same in every figure, and no two look alike."""

import pandas as pd
import pytest

from mmv2.registry import architectures
from mmv2.reporting.style import legend_below, looks, new_axes


def records(*runs):
    """Records of runs (name, architecture, training context), two each."""
    rows = [(run, arch, f"Label of {arch}", context) for run, arch, context in runs for _ in range(2)]
    return pd.DataFrame(rows, columns=["run", "arch", "label", "training_context"])


def test_labels_say_no_more_than_is_needed():
    one_each = looks(records(("a", "mmv2", 64), ("b", "transformer", 64)))
    assert [look.label for look in one_each.values()] == ["Label of mmv2", "Label of transformer"]
    several = looks(records(("a", "mmv2", 64), ("c", "mmv2", 64), ("b", "transformer", 64)))
    assert [look.label for look in several.values()] == [
        "Label of mmv2: a",
        "Label of mmv2: c",
        "Label of transformer: b",
    ]
    contexts = looks(records(("a", "mmv2", 64), ("b", "transformer", 512)))
    assert [look.label for look in contexts.values()] == [
        "Label of mmv2, trained at 64",
        "Label of transformer, trained at 512",
    ]


def test_colour_tells_the_architecture_and_does_not_depend_on_the_company():
    every = looks(records(*((f"of-{arch}", arch, 64) for arch in architectures())))
    assert len({look.colour for look in every.values()}) == len(architectures())
    for arch in architectures():
        alone = looks(records((f"of-{arch}", arch, 64)))
        assert alone[f"of-{arch}"] == every[f"of-{arch}"]


def test_architectures_without_a_colour_of_their_own_get_others():
    found = looks(records(("a", "mmv2", 64), ("b", "new_one", 64), ("c", "new_two", 64)))
    assert len({look.colour for look in found.values()}) == 3


def test_twenty_runs_of_one_architecture_can_be_told_apart_and_no_more():
    runs = [(f"run-{number:02}", "mmv2", 64) for number in range(21)]
    found = looks(records(*runs[:20]))
    assert list(found) == [name for name, *_ in runs[:20]]
    assert len({(look.marker, look.line) for look in found.values()}) == 20
    assert len({look.colour for look in found.values()}) == 1
    with pytest.raises(AssertionError, match="more than 20 runs of mmv2"):
        looks(records(*runs))


def test_the_legend_stands_below_the_data_runs_first():
    figure, axes = new_axes(3.0, 2.0)
    axes.plot([0, 1], [1, 1], label="no run")
    axes.errorbar([0, 1], [0, 1], [0.1, 0.1], label="run")
    legend_below(axes, "title")
    figure.canvas.draw()
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["run", "no run"]
    assert legend.get_title().get_text() == "title"
    assert legend.get_window_extent().y1 < axes.xaxis.get_tightbbox().y0
    assert figure.get_size_inches().tolist() == [3.0, 2.0]
