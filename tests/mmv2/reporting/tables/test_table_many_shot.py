import pytest

from mmv2.reporting.accuracies import CONSTANT, with_constant_answer
from mmv2.reporting.prompt_styles import best_style


@pytest.fixture
def rows(golden, table):
    """By score, of one run on one data set with one kind of labels."""

    def read(records=golden):
        found = table("table_many_shot", records)
        mine = found[(found["source"] == "measured: s4-long") & (found["subtask"] == "banking77, semantic")]
        return dict(zip(mine["score"], mine.to_dict("records"), strict=True))

    return read


def cell_of(golden):
    of_run = golden[(golden["run"] == "s4-long") & (golden["task"] == "many_shot") & (golden["num_shots"] == 4)]
    return of_run[(of_run["subtask"] == "banking77") & (of_run["label_kind"] == "semantic")]


def test_every_way_has_a_row(golden, rows):
    cell = cell_of(golden)
    ways = {
        "accuracy, best style": "best on test",
        "accuracy, mean of styles": "mean",
        "accuracy, style best on dev": "best on dev",
    }
    for name, way in ways.items():
        assert rows()[name]["4 shots"].mean == pytest.approx(100 * best_style(cell, way)["score_accuracy"].mean())
    ranked = best_style(cell, "best on test", "score_ranked")["score_ranked"].mean()
    assert rows()["ranked, best style"]["4 shots"].mean == pytest.approx(100 * ranked)
    assert rows()["accuracy, mean of styles"]["examples per number"] == "4"


def test_runs_that_none_was_fine_tuned_from_have_rows_too(golden, rows):
    assert rows(golden[golden["init_from"].notna()].assign(init_from=None)).keys() == rows().keys()


def test_f1_is_the_harmonic_mean_of_precision_and_recall(golden, rows):
    best = best_style(cell_of(golden), "best on test")
    correct, valid = best["score_accuracy"].sum(), best["score_valid"].sum()
    precision, recall = correct / valid, correct / len(best)
    assert rows()["F1, best style"]["4 shots"].mean == pytest.approx(200 * precision * recall / (precision + recall))


@pytest.mark.parametrize(("right", "label"), [(0, 0), (0, 1), (1, 1)])
def test_f1_of_answers_that_are_all_alike_has_an_interval(golden, rows, right, label):
    """At least as wide as that of the accuracy, which is exact."""
    alike = golden.assign(score_accuracy=float(right), score_valid=float(label))
    found, accuracy = rows(alike)["F1, best style"]["4 shots"], rows(alike)["accuracy, best style"]["4 shots"]
    assert found.low < found.high
    assert found.mean == 100 * right
    assert found.high - found.low >= accuracy.high - accuracy.low - 1e-6
    assert (found.low, found.high)[right] == pytest.approx(100 * right), "no further than can be"


def test_f1_is_the_accuracy_where_every_answer_is_a_label(golden, rows):
    """Number and interval, made-up answers included."""
    found = rows(golden.assign(score_valid=1.0))
    f1, accuracy = (found[f"{name}, best style"]["4 shots"] for name in ("F1", "accuracy"))
    assert 0 < f1.mean < 100
    assert (f1.mean, f1.low, f1.high) == pytest.approx((accuracy.mean, accuracy.low, accuracy.high))


def test_one_prompt_style_alone_has_no_two_rows_that_say_the_same(golden, rows):
    one = golden[(golden["task"] != "many_shot") | (golden["prompt_style"] == "space_shuffled")]
    assert list(rows(one)) == ["accuracy", "ranked", "F1"]
    cell = cell_of(one)
    assert rows(one)["accuracy"]["4 shots"].mean == pytest.approx(100 * cell["score_accuracy"].mean())


def test_without_development_queries_or_valid_answers_their_rows_are_missing(golden, rows):
    assert "accuracy, style best on dev" not in rows(golden[golden["split"] != "dev"])
    assert "F1, best style" not in rows(golden.drop(columns="score_valid"))


def test_what_needs_no_model_has_rows(golden, table):
    found = table("table_many_shot", golden)
    trivial = found[(found["source"] == "measured: no model") & (found["subtask"] == "goemotions, semantic")]
    values = dict(zip(trivial["model"], trivial["4 shots"], strict=True))
    assert values["Chance"].mean == pytest.approx(25)
    assert values["Best constant answer, no model"].mean == pytest.approx(75)
    assert "Nearest match, no model" in values


def test_the_best_constant_answer_is_the_most_frequent_one_of_a_cell(golden):
    cell = (
        golden[golden["task"] == "many_shot"]
        .head(6)
        .assign(references=[("a",), ("b",), ("b",), ("c",), ("a",), ("c",)])
    )
    cell = cell.assign(subtask=list("xxxyyy"))
    assert with_constant_answer(cell, ["subtask"])[CONSTANT].tolist() == [0, 1, 1, 1, 0, 1]
    assert with_constant_answer(cell, ["task"])[CONSTANT].tolist() == [1, 0, 0, 0, 1, 0], "of equals the first"
