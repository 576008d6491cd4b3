import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.records import EXAMPLE
from mmv2.reporting.selection import accuracy, distinct_examples, of_task, ratio_name


def record(run, **changes):
    """What ``of_task`` looks at of a record; what does not apply is empty, as in most tasks."""
    fields = {"run": run, "step": 1, "task": "x", "data_hash": "d", "subtask": "s", "context_length": 8}
    empty = {"num_shots": None, "label_kind": None, "prompt_style": None}
    return {**fields, **empty, "example_id": "q1", **changes}


RUNS = [("a", "q1"), ("b", "q1"), ("b", "q2")]


@pytest.mark.parametrize(
    ("ratio", "name"), [(0.125, "1/8x"), (1 / 3, "1/3x"), (1.0, "1x"), (16.0, "16x"), (1.5, "1.5x"), (0.75, "0.75x")]
)
def test_ratios_are_named_as_people_say_them(ratio, name):
    assert ratio_name(ratio) == name


def test_of_a_task_the_last_step_of_each_run_counts():
    rows = [
        record("a", step=5, task="ruler_qa"),
        record("a", step=10, task="ruler_qa"),
        record("b", step=3, task="ruler_qa"),
        record("b", step=2, task="ruler_qa"),
        record("b", step=20, task="other"),
    ]
    assert of_task(pd.DataFrame(rows), "ruler_qa").index.tolist() == [1, 2]


def test_runs_that_answered_other_data_are_not_pooled():
    records = pd.DataFrame([record("a"), record("b", data_hash="other"), record("c")])
    with pytest.raises(UserError, match=r"runs answered different x data \(d: a, c; other: b\); evaluate all"):
        of_task(records, "x")


def test_other_data_of_an_earlier_step_or_another_task_do_not_matter():
    records = [record("a"), record("b", step=0, data_hash="old"), record("b"), record("b", task="y", data_hash="y")]
    assert len(of_task(pd.DataFrame(records), "x")) == 2


@pytest.mark.parametrize("field", EXAMPLE[1:])
def test_runs_with_as_many_but_other_examples_are_not_pooled(field):
    records = pd.DataFrame([record("a"), record("a", **{field: 2}), record("b"), record("b", **{field: 3})])
    with pytest.raises(UserError, match=r"did not answer the same x examples \(of 3, a lacks 1, b lacks 1\)"):
        of_task(records, "x")


def test_a_run_with_lost_records_is_named():
    records = [record(run, example_id=name) for run in "abc" for name in ("q1", "q2", "q3")]
    with pytest.raises(UserError, match=r"\(of 3, b lacks 2\); evaluate all runs on the same frozen file"):
        of_task(pd.DataFrame([row for row in records if row["run"] != "b" or row["example_id"] == "q2"]), "x")


def test_a_task_without_records_is_told_with_those_there_are():
    records = pd.DataFrame([("a", 5, "x"), ("a", 5, "w")], columns=["run", "step", "task"])
    with pytest.raises(UserError, match="records: none of task ruler_qa, only of w, x;"):
        of_task(records, "ruler_qa")


def test_accuracy_is_in_percent():
    found = accuracy(pd.DataFrame({"score_official": [1.0, 0.0, 0.0, 0.0]}), "score_official")
    assert found.mean == 25
    assert 0 <= found.low < 25 < found.high <= 100
    assert found.num_examples == 4


def test_an_example_that_several_runs_answered_is_one_example():
    rows = [{**dict.fromkeys(EXAMPLE, "x"), "example_id": name, "data_hash": "d", "run": run} for run, name in RUNS]
    assert distinct_examples(pd.DataFrame(rows))["example_id"].tolist() == ["q1", "q2"]
