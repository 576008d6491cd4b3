import pytest

from mmv2.errors import UserError
from mmv2.reporting.tables.table_ruler_by_depth import BINS, HEADS


def rows(found, **fields):
    for name, value in fields.items():
        found = found[found[name] == value]
    return found


def test_cells_are_means_over_bins_of_depth_under_both_scores(golden, table):
    found = table("table_ruler_by_depth", golden)
    asked = golden[(golden["run"] == "s1-long") & (golden["task"] == "ruler_qa") & (golden["context_length"] == 256)]
    asked = asked[asked["reduction"].isna() & (asked["step"] == asked["step"].max())]
    named = {"source": "measured: s1-long", "subtask": "ruler_qa: tiny", "context length": "256"}
    for score in ("official", "strict"):
        (row,) = rows(found, **named, score=score).to_dict("records")
        assert row["all depths"].mean == pytest.approx(100 * asked[f"score_{score}"].mean())
        for place, head in enumerate(HEADS):
            inside = asked[(asked["depth"] * BINS).astype(int).clip(upper=BINS - 1) == place]
            assert row[head].mean == pytest.approx(100 * inside[f"score_{score}"].mean())
            assert row[head].num_examples == len(inside)


def test_every_task_and_length_has_rows(golden, table):
    found = rows(table("table_ruler_by_depth", golden), source="measured: s4-long", score="strict")
    names = ["ruler_qa: tiny", "ruler_niah: niah_single_1", "ruler_niah: niah_single_2"]
    assert list(dict.fromkeys(found["subtask"])) == names
    assert list(rows(found, subtask=names[0])["context length"]) == ["32", "64", "128", "256", "512"]


def test_a_bin_without_examples_is_empty_and_the_end_is_in_the_last(golden, table):
    found = table("table_ruler_by_depth", golden.assign(depth=1.0))
    assert found[HEADS[:-1]].isna().all(axis=None)
    assert found[HEADS[-1]].notna().all()


def test_empty_answers_are_counted(golden, table):
    first = golden["example_id"].isin(golden["example_id"].unique()[:5])
    found = table("table_ruler_by_depth", golden.assign(prediction=golden["prediction"].mask(first, " \n")))
    shares = {cell.mean for cell in rows(found, subtask="ruler_qa: tiny")["empty answers"] if cell is not None}
    assert shares
    assert 0 < max(shares) < 100


def test_chance_and_copying_need_no_model(golden, table):
    found = rows(table("table_ruler_by_depth", golden), source="measured: no model")
    assert set(found["model"]) == {"Chance", "Nearest match, no model"}
    asked = golden[(golden["task"] == "ruler_niah") & (golden["context_length"] == 256) & (golden["run"] == "s1-long")]
    asked = asked[(asked["subtask"] == "niah_single_1") & asked["reduction"].isna()]
    named = {"subtask": "ruler_niah: niah_single_1", "context length": "256"}
    for model, column in (("Chance", "chance"), ("Nearest match, no model", "baseline_nearest_match")):
        (row,) = rows(found, **named, model=model).to_dict("records")
        assert row["all depths"].mean == pytest.approx(100 * asked[column].mean())
        inside = asked[asked["depth"] < 1 / BINS]
        assert row[HEADS[0]].mean == pytest.approx(100 * inside[column].mean())


def test_records_without_ruler_are_told(golden, table):
    with pytest.raises(UserError, match="none of task ruler_qa or ruler_niah"):
        table("table_ruler_by_depth", golden[golden["task"] == "bits_per_byte"])
