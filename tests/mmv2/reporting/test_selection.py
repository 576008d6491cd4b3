import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.records import EXAMPLE
from mmv2.reporting.selection import accuracy, distinct_examples, of_task, ratio_name

RUNS = [("a", "q1"), ("b", "q1"), ("b", "q2")]


@pytest.mark.parametrize(
    ("ratio", "name"), [(0.125, "1/8x"), (1 / 3, "1/3x"), (1.0, "1x"), (16.0, "16x"), (1.5, "1.5x"), (0.75, "0.75x")]
)
def test_ratios_are_named_as_people_say_them(ratio, name):
    assert ratio_name(ratio) == name


def test_of_a_task_the_last_step_of_each_run_counts():
    rows = [
        ("a", 5, "ruler_qa", "d"),
        ("a", 10, "ruler_qa", "d"),
        ("b", 3, "ruler_qa", "d"),
        ("b", 2, "ruler_qa", "d"),
        ("b", 20, "other", "d"),
    ]
    records = pd.DataFrame(rows, columns=["run", "step", "task", "data_hash"])
    assert of_task(records, "ruler_qa").index.tolist() == [1, 2]


@pytest.mark.parametrize(
    "rows", [[("b", 1, "x", "other")], [("b", 1, "x", "d")] * 2], ids=["other data", "lost record"]
)
def test_runs_that_answered_other_examples_are_not_pooled(rows):
    records = pd.DataFrame([("a", 1, "x", "d"), *rows], columns=["run", "step", "task", "data_hash"])
    with pytest.raises(UserError, match=r"runs a and b did not answer the same x examples"):
        of_task(records, "x")


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
