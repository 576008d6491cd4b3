import pytest

from mmv2.errors import UserError
from mmv2.reporting.metrics import read_metrics
from tests.golden.make_records_laptop import write_metrics


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    return read_metrics(write_metrics(tmp_path_factory.mktemp("metrics")))


def test_a_row_tells_the_settings_and_every_task_of_a_run(golden, table, metrics):
    found = table("table_search", golden, metrics)
    (row,) = found[found["run"] == "s3-long"].to_dict("records")
    told = {"peak learning rate": "0.003", "batch (sequences)": "16", "warm-up steps": "10", "budget": "0.2"}
    assert row | told == row
    of_run = golden[
        (golden["run"] == "s3-long") & (golden["task"] == "many_shot") & (golden["subtask"] == "goemotions")
    ]
    for split in ("test", "dev"):
        cell = row[f"many_shot: goemotions, {split}"]
        assert cell.mean == pytest.approx(100 * of_run[of_run["split"] == split]["score_accuracy"].mean())
        assert cell.num_examples == {"test": 4, "dev": 2}[split], "a query in four styles is one query"
    assert [name for name in found if ": tiny" in name] == ["ruler_qa: tiny"]


def test_what_a_run_did_not_answer_is_empty(golden, table, metrics):
    found = table("table_search", golden, metrics).set_index("run")
    assert found.loc["s1", "many_shot: goemotions, dev"] is None


def test_a_run_without_its_settings_is_told(golden, table, metrics):
    with pytest.raises(UserError, match="some have no setting_warmup_steps; evaluate the runs again"):
        table("table_search", golden.drop(columns="setting_warmup_steps"), metrics)


def test_the_loss_is_the_mean_over_the_last_tenth_of_the_steps(golden, table, metrics):
    found = table("table_search", golden, metrics).set_index("run")
    losses = metrics.loc[metrics["run"] == "s1", "loss"].to_numpy()
    last = losses[-max(1, len(losses) // 10) :]
    assert found.loc["s1", "loss"] == pytest.approx(last.mean())
    assert last.mean() != pytest.approx(losses.mean())


def test_a_run_without_metrics_is_told(golden, table, metrics):
    with pytest.raises(UserError, match=r"metrics: none of run s3-long; name its metrics\.jsonl too"):
        table("table_search", golden, metrics[metrics["run"] != "s3-long"])


def test_settings_in_which_runs_of_one_architecture_differ_are_told(golden, table, metrics):
    window = golden["run"].map({"s1": 4, "s2": 8})
    differing = golden.assign(
        setting_short_term_window=window,
        setting_num_kv_heads=golden["arch"].map({"mmv2": None, "transformer": 2}),
        setting_max_steps=golden["run"].rank(),
        setting_value_scale=golden["run"].map({"s1": "literal", "s2": "trainable"}),
    )
    found = table("table_search", differing, metrics).set_index("run")
    assert found["h (tokens)"].to_dict() == {**dict.fromkeys(found.index), "s1": "4", "s2": "8"}
    assert golden.groupby("arch")["setting_delay_is_fixed"].nunique()["mmv2"] == 2
    others = ["num_kv_heads", "max_steps", "value_scale", "delay_is_fixed"]
    assert not {*others} & {*found}, "what all share, what follows, and what is no number"
