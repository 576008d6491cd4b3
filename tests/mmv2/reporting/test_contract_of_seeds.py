"""What every table and figure does with training seeds, run over the registry: three that answered the same are as one.

A row or line of each seed would be one too many. Intervals that took another seed's answer for another example would be
narrower by the root of three.
"""

import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer

from mmv2.evaluation.statistics import Interval
from mmv2.registry import entries
from mmv2.reporting.fields import MEMBER
from mmv2.reporting.published import read_published
from mmv2.reporting.seeds import seeds_joined
from mmv2.reporting.style import style
from tests.mmv2.reporting import test_contract
from tests.mmv2.reporting.test_contract import FIGURES, PUBLISHED, TABLES

pytestmark = pytest.mark.usefixtures("few_resamplings")
ablations_file = test_contract.ablations_file
golden_file, golden, metrics = test_contract.golden_file, test_contract.golden, test_contract.metrics
OF_EACH_RUN = {"table_search", "search_curves"}
"""A search compares runs, each of one seed."""
SEEDS = (1, 2, 3)
TOLD = {"seed", "examples per number"}
"""Columns that tell the seeds."""


def of_seeds(frame, names):
    """The rows three times, as of runs of three seeds that gave the same."""
    copies = []
    for seed in SEEDS:
        ending = f".seed-{seed}"
        copies.append(frame.assign(seed=seed, **{name: frame[name] + ending for name in names}))
    return pd.concat(copies, ignore_index=True)


def inputs(spec, golden, metrics):
    """What the table or figure is made of, with one seed and with three."""
    if not spec.metrics:
        return [golden], [seeds_joined(of_seeds(golden, ["run", "init_from"]))]
    steps = test_contract.read_metrics(metrics)
    of_steps = of_seeds(steps, ["run"]).drop(columns="seed")
    return [golden, steps], [seeds_joined(of_seeds(golden, ["run", "init_from"])), of_steps]


def check_alike(one, three):
    assert three.mean == pytest.approx(one.mean)
    assert three.num_examples == one.num_examples
    check_width(one.high - one.low, three.high - three.low)


def check_width(one, three):
    """That three seeds are no more examples, which would make it 0.58 times as wide. Other draws of so few examples end
    a step of one example apart at either end.
    """
    assert 0.6 * one - 1e-9 <= three <= 1.7 * one + 1e-9


@pytest.mark.parametrize("name", sorted({*TABLES} - OF_EACH_RUN))
def test_a_table_has_a_row_for_all_seeds(name, golden, metrics):
    spec = entries("table")[name]
    published = [read_published(PUBLISHED / spec.published)] if spec.published else []
    one, three = (spec.build(records, *published, *more) for records, *more in inputs(spec, golden, metrics))
    assert list(three) == list(one)
    assert len(three) == len(one)
    ours = [source.startswith("measured: ") and "no model" not in source for source in one["source"]]
    assert set(three["seed"][ours]) == {"1, 2, 3"}
    assert all(number.startswith("3 seeds x ") for number in three["examples per number"][ours])
    for column in [column for column in one if column not in TOLD]:
        for before, after in zip(one[column], three[column], strict=True):
            if isinstance(before, Interval):
                check_alike(before, after)
            else:
                assert after == before or (pd.isna(after) and pd.isna(before))


@pytest.mark.parametrize("name", sorted({*FIGURES} - OF_EACH_RUN))
def test_a_figure_has_a_line_for_all_seeds(name, golden, metrics):
    spec = entries("figure")[name]
    of_one, of_three = inputs(spec, golden, metrics)
    with style():
        one, three = (spec.draw(*given) for given in (of_one, of_three))
    for before, after in zip(one.axes, three.axes, strict=True):
        assert labels(after) == labels(before)
        for old, new in zip(before.get_lines(), after.get_lines(), strict=True):
            if not old.get_label().startswith("_"):  # caps of bars
                assert new.get_xydata() == pytest.approx(old.get_xydata(), nan_ok=True)
        for old, new in zip(bars(before), bars(after), strict=True):
            check_width(old, new)
    (legend, _), (of_seeds, title) = map(texts, (one, three))
    assert of_seeds == legend
    assert MEMBER in of_three[0]
    shown = spec.shown(*of_three)
    assert set(shown["run"]) == set(spec.shown(*of_one)["run"])
    assert title.startswith(("3 seeds x ", "training seeds per line: 3", "Mean of a layer's heads")), title


def labels(axes):
    """Of all lines, without those that Matplotlib numbers: dots of seeds count too."""
    found = (line.get_label() for line in axes.get_lines())
    return ["" if label.startswith("_") else label for label in found]


def bars(axes):
    """Lengths of all intervals."""
    drawn = [container for container in axes.containers if isinstance(container, ErrorbarContainer)]
    lines = [segment for container in drawn for part in container.lines[2] for segment in part.get_segments()]
    return [float(abs(ends[1] - ends[0]).max()) for ends in lines]


def texts(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()], legend.get_title().get_text()
