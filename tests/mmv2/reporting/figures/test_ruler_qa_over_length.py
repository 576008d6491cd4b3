import itertools

import numpy as np
import pytest
from matplotlib.collections import PathCollection, PolyCollection

from mmv2.records import read_records, write_records
from mmv2.reporting.accuracies import accuracy
from mmv2.reporting.figures.ruler_qa_over_length import FIGURE
from mmv2.reporting.seeds import seeds_joined
from mmv2.reporting.style import style
from tests.golden.make_records_small import ruler_qa_records

MOSAIC = ("mmv2", "Memory Mosaics v2")
TRANSFORMER = ("transformer", "Transformer")
RATES = {64: 0.9, 128: 0.8, 256: 0.7, 512: 0.6, 1024: 0.5}


@pytest.fixture
def draw(tmp_path):
    """Draws records; returns the table of records and the axes."""

    def run(*records):
        write_records(tmp_path / "records.jsonl", records)
        table = seeds_joined(read_records(tmp_path / "records.jsonl"))
        with style():
            return table, FIGURE.draw(table).axes[0]

    return run


def bars(axes, number):
    """Lower and upper ends of the intervals of a run."""
    return np.array([segment[:, 1] for segment in axes.containers[number].lines[2][0].get_segments()])


def test_points_and_bars_are_the_means_and_intervals_of_the_records(draw):
    runs = [("a", *MOSAIC), ("b", *TRANSFORMER)]
    records, axes = draw(*(record for run in runs for record in ruler_qa_records(*run, RATES, examples=30)))
    assert len(axes.containers) == 2
    for number, (run, *_) in enumerate(runs):
        points = axes.containers[number].lines[0]
        groups = records[records["run"] == run].groupby("context_length")
        expected = [accuracy(group, "score_official") for _, group in groups]
        np.testing.assert_allclose(points.get_ydata(), [point.mean for point in expected])
        np.testing.assert_allclose(bars(axes, number), [(point.low, point.high) for point in expected])


def test_seeds_of_a_run_are_dots_at_its_place(draw):
    skills = {1: {64: 1.0, 128: 0.6}, 2: {64: 0.2, 128: 0.2}}
    seeds = (ruler_qa_records(f"a.seed-{seed}", *MOSAIC, rates, seed=seed) for seed, rates in skills.items())
    single = ruler_qa_records("b", *TRANSFORMER, {64: 0.5, 128: 0.5})
    records, axes = draw(*itertools.chain(*seeds, single))
    (dots,) = (drawn for drawn in axes.collections if isinstance(drawn, PathCollection))
    scores = records[records["run"] == "a"].groupby(["seed", "context_length"])["score_official"].mean()
    assert scores.nunique() > 2
    assert [tuple(dot) for dot in dots.get_offsets()] == [(length, 100 * mean) for (_, length), mean in scores.items()]
    line = axes.containers[0].lines[0]
    assert dots.get_offset_transform().transform((64, 0)) == pytest.approx(line.get_transform().transform((64, 0)))


def test_chance_and_copying_are_drawn_across_the_whole_axis(draw):
    _, axes = draw(*ruler_qa_records("a", *MOSAIC, {64: 0.5}))
    lines = {line.get_label(): line for line in axes.lines}
    for label, level in {"Chance": 25, "Nearest match, no model": 50}.items():
        assert set(lines[label].get_ydata()) == {level}
        np.testing.assert_allclose(lines[label].get_xdata()[[0, -1]], axes.get_xlim())


def pixels(axes):
    """Where the points of each run are drawn, from the left, in points (1/72 inch)."""
    axes.figure.draw_without_rendering()
    lines = [container.lines[0] for container in axes.containers]
    places = [line.get_transform().transform(line.get_xydata())[:, 0] for line in lines]
    return 72 / axes.figure.dpi * np.array(places)


@pytest.mark.parametrize("lengths", [(64,), (64, 128, 256, 512, 1024), (64, 4096)])
def test_runs_of_equal_accuracy_stand_side_by_side_at_their_length(draw, lengths):
    runs = [(f"{arch}-{number}", arch, label) for arch, label in (MOSAIC, TRANSFORMER) for number in range(3)]
    rates = dict.fromkeys(lengths, 0.0)
    _, axes = draw(*(record for run in runs for record in ruler_qa_records(*run, rates)))
    places, marker = pixels(axes), axes.containers[0].lines[0].get_markersize()
    assert np.diff(places, axis=0).min() > marker
    middle = 72 / axes.figure.dpi * axes.transData.transform([(length, 0) for length in lengths])[:, 0]
    np.testing.assert_allclose(places.mean(axis=0), middle)
    assert np.diff(np.sort(places.ravel())).min() > marker, "nor do those of neighbouring lengths meet"


def test_runs_of_one_length_do_not_reach_those_of_the_next_however_many_lengths_there_are(draw):
    rates = {2**power: 0.0 for power in range(4, 18)}
    runs = [(f"run-{number}", *MOSAIC) for number in range(6)]
    _, axes = draw(*(record for run in runs for record in ruler_qa_records(*run, rates)))
    places = pixels(axes)
    assert (places[0, 1:] > places[-1, :-1]).all()


def test_markers_stand_above_the_lines_of_all_runs(draw):
    runs = [("a", *MOSAIC), ("b", *TRANSFORMER)]
    _, axes = draw(*(record for run in runs for record in ruler_qa_records(*run, dict.fromkeys(RATES, 1.0))))
    for container in axes.containers:
        line = container.lines[0]
        (above,) = (
            other
            for other in axes.lines
            if other is not line
            and other.get_marker() == line.get_marker()
            and other.get_color() == line.get_color()
            and np.array_equal(other.get_xydata(), line.get_xydata())
        )
        assert above.get_zorder() > max(other.lines[0].get_zorder() for other in axes.containers)


def test_chance_is_drawn_with_the_interval_of_its_own_examples(draw):
    records, axes = draw(*ruler_qa_records("a", *MOSAIC, RATES), *ruler_qa_records("b", *TRANSFORMER, RATES))
    (band,) = axes.collections[-1:]
    assert isinstance(band, PolyCollection)
    edges = band.get_paths()[0].get_extents()
    expected = accuracy(records[(records["run"] == "a") & (records["context_length"] == 64)], "chance")
    assert (edges.y0, edges.y1) == (expected.low, expected.high)
    assert expected.high - expected.low > 20, "eight examples are few"
    np.testing.assert_allclose((edges.x0, edges.x1), axes.get_xlim())


def test_what_needs_no_model_ends_where_nothing_was_measured_further(draw):
    """A level line crosses the axis."""
    records = (
        record.model_copy(update={"chance": 16 / record.context_length})
        for record in ruler_qa_records("a", *MOSAIC, RATES, training_context=8192)
    )
    _, axes = draw(*records)
    lines = {line.get_label(): list(line.get_xdata()) for line in axes.lines}
    assert lines["Chance"] == list(RATES)
    assert lines["Nearest match, no model"] == list(axes.get_xlim())


def test_the_training_context_is_marked_and_the_axis_counts_in_its_units(draw):
    _, axes = draw(*ruler_qa_records("a", *MOSAIC, RATES, training_context=128))
    assert [line.get_xdata()[0] for line in axes.lines if line.get_label() == "training context"] == [128]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["64", "128", "256", "512", "1024"]
    (top,) = axes.child_axes
    assert [label.get_text() for label in top.get_xticklabels()] == ["1/2x", "1x", "2x", "4x", "8x"]
    assert axes.get_xscale() == "log"


def test_each_training_context_has_a_panel_pre_trained_ones_first(draw):
    tuned = ruler_qa_records("tuned", *MOSAIC, RATES, training_context=512, init_from="first")
    _, axes = draw(*tuned, *ruler_qa_records("first", *MOSAIC, RATES, training_context=64))
    panels = axes.figure.axes
    assert [panel.get_title() for panel in panels] == ["pre-trained at context 64", "fine-tuned at context 512"]
    assert {panel.child_axes[0].get_xlabel() for panel in panels} == {"context length / training context"}
    marks = [line.get_xdata()[0] for panel in panels for line in panel.lines if line.get_label() == "training context"]
    assert marks == [64, 512]
    assert len({(panel.containers[0].get_label(), panel.containers[0].lines[0].get_marker()) for panel in panels}) == 1
    assert panels[0].get_xlim() == panels[1].get_xlim()


def test_six_runs_can_be_told_apart_and_stand_first_in_the_legend(draw):
    runs = [(f"{arch}-{budget}", arch, label) for arch, label in (MOSAIC, TRANSFORMER) for budget in (1, 2, 8)]
    _, axes = draw(*(record for run in runs for record in ruler_qa_records(*run, RATES)))
    lines = [container.lines[0] for container in axes.containers]
    assert len({(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}) == 6
    assert len({line.get_color() for line in lines}) == 2, "colour tells the architecture"
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()][:6] == [
        f"{label} ({run})" for run, _, label in runs
    ]


def test_the_legend_tells_the_number_of_examples(draw):
    _, axes = draw(*ruler_qa_records("a", *MOSAIC, RATES, examples=12))
    assert axes.figure.legends[0].get_title().get_text() == "12 examples per point"
