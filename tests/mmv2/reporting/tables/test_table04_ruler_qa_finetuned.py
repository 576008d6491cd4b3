from pathlib import Path

import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.records import read_records, write_records
from mmv2.reporting.published import read_published
from mmv2.reporting.tables.table04_ruler_qa_finetuned import TABLE
from tests.golden.make_records_small import ruler_qa_records

PUBLISHED = Path(__file__).parents[4] / "results" / "published" / TABLE.published
GOLDEN = Path(__file__).parents[3] / "golden" / "records_small.jsonl"
MOSAIC = ("mmv2", "Memory Mosaics v2")
TRANSFORMER = ("transformer", "Transformer")


@pytest.fixture
def build(tmp_path):
    def run(*records):
        write_records(tmp_path / "records.jsonl", records)
        return TABLE.build(read_records(tmp_path / "records.jsonl"), read_published(PUBLISHED))

    return run


def row(table, model, source, score="official"):
    (found,) = table[(table["model"] == model) & (table["source"] == source) & (table["score"] == score)].to_dict(
        "records"
    )
    return found


def test_lengths_of_equal_ratio_share_a_column(build):
    rates = {256: 1.0, 512: 1.0, 1024: 1.0, 2048: 0.0, 4096: 0.0, 8192: 0.0}
    table = build(*ruler_qa_records("tuned", *MOSAIC, rates, training_context=2048, init_from="first"))
    heads = ["1/8x: 256 / 4k", "1/4x: 512 / 8k", "1/2x: 1024 / 16k", "1x: 2048 / 32k", "2x: 4096 / 64k", "4x: 8192 / -"]
    assert list(table.columns[-6:]) == heads
    measured = row(table, "Memory Mosaics v2", "measured: tuned")
    assert [measured[head].mean for head in heads] == [100, 100, 100, 0, 0, 0]
    published = [row(table, f"Memory Mosaics v2 {size}", "published") for size in ("small", "large")]
    assert [published[0][head] for head in heads[:5]] == [44.3, 39.3, 39.4, 36.9, 25.3]
    assert [published[1][head] for head in heads[:5]] == [58.9, 55.5, 54.9, 53.4, 46.4]


def test_what_the_paper_does_not_report_is_empty_and_never_zero(build):
    table = build(*ruler_qa_records("run", *TRANSFORMER, {64: 0.5}, init_from="first"))
    head = "2x: - / 64k"
    for size in ("small", "large"):
        published = row(table, f"Transformer {size}", "published")
        assert pd.isna(published[head])
        assert pd.isna(published["parameters"])
        assert pd.isna(published["subtask"])
        assert pd.isna(published["examples per number"])
    assert pd.isna(row(table, "Transformer", "measured: run")[head])


def test_a_measured_row_states_its_scale_and_both_scores(build):
    table = build(*ruler_qa_records("run", *MOSAIC, {64: 0.5, 128: 0.5}, examples=40, init_from="first"))
    official = row(table, "Memory Mosaics v2", "measured: run")
    strict = row(table, "Memory Mosaics v2", "measured: run", "strict")
    for found in (official, strict):
        assert (found["parameters"], found["fine-tuning tokens"], found["training context"]) == (280_000, 1_000_000, 64)
        assert (found["fine-tuned from"], found["examples per number"]) == ("first", "40")
    cell = official["1x: 64 / 32k"]
    assert isinstance(cell, Interval)
    assert 0 < cell.low < cell.mean < cell.high < 100
    assert cell.num_examples == 40
    assert strict["1x: 64 / 32k"].mean < cell.mean


def test_only_the_last_step_of_a_run_counts(build):
    early = ruler_qa_records("run", *MOSAIC, {64: 0.0}, step=50, init_from="first")
    table = build(*early, *ruler_qa_records("run", *MOSAIC, {64: 1.0}, init_from="first"))
    assert row(table, "Memory Mosaics v2", "measured: run")["1x: 64 / 32k"].mean == 100


def test_an_architecture_that_the_paper_does_not_have_in_this_table_is_shown_all_the_same(build):
    table = build(
        *ruler_qa_records("run", "transformer_long_short", "Long-short transformer", {64: 0.5}, init_from="first")
    )
    assert isinstance(row(table, "Long-short transformer", "measured: run")["1x: 64 / 32k"], Interval)
    assert (table["source"] == "published").sum() == 4


def test_trivial_answers_are_counted_once_per_example(build):
    records = [
        *ruler_qa_records("a", *MOSAIC, {64: 0.5}, init_from="first"),
        *ruler_qa_records("b", *TRANSFORMER, {64: 0.5}, init_from="first"),
    ]
    table = build(*records)
    chance = row(table, "Chance", "measured: no model")
    assert (chance["1x: 64 / 32k"].mean, chance["1x: 64 / 32k"].num_examples) == (25.0, 8)
    assert row(table, "Nearest match, no model", "measured: no model")["1x: 64 / 32k"].mean == 50.0


def no_model(table, name):
    return table[table["model"] == name].to_dict("records")


def test_with_two_training_contexts_each_run_stands_under_its_own_ratios(build):
    rates = {64: 1.0, 128: 0.0}
    table = build(
        *ruler_qa_records("a", *MOSAIC, rates, init_from="first"),
        *ruler_qa_records("b", *MOSAIC, rates, training_context=128, init_from="first"),
    )
    heads = ["1/2x: 64 / 16k", "1x: 64, 128 / 32k", "2x: 128 / 64k"]
    assert [name for name in table.columns if name in heads] == heads
    found = [row(table, "Memory Mosaics v2", f"measured: {run}") for run in ("a", "b")]
    assert found[0][heads[0]] is None
    assert [found[0][head].mean for head in heads[1:]] == [100, 0]
    assert [found[1][head].mean for head in heads[:2]] == [100, 0]
    assert found[1][heads[2]] is None


def test_the_golden_records_hold_two_training_contexts():
    table = TABLE.build(read_records(GOLDEN), read_published(PUBLISHED))
    at_64 = row(table, "Memory Mosaics v2", "measured: synthetic-mosaic-tuned")
    at_32 = row(table, "Memory Mosaics v2", "measured: synthetic-mosaic-tuned-at-32")
    assert list(table.columns[-6:]) == [
        "1/8x: 8 / 4k",
        "1/4x: 8, 16 / 8k",
        "1/2x: 16, 32 / 16k",
        "1x: 32, 64 / 32k",
        "2x: 64, 128 / 64k",
        "4x: 128 / -",
    ]
    assert (at_64["training context"], at_32["training context"]) == (64, 32)
    assert (at_64["4x: 128 / -"], at_32["1/8x: 8 / 4k"]) == (None, None)
    assert at_32["4x: 128 / -"].num_examples == 8


def test_trivial_answers_stand_once_where_training_contexts_agree(build):
    rates = {64: 0.5, 128: 0.5}
    records = [
        *ruler_qa_records("a", *MOSAIC, rates, init_from="first"),
        *ruler_qa_records("b", *MOSAIC, rates, training_context=128, init_from="first"),
    ]
    table = build(*records)
    for name, mean in {"Chance": 25, "Nearest match, no model": 50}.items():
        (found,) = no_model(table, name)
        assert found["training context"] is None
        assert [cell.mean for head, cell in found.items() if head.startswith(("1/2x", "1x", "2x"))] == [mean] * 3


def test_trivial_answers_stand_per_training_context_where_these_differ(build):
    records = []
    for run, context in (("a", 64), ("b", 128)):
        tuned = {"training_context": context, "init_from": "first"}
        records += ruler_qa_records(run, *MOSAIC, {64: 0.5}, **tuned)
        records += ruler_qa_records(run, *MOSAIC, {128: 0.5}, **tuned, chance=1.0)
    table = build(*records)
    found = no_model(table, "Chance")
    assert [(one["training context"], one["1x: 64, 128 / 32k"].mean) for one in found] == [(64, 25), (128, 100)]
    assert len(no_model(table, "Nearest match, no model")) == 1


def test_the_run_that_fine_tuning_started_from_is_named_with_its_tokens_where_they_are_known(build):
    table = build(
        *ruler_qa_records("a", *MOSAIC, {64: 0.5}, init_from="first"),
        *ruler_qa_records("b", *MOSAIC, {64: 0.5}, init_from="elsewhere"),
        *ruler_qa_records("first", *MOSAIC, {64: 0.5}, training_context=8, tokens_seen=8_000_000),
    )
    origins = [row(table, "Memory Mosaics v2", f"measured: {run}")["fine-tuned from"] for run in ("a", "b")]
    assert origins == ["first", "elsewhere"]
    tokens = [row(table, "Memory Mosaics v2", f"measured: {run}")["training tokens"] for run in ("a", "b")]
    assert tokens == [8_000_000, None]


def test_other_budgets_and_fixed_delays_are_no_rows_of_this_table(build):
    table = build(
        *ruler_qa_records("a", *MOSAIC, {64: 0.5}, init_from="first"),
        *ruler_qa_records("b", *MOSAIC, {64: 0.5}, init_from="first", budget=8.0),
        *ruler_qa_records("c", *MOSAIC, {64: 0.5}, init_from="first", settings={"delay_is_fixed": True}),
    )
    assert set(table["source"]) == {"measured: a", "published", "measured: no model"}


def test_subtasks_are_rows_of_their_own_and_of_their_mean(build):
    both = [
        *ruler_qa_records("a", *MOSAIC, {64: 1.0}, init_from="first"),
        *ruler_qa_records("a", *MOSAIC, {64: 0.0}, init_from="first", subtask="tiny"),
    ]
    found = build(*both)
    found = found[(found["source"] == "measured: a") & (found["score"] == "official")]
    means = {row["subtask"]: row["1x: 64 / 32k"].mean for _, row in found.iterrows()}
    assert means == {"squad": 100, "tiny": 0, "mean of squad and tiny": 50}


def test_different_numbers_of_examples_are_told(build):
    records = [
        *ruler_qa_records("a", *MOSAIC, {64: 1.0}, examples=8, init_from="first"),
        *ruler_qa_records("a", *MOSAIC, {128: 1.0}, examples=6, init_from="first"),
    ]
    assert row(build(*records), "Memory Mosaics v2", "measured: a")["examples per number"] == "6 to 8"


def test_runs_that_were_not_fine_tuned_are_no_rows_of_this_table(build):
    tuned = [*ruler_qa_records("tuned", *MOSAIC, {64: 0.5, 128: 0.5}, init_from="first")]
    first = [*ruler_qa_records("first", *MOSAIC, {64: 0.5, 128: 0.5}, training_context=8)]
    table = build(*tuned, *first)
    assert list(table.columns[-2:]) == ["1x: 64 / 32k", "2x: 128 / 64k"]
    assert "measured: first" not in set(table["source"])
    with pytest.raises(UserError, match="none of runs fine-tuned among first; give the suite a run with init_from"):
        build(*first)
