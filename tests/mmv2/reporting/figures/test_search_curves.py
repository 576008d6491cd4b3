import itertools

import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.records import read_records, write_records
from mmv2.reporting.figures.search_curves import FIGURE
from mmv2.reporting.style import style
from tests.golden.make_records_laptop import SHORT, Run, ruler_records

RATES = (1e-3, 3e-3, 1e-2)


@pytest.fixture
def records(tmp_path):
    """Two seeds of three learning rates and two batches."""
    runs = [
        Run(f"run-{batch}-{rate}-{seed}", "mmv2", 0.7, settings={"learning_rate": rate, "global_batch_size": batch})
        for batch in (8, 32)
        for rate in RATES
        for seed in (0, 1)
    ]
    write_records(tmp_path / "x.jsonl", (record for run in runs for record in ruler_records(run, 8)))
    return read_records(tmp_path / "x.jsonl")


@pytest.fixture
def metrics(records):
    """Every run has 20 steps; the loss falls to the learning rate, which stands in the last two."""
    rows = [
        {"run": run, "step": step, "loss": 5.0 if step < 19 else rate}
        for run, rate in records.groupby("run")["setting_learning_rate"].first().items()
        for step in range(1, 21)
    ]
    return pd.DataFrame(rows)


def lines_of(axes):
    """Means by label of each line, over its places; its points by the same label."""
    points = {line.get_label(): line for line in axes.lines if line.get_linestyle() == "None"}
    lines = [line for line in axes.lines if line.get_linestyle() == "-"]
    means = [dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in lines]
    return dict(zip(points, means, strict=True)), points


def test_points_are_runs_and_lines_join_their_means(records, metrics, draw):
    _, over_rates, _, over_batches = draw(FIGURE, records, metrics)
    assert over_rates.get_title() == over_batches.get_title() == "ruler_qa: tiny"
    assert (over_rates.get_xlabel(), over_batches.get_xlabel()) == ("peak learning rate", "batch (sequences)")
    means = 100 * records.groupby(["setting_global_batch_size", "setting_learning_rate"])["score_official"].mean()
    *_, chance = over_rates.lines
    assert list(chance.get_ydata()) == pytest.approx(2 * [100 * records["chance"].mean()])
    lines, points = lines_of(over_rates)
    assert list(lines) == ["Memory Mosaics v2, batch 8", "Memory Mosaics v2, batch 32"]
    for batch, line in zip((8, 32), lines.values(), strict=True):
        assert line == pytest.approx({rate: means[batch, rate] for rate in RATES})
    assert {len(single.get_xdata()) for single in points.values()} == {6}, "two seeds of three rates"
    lines, more = lines_of(over_batches)
    for rate in RATES:
        line = lines[f"Memory Mosaics v2, peak learning rate {rate:g}"]
        assert line == pytest.approx({batch: means[batch, rate] for batch in (8, 32)})
    markers = [line.get_marker() for line in (*points.values(), *more.values())]
    assert len(set(markers)) == len(markers) == 5


def test_the_loss_is_that_of_the_last_tenth(records, metrics, draw):
    axes, *_ = draw(FIGURE, records, metrics)
    for line in axes.lines:
        assert list(line.get_ydata()) == pytest.approx(list(line.get_xdata()))
    low, high = axes.get_ylim()
    assert high - low == pytest.approx(0.05), "differences of 0.009 fill no panel"


CENTRE = {
    "mmv2": {"learning_rate": 8e-3, "short_term_window": 2, "initial_theta_beta": 1.5, "weight_decay": 0.1},
    "transformer": {"learning_rate": 4e-3, "rope_theta": 1e4, "weight_decay": 0.1},
}
SCANS = {
    "mmv2": {"learning_rate": [4e-3, 1.6e-2, 3.2e-2], "short_term_window": [4], "initial_theta_beta": [0.5, 2.5]},
    "transformer": {"learning_rate": [1e-3, 2e-3], "rope_theta": [1e2, 1e5], "weight_decay": [0.0]},
}


@pytest.fixture
def scanned(tmp_path):
    """One setting at a time around a centre, which differs between two architectures."""
    runs = []
    for arch, centre in CENTRE.items():
        runs.append(Run(f"{arch}-centre", arch, 0.5, settings=centre))
        for key, values in SCANS[arch].items():
            runs += [Run(f"{arch}-{key}-{value}", arch, 0.5, settings={**centre, key: value}) for value in values]
    write_records(tmp_path / "x.jsonl", (record for run in runs for record in ruler_records(run, 8)))
    losses = [{"run": run.name, "step": 1, "loss": 1 + place / 8} for place, run in enumerate(runs)]
    return read_records(tmp_path / "x.jsonl"), pd.DataFrame(losses)


def test_one_setting_at_a_time_is_a_curve_through_the_centre(scanned, draw):
    records, metrics = scanned
    panels = {axes.get_xlabel(): lines_of(axes)[0] for axes in draw(FIGURE, records, metrics)[::2]}
    assert list(panels) == [
        "peak learning rate",
        "weight decay",
        "base of rotary frequencies",
        "h (tokens)",
        "initial theta_beta",
    ]
    loss = metrics.set_index("run")["loss"]
    mosaic, transformer = loss["mmv2-centre"], loss["transformer-centre"]
    assert panels["peak learning rate"] == {
        "Memory Mosaics v2": {4e-3: loss.iloc[1], 8e-3: mosaic, 1.6e-2: loss.iloc[2], 3.2e-2: loss.iloc[3]},
        "Transformer": {1e-3: loss["transformer-learning_rate-0.001"], 2e-3: loss.iloc[9], 4e-3: transformer},
    }
    assert panels["weight decay"] == {"Transformer": {0.0: loss["transformer-weight_decay-0.0"], 0.1: transformer}}
    assert panels["h (tokens)"] == {"Memory Mosaics v2": {2: mosaic, 4: loss["mmv2-short_term_window-4"]}}
    assert set(panels["initial theta_beta"]["Memory Mosaics v2"]) == {0.5, 1.5, 2.5}
    assert set(panels["base of rotary frequencies"]["Transformer"]) == {1e2, 1e4, 1e5}


def test_the_papers_value_is_marked_where_it_states_one_that_holds_here(scanned, draw):
    marked = {}
    for axes in draw(FIGURE, *scanned):
        marked.setdefault(axes.get_xlabel(), []).extend(
            line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"
        )
    assert marked == {
        "peak learning rate": [],
        "weight decay": [0.1, 0.1],
        "base of rotary frequencies": [],
        "h (tokens)": [SHORT / 16, SHORT / 16],
        "initial theta_beta": [1.5, 1.5],
    }


def test_an_axis_is_logarithmic_but_for_exponents_and_zero(scanned, draw):
    scales = {axes.get_xlabel(): axes.get_xscale() for axes in draw(FIGURE, *scanned)}
    assert {name for name, scale in scales.items() if scale == "linear"} == {"weight decay", "initial theta_beta"}
    assert set(scales.values()) == {"linear", "log"}


def test_marks_of_an_axis_stand_apart(scanned):
    with style():
        figure = FIGURE.draw(*scanned)
        figure.draw_without_rendering()
        for axes in figure.axes:
            boxes = [mark.get_window_extent() for mark in axes.get_xticklabels() if mark.get_rotation() == 0]
            assert all(left.x1 + 4 < right.x0 for left, right in itertools.pairwise(boxes)), axes.get_xlabel()


def test_records_without_settings_are_told(records, metrics):
    with pytest.raises(UserError, match="some have no setting_learning_rate"):
        FIGURE.draw(records.drop(columns="setting_learning_rate"), metrics)


def test_a_run_is_told_by_its_last_step(records, metrics):
    early = records.assign(step=1, tokens_seen=1)
    found = FIGURE.shown(pd.concat([early, records]), metrics)
    assert len(found) == records["run"].nunique()
    assert set(found["tokens_seen"]) == set(records["tokens_seen"]) != {1}


def test_the_legend_tells_seeds_and_what_a_point_is_a_mean_of(records, metrics):
    of_seed = records[records["run"].str.endswith("-1")].assign(seed=1)
    of_seed = of_seed.assign(tokens_seen=of_seed["setting_global_batch_size"].map({8: 7000, 32: 9000}))
    title = FIGURE.draw(of_seed, metrics).legends[0].get_title().get_text()
    assert title == "6 runs, training seed 1, 7,000 to 9,000 training tokens per run, 8 examples per score"
