import numpy as np
import pytest

from mmv2.errors import UserError
from mmv2.reporting.figures.training_curves import FIGURE
from mmv2.reporting.metrics import read_metrics
from tests.golden.make_records_laptop import write_metrics


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
