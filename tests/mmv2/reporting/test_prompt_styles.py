import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.reporting.prompt_styles import best_style

STYLES = ("a", "b", "c", "d")


def records(rates, split="test", run="r", queries=10, **changes):
    """Records of one cell: per style the number of right answers, those of the first queries."""
    fields = {"run": run, "seed": 1, "step": 1, "reduction": None, "task": "many_shot", "subtask": "s", "num_shots": 1}
    fields |= {"label_kind": "semantic", "main_score": "accuracy", "data_hash": "d", "split": split, "chance": 0.25}
    return [
        {
            **fields,
            "prompt_style": style,
            "example_id": f"{split}-{number}",
            "score_accuracy": float(number < right),
            "baseline_nearest_match": float(style == "a"),
            **changes,
        }
        for style, right in zip(STYLES, rates, strict=True)
        for number in range(queries)
    ]


def table(*parts):
    return pd.DataFrame([row for part in parts for row in part])


def test_best_on_test_is_the_greatest_of_the_four_in_every_cell():
    both = table(records((3, 7, 5, 1)), records((2, 1, 1, 6), num_shots=4))
    found = best_style(both, "best on test")
    assert found.groupby("num_shots")["chosen_style"].unique().str[0].to_dict() == {1: "b", 4: "d"}
    assert found.groupby("num_shots")["score_accuracy"].mean().to_dict() == {1: 0.7, 4: 0.6}
    assert len(found) == 20
    assert set(found["prompt_style"]) == {"best on test"}


def test_another_score_may_judge():
    both = table(records((3, 7, 5, 1)))
    both["score_ranked"] = both["prompt_style"].eq("c").astype(float)
    found = best_style(both, "best on test", "score_ranked")
    assert set(found["chosen_style"]) == {"c"}
    assert found["score_accuracy"].mean() == 0.5


def test_best_on_dev_does_not_look_at_the_test_queries():
    found = best_style(table(records((3, 7, 5, 1)), records((1, 2, 3, 1), split="dev")), "best on dev")
    assert set(found["chosen_style"]) == {"c"}
    assert found["score_accuracy"].mean() == 0.5
    assert set(found["split"]) == {"test"}


def test_the_mean_is_one_record_per_query_of_scores_and_baselines():
    found = best_style(table(records((4, 0, 2, 2)), records((9, 9, 9, 9), split="dev")), "mean")
    assert found["example_id"].tolist() == [f"test-{number}" for number in range(10)]
    assert found["score_accuracy"].tolist() == [0.75, 0.75, 0.25, 0.25, *[0.0] * 6]
    assert set(found["baseline_nearest_match"]) == {0.25}
    assert set(found["chance"]) == {0.25}


@pytest.mark.parametrize("how", ["best on test", "best on dev"])
def test_of_equally_good_styles_the_first_is_taken(how):
    found = best_style(table(records((1, 4, 4, 2)), records((1, 4, 4, 2), split="dev")), how)
    assert set(found["chosen_style"]) == {"b"}


def test_every_run_and_reduction_has_a_style_of_its_own():
    both = table(records((9, 1, 1, 1)), records((1, 1, 1, 9), run="q"), records((1, 9, 1, 1), reduction="without_x"))
    found = best_style(both, "best on test").fillna({"reduction": ""})
    chosen = found.groupby(["run", "reduction"])["chosen_style"].unique().str[0]
    assert chosen.to_dict() == {("q", ""): "d", ("r", ""): "a", ("r", "without_x"): "b"}


def test_a_cell_without_development_records_is_told():
    both = table(records((1, 1, 1, 1)), records((1, 1, 1, 1), split="dev", num_shots=4))
    with pytest.raises(UserError, match="r: no development records of s, semantic labels, 1 shots to choose"):
        best_style(both, "best on dev")
    with pytest.raises(UserError, match="no development records"):
        best_style(table(records((1, 1, 1, 1))), "best on dev")


@pytest.mark.parametrize("how", ["best on test", "mean"])
def test_styles_that_asked_other_queries_are_not_compared(how):
    found = table(records((1, 1, 1, 1)))
    with pytest.raises(UserError, match="r: prompt styles asked different queries"):
        best_style(found.iloc[:-1], how)
