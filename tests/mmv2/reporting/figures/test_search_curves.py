import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.records import read_records, write_records
from mmv2.reporting.figures.search_curves import FIGURE
from tests.golden.make_records_laptop import Run, ruler_records

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


def test_points_are_runs_and_lines_join_their_means(records, metrics, draw):
    _, axes = draw(FIGURE, records, metrics)
    assert axes.get_title() == "ruler_qa: tiny"
    means = records.groupby(["setting_global_batch_size", "setting_learning_rate"])["score_official"].mean()
    *_, chance = axes.lines
    assert list(chance.get_ydata()) == pytest.approx(2 * [100 * records["chance"].mean()])
    lines = [line for line in axes.lines[:-1] if line.get_linestyle() != "None"]
    points = [line for line in axes.lines if line.get_linestyle() == "None"]
    for batch, line, single in zip((8, 32), lines, points, strict=True):
        assert list(line.get_xdata()) == list(RATES)
        assert list(line.get_ydata()) == pytest.approx([100 * means[batch, rate] for rate in RATES])
        assert single.get_label() == f"Memory Mosaics v2, batch {batch}"
        assert len(single.get_xdata()) == 6
    assert points[0].get_marker() != points[1].get_marker()


def test_the_loss_is_that_of_the_last_tenth(records, metrics, draw):
    axes, _ = draw(FIGURE, records, metrics)
    for line in axes.lines:
        assert list(line.get_ydata()) == pytest.approx(list(line.get_xdata()))


def test_records_without_settings_are_told(records, metrics):
    with pytest.raises(UserError, match="some have no setting_learning_rate"):
        FIGURE.draw(records.drop(columns="setting_learning_rate"), metrics)


def test_a_run_is_told_by_its_last_step(records, metrics):
    early = records.assign(step=1, tokens_seen=1)
    found = FIGURE.shown(pd.concat([early, records]), metrics)
    assert len(found) == records["run"].nunique()
    assert set(found["tokens_seen"]) == set(records["tokens_seen"]) != {1}
