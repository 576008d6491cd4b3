import pytest

from mmv2.records import read_records, write_records
from mmv2.registry import entries
from mmv2.reporting.seeds import seeds_joined
from tests.golden.make_records_ablations import ablation_records

SPEC = entries("figure")["figure12_accuracy_over_cost"]
pytestmark = pytest.mark.usefixtures("few_resamplings")


@pytest.fixture
def records(tmp_path):
    """Two seeds of one of the models."""
    made = [*ablation_records(2), *ablation_records(2, seed=1)]
    wanted = {"mosaic-long", "mosaic-long.seed-1", "transformer-long"}
    write_records(tmp_path / "x.jsonl", (record for record in made if record.run in wanted))
    return seeds_joined(read_records(tmp_path / "x.jsonl"))


def test_benchmarks_have_a_row_for_each_group_on_the_scale_of_all(records, draw, curves):
    panels = {axes.get_title(): axes for axes in draw(SPEC, records)}
    groups = {"persistent": "benchmarks, persistent knowledge", "context": "benchmarks, information in the prompt"}
    assert list(panels)[:2] == list(groups.values())
    of_run = records[(records["arch"] == "transformer") & (records["task"] == "benchmarks")]
    for group, title in groups.items():
        means = of_run[of_run["detail_group"] == group].groupby("subtask")["score_accuracy"].mean()
        assert list(curves(panels[title])["Transformer, seed 0"].values()) == pytest.approx([100 * means.mean()])
    assert {axes.get_ylim() for axes in panels.values()} == {(-4, 104)}


def test_labels_tell_all_seeds_of_a_model(records, draw, curves):
    axes, *_ = draw(SPEC, records)
    assert list(curves(axes)) == ["Memory Mosaics v2, seeds 0, 1", "Transformer, seed 0"]
