import numpy as np
import pandas as pd
import pytest

from mmv2.evaluation.contrasts import Term
from mmv2.reporting.verdict import (
    ABOVE,
    CLOSED,
    LEVEL,
    SOLVED,
    Comparison,
    Condition,
    compare,
    corrected,
    falls,
    judge,
    points,
    rises,
)


@pytest.mark.parametrize(
    ("demand", "low", "high", "finding"),
    [
        (ABOVE, 0.1, 9, "holds"),
        (ABOVE, 0.1, 1, "open"),
        (ABOVE, 0.0, 9, "open"),
        (ABOVE, -1, 2.5, "open"),
        (ABOVE, -1, 1.9, "fails"),
        (ABOVE, -9, -1, "fails"),
        (LEVEL, -1.9, 1.9, "holds"),
        (LEVEL, 0.5, 1.5, "holds"),
        (LEVEL, -2.1, 1, "open"),
        (LEVEL, 1, 3, "open"),
        (LEVEL, 2.1, 3, "fails"),
        (LEVEL, -9, -2.1, "fails"),
        (CLOSED, -9, 1.9, "holds"),
        (CLOSED, 0.5, 2.5, "open"),
        (CLOSED, 2.1, 9, "fails"),
        (SOLVED, 95.1, 100, "holds"),
        (SOLVED, 94, 96, "open"),
        (SOLVED, 50, 94.9, "fails"),
        (rises(4), 0.1, 3, "holds"),
        (rises(4), -0.1, 0.6, "open"),
        (rises(4), -0.1, 0.4, "fails"),
        (falls(4), -3, -0.1, "holds"),
        (falls(4), -0.6, 0.1, "open"),
        (falls(4), -0.4, 0.1, "fails"),
    ],
)
def test_the_whole_interval_decides(demand, low, high, finding):
    assert demand.finding(low, high) == finding


def comparison(finding, name="x"):
    numbers = {"mean": 1.0, "low": 0.0, "high": 2.0, "num_examples": 9, "num_seeds": 1}
    demand = None if finding is None else "above 0"
    rest = {"demand": demand, "contradiction": demand, "finding": finding, "published": {}, "files": ()}
    return Comparison(name=name, unit="points", **numbers, **rest)


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        (["holds", "holds"], "reproduced"),
        (["holds", None], "reproduced"),
        (["holds", "open"], "inconclusive"),
        (["open", "fails"], "not reproduced"),
        (["holds", "fails"], "not reproduced"),
    ],
)
def test_a_claim_is_as_good_as_its_worst_comparison(findings, status):
    found = judge([Condition(text="able", met=True)], [comparison(finding) for finding in findings])
    assert found.status == status
    assert len(found.comparisons) == len(findings)


@pytest.mark.parametrize("finding", ["holds", "open", "fails"])
def test_without_a_condition_no_number_decides(finding):
    conditions = [Condition(text="this is met", met=True), Condition(text="that is not", met=False)]
    found = judge(conditions, [comparison(finding)])
    assert (found.status, found.reason) == ("inconclusive", "This scale cannot tell: that is not.")


def test_the_reason_names_what_decided():
    found = judge([], [comparison("holds", "one"), comparison("fails", "two"), comparison("open", "three")])
    assert found.reason == "Two: 1.0 [0.0, 2.0] points, demanded above 0."


def test_a_claim_demands_something():
    with pytest.raises(AssertionError, match="demands something"):
        judge([], [comparison(None)])


@pytest.mark.parametrize(
    ("number", "text"), [(-0.04, "0.0"), (0.0, "0.0"), (-0.06, "-0.1"), (-10.02, "-10.0"), (-100.0, "-100.0")]
)
def test_what_rounds_to_zero_has_no_sign(number, text):
    assert points(number) == text


def test_holms_correction_is_stepwise_and_judges_what_holds_alone():
    def judged(p, finding="holds"):
        return comparison(finding).model_copy(update={"p": p})

    assert corrected([judged(0.02), judged(0.01), judged(0.04)]) == [True, True, True], "0.05 / 3, / 2, / 1"
    assert corrected([judged(0.026), judged(0.03), judged(0.01)]) == [False, False, True], "0.026 > 0.05 / 2"
    unlike = [judged(0.001), judged(0.02), judged(0.9, "open"), judged(1.0, "fails")]
    assert corrected(unlike) == [True, False, False, False]
    assert corrected([]) == []


def term(weight, right, number):
    """Of a model that answers this many of the examples right."""
    told = {"task": "t", "subtask": "s", "run": "r", "seed": 1, "data_hash": "d", "references": "x", "file": "f"}
    scores = np.random.default_rng(int(weight > 0)).permutation(np.arange(number) < right)
    return Term(
        weight, str(weight), pd.DataFrame({**told, "example_id": range(number), "score": scores * 1.0}), "score"
    )


@pytest.mark.parametrize(
    ("demand", "terms", "finding"),
    [
        (LEVEL, [term(1, 150, 300), term(-1, 150, 300)], "open"),
        (LEVEL, [term(1, 2000, 2000), term(-1, 2000, 2000)], "holds"),
        (CLOSED, [term(1, 100, 200), term(-1, 100, 200)], "open"),
        (CLOSED, [term(1, 20, 200), term(-1, 150, 200)], "holds"),
        (SOLVED, [term(1, 193, 200)], "open"),
        (SOLVED, [term(1, 200, 200)], "holds"),
        (ABOVE, [term(1, 105, 200), term(-1, 100, 200)], "open"),
        (ABOVE, [term(1, 180, 200), term(-1, 100, 200)], "holds"),
    ],
)
def test_p_is_small_where_the_interval_meets_the_demand_and_only_there(demand, terms, finding):
    found = compare("x", terms, demand)
    assert found.finding == finding
    assert (found.p < 0.05) == (finding == "holds")


def test_what_decides_is_what_fails_then_what_is_open():
    findings = ("holds", None, "open", "fails", "fails")
    for number, decides in ((5, ["fails", "fails"]), (3, ["open"]), (2, ["holds"])):
        verdict = judge([], [comparison(finding) for finding in findings[:number]])
        assert [one.finding for one in verdict.deciding] == decides
