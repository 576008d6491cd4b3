import pandas as pd

from mmv2.records import EXAMPLE
from mmv2.reporting.accuracies import accuracy, accuracy_by_query, counts, distinct_examples, reference, references

RUNS = [("a", "q1"), ("b", "q1"), ("b", "q2")]
OF_ONE = {**dict.fromkeys(EXAMPLE), "data_hash": "d"}


def test_accuracy_is_in_percent():
    found = accuracy(pd.DataFrame({"score_official": [1.0, 0.0, 0.0, 0.0]}), "score_official")
    assert found.mean == 25
    assert 0 <= found.low < 25 < found.high <= 100
    assert found.num_examples == 4


def test_an_example_that_several_runs_answered_is_one_example():
    rows = [{**dict.fromkeys(EXAMPLE, "x"), "example_id": name, "data_hash": "d", "run": run} for run, name in RUNS]
    assert distinct_examples(pd.DataFrame(rows))["example_id"].tolist() == ["q1", "q2"]


def test_a_query_asked_again_is_no_other_query():
    scores = [1.0, 0.0] * 10
    once = pd.DataFrame({"example_id": [f"q{n}" for n in range(20)], "s": scores})
    again = pd.concat([once] * 4)
    assert accuracy_by_query(again, "s") == accuracy(once, "s")
    narrow = accuracy(again, "s")
    assert narrow.high - narrow.low < 0.6 * (accuracy(once, "s").high - accuracy(once, "s").low)


def examples(**columns):
    """Records of as many examples as the columns are long."""
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return pd.DataFrame([{**OF_ONE, "example_id": str(number), **row} for number, row in enumerate(rows)])


def test_chance_among_known_answers_has_no_interval_and_a_blind_guess_has_one():
    known = reference(examples(chance=[0.25, 0.5]), "chance")
    assert (known.mean, known.low, known.high) == (37.5, 37.5, 37.5)
    guess = reference(examples(chance=[1.0, 0.0]), "chance")
    assert guess.low < guess.mean == 50 < guess.high
    share = reference(examples(baseline_nearest_match=[0.5, 0.5]), "baseline_nearest_match")
    assert share.low < share.mean == 50 < share.high, "a mean over prompt styles is an estimate"


def test_trivial_answers_are_those_that_all_records_have():
    both = examples(chance=[0.5, 0.5], baseline_nearest_match=[1.0, 0.0])
    assert list(references(both)) == ["chance", "baseline_nearest_match"]
    assert list(references(examples(chance=[0.5, 0.5], baseline_nearest_match=[1.0, None]))) == ["chance"]
    assert list(references(both[["chance"]])) == ["chance"]


def test_counts_are_told_as_a_number_or_a_range():
    records = pd.DataFrame({"run": list("aaab"), "x": [1, 1, 1, 1]})
    assert counts(records, ["x"]) == "4"
    assert counts(records, ["run", "x"]) == "1 to 3"
