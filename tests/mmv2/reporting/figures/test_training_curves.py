import numpy as np
import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.reporting.figures.training_curves import FIGURE
from mmv2.reporting.metrics import read_metrics
from mmv2.reporting.seeds import seeds_joined
from tests.golden.make_records_laptop import MOSAIC, write_metrics
from tests.golden.make_records_seeds import seeded


@pytest.fixture
def metrics(tmp_path):
    return read_metrics(write_metrics(tmp_path))


def test_every_run_is_drawn_in_the_panel_of_its_training(golden, metrics, draw):
    panels = draw(FIGURE, golden, metrics)
    assert [axes.get_title() for axes in panels] == ["pre-trained at context 32", "fine-tuned at context 256"]
    assert [len(axes.lines) for axes in panels] == [5, 5]
    for run, line in zip(("s1-long", "s2-long"), panels[1].lines, strict=False):
        np.testing.assert_allclose(line.get_ydata(), metrics.loc[metrics["run"] == run, "loss"])


def test_many_steps_are_averaged_and_none_is_lost(golden, metrics, draw):
    many = metrics.loc[metrics["run"] == "s5"]
    line = draw(FIGURE, golden, many)[0].lines[0]
    assert len(line.get_xdata()) < 0.2 * len(many)
    assert many["loss"].min() < line.get_ydata()[-1] < line.get_ydata()[0] <= many["loss"].max()


def test_a_run_that_no_record_names_is_told(golden, metrics):
    with pytest.raises(UserError, match="metrics: no record names s1;"):
        FIGURE.draw(golden[golden["run"] != "s1"], metrics)


def test_seeds_are_one_line_of_their_mean_within_their_range(golden, tmp_path, draw):
    both = pd.concat([golden[golden["run"] == "s1"].assign(run=f"s1.seed-{seed}", seed=seed) for seed in (1, 2)])
    metrics = read_metrics(write_metrics(tmp_path, seeded([MOSAIC], seeds=(1, 2))))
    ((axes),) = draw(FIGURE, seeds_joined(both), metrics)
    (line,) = axes.lines
    first = metrics[metrics["run"] == "s1.seed-1"]["loss"]
    assert axes.figure.legends[0].get_title().get_text() == "training seeds per line: 2"
    assert line.get_ydata()[0] == pytest.approx(first.iloc[0] - 0.025), "the second is 0.05 lower"
    (band,) = axes.collections
    height = band.get_paths()[0].get_extents()
    assert (height.y0, height.y1) == pytest.approx((line.get_ydata()[-1] - 0.025, line.get_ydata()[0] + 0.025))
