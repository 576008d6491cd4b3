"""What every table and figure must fulfil, drawn from synthetic golden records, run over the registry."""

from pathlib import Path

import matplotlib
import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.records import read_records
from mmv2.registry import entries
from mmv2.reporting.published import read_published
from mmv2.reporting.render import render_figure, render_table

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "records_small.jsonl"
PUBLISHED = ROOT / "results" / "published"
TUNED = ["synthetic-mosaic-tuned", "synthetic-mosaic-tuned-at-32", "synthetic-transformer-tuned"]
RUNS = ["synthetic-mosaic", *TUNED]
SHOWN = {"table04_ruler_qa_finetuned": TUNED}
"""Per table, the golden runs that it has rows of. A new table adds one line."""


@pytest.fixture(params=sorted(entries("table")))
def table(request):
    return request.param


@pytest.fixture(params=sorted(entries("figure")))
def figure(request):
    return request.param


def files(folder, stem):
    return {path.name.removeprefix(stem): path.read_bytes() for path in folder.iterdir()}


def test_a_table_is_written_in_three_forms_each_time_the_same(table, tmp_path):
    for name in ("one", "two"):
        render_table(table, [GOLDEN], tmp_path / name / "table", PUBLISHED)
    assert set(files(tmp_path / "one", "table")) == {".csv", ".md", ".tex"}
    assert files(tmp_path / "one", "table") == files(tmp_path / "two", "table")


def test_a_table_shows_every_run_that_it_is_about_and_its_caption(table, tmp_path):
    render_table(table, [GOLDEN], tmp_path / "table", PUBLISHED)
    for ending in (".csv", ".md", ".tex"):
        text = (tmp_path / f"table{ending}").read_text()
        assert all(run in text for run in SHOWN[table])
        assert "nan" not in text.lower()
        assert "None" not in text
    assert entries("table")[table].caption in (tmp_path / "table.md").read_text()


def test_a_table_leaves_its_inputs_as_they_are(table):
    spec = entries("table")[table]
    records, published = read_records(GOLDEN), read_published(PUBLISHED / spec.published)
    before = records.copy(), published.copy()
    spec.build(records, published)
    pd.testing.assert_frame_equal(records, before[0])
    pd.testing.assert_frame_equal(published, before[1])


def test_a_table_without_records_of_its_task_says_so(table):
    spec = entries("table")[table]
    with pytest.raises(UserError, match=r"records: none of task \w+, only of other"):
        spec.build(read_records(GOLDEN).assign(task="other"), read_published(PUBLISHED / spec.published))


def test_a_figure_is_written_in_all_forms_each_time_the_same(figure, tmp_path, monkeypatch):
    render_figure(figure, [GOLDEN], tmp_path / "one" / "figure")
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "red")
    render_figure(figure, [GOLDEN], tmp_path / "two" / "figure")
    one, two = files(tmp_path / "one", "figure"), files(tmp_path / "two", "figure")
    assert set(one) == {".png", ".pdf", ".txt"}
    assert one == two, "neither the clock nor the user's own settings may show"
    assert b"Date" not in one[".pdf"]
    assert matplotlib.rcParams["axes.facecolor"] == "red", "the user's settings are given back"


def test_a_figure_tells_its_caption_and_the_scale_of_every_run(figure, tmp_path):
    render_figure(figure, [GOLDEN], tmp_path / "figure")
    text = (tmp_path / "figure.txt").read_text()
    assert entries("figure")[figure].caption in text
    for run in RUNS:
        assert f"{run}: " in text
    assert "280,000 parameters, 1,000,000 training tokens at context 64" in text


def test_a_figure_leaves_its_records_as_they_are(figure):
    records = read_records(GOLDEN)
    before = records.copy()
    entries("figure")[figure].draw(records)
    pd.testing.assert_frame_equal(records, before)


def test_a_figure_without_records_of_its_task_says_so(figure):
    with pytest.raises(UserError, match=r"records: none of task \w+, only of other"):
        entries("figure")[figure].draw(read_records(GOLDEN).assign(task="other"))


def test_an_unknown_name_is_told_with_the_choices(tmp_path):
    with pytest.raises(UserError, match=r"table 'table4' is unknown; .*table04_ruler_qa_finetuned"):
        render_table("table4", [GOLDEN], tmp_path / "x", PUBLISHED)
    with pytest.raises(UserError, match=r"figure 'ruler' is unknown; .*ruler_qa_over_length"):
        render_figure("ruler", [GOLDEN], tmp_path / "x")


def test_missing_published_numbers_are_told(table, tmp_path):
    with pytest.raises(UserError, match=r"\.csv: no such file; run from the repository"):
        render_table(table, [GOLDEN], tmp_path / "x", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_golden_records_are_what_their_script_makes(tmp_path, monkeypatch):
    from tests.golden import make_records_small

    monkeypatch.setattr(make_records_small, "FILE", tmp_path / "records_small.jsonl")
    make_records_small.main()
    assert (tmp_path / "records_small.jsonl").read_bytes() == GOLDEN.read_bytes()
