"""What every table and figure must fulfil, drawn from synthetic golden records, run over the registry."""

from collections import Counter
from functools import cache
from pathlib import Path

import matplotlib
import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.records import read_records, write_records
from mmv2.registry import entries
from mmv2.reporting.metrics import read_metrics
from mmv2.reporting.of_runs import RunFigureSpec, RunTableSpec
from mmv2.reporting.published import read_published
from mmv2.reporting.render import render_figure, render_table
from mmv2.reporting.style import style
from mmv2.reporting.variants import ablated
from tests.golden import make_records_small
from tests.golden.make_records_ablations import PARTS, ablation_records
from tests.golden.make_records_laptop import write_metrics

pytestmark = pytest.mark.usefixtures("few_resamplings")
ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "results" / "published"
MAIN = ["s1-long", "s4-long"]
RUNS = ["s1", "s1-long", "s2", "s2-long", "s3", "s3-long", "s4", "s4-long", "s5", "s5-long"]
COMPRESSION = sorted(f"{name}-long" for name in ("mosaic", "mosaic-small", "transformer", "transformer-small", "mamba"))
SHOWN = {
    "table01_persistent": MAIN,
    "table02_persistent_without_long_term": MAIN,
    "table03_ruler_qa_pretrained": ["s1", "s4"],
    "table04_ruler_qa_finetuned": MAIN,
    "table05_ruler_qa_more_data": ["s1-long", "s3-long", "s4-long", "s5-long"],
    "table07_compression_methods_ruler": COMPRESSION,
    "table08_compression_methods_many_shot": COMPRESSION,
    "table09_six_long_term": MAIN,
    "table10_ruler_qa_without_long_term": ["s1-long"],
    "table11_public_models": MAIN,
    "table12_stochastic_delay": ["s1", "s2"],
    "table13_ruler_s_niah": MAIN,
    "table_bits_per_byte": RUNS,
    "table_many_shot": [f"s{number}-long" for number in range(1, 6)],
    "table_ruler_by_depth": ["s1", "s1-long", "s4", "s4-long"],
    "table_search": RUNS,
}
"""Per table, the golden runs that it has rows of. A new table adds one line."""
VARIANTS = ["mosaic", "mosaic-long", "transformer", "transformer-long"]
DRAWN = {
    "ablation_bandwidth": sorted([*VARIANTS, "constant", "constant-long"]),
    "ablation_delay": sorted([*VARIANTS, "shortest", "shortest-long", "longest", "longest-long"]),
    "ablation_memory": sorted(
        [
            *VARIANTS,
            *(
                f"{name}{end}"
                for name in ("leaky", "plain", "rotary", "short-alone", "v1", "v1-ffn")
                for end in ("", "-long")
            ),
        ]
    ),
    "attention_on_needle": MAIN,
    "bits_per_byte_by_position": RUNS,
    "figure01_attention": ["s1", "s1-long", "s4", "s4-long"],
    "figure03_semantic_labels": MAIN,
    "figure04_anonymous_labels": MAIN,
    "figure05_long_short": ["mosaic-long", "part-long_short-long", "transformer-long"],
    "figure06_semantic_labels_more_data": ["s1-long", "s3-long", "s4-long", "s5-long"],
    "figure07_anonymous_labels_more_data": ["s1-long", "s3-long", "s4-long", "s5-long"],
    "figure08_fine_tuning_steps": MAIN,
    "figure12_accuracy_over_cost": ["mosaic-long", "mosaic-small-long", "transformer-long", "transformer-small-long"],
    "figure13_semantic_labels_small": ["mosaic-small-long", "transformer-small-long"],
    "figure14_anonymous_labels_small": ["mosaic-small-long", "transformer-small-long"],
    "in_context_further": MAIN,
    "memory_parameters": ["s1", "s1-long", "s4", "s4-long"],
    "parts_of_a_transformer": sorted(["mosaic", "transformer", "parts-all", *(f"part-{part}" for part in PARTS)]),
    "ruler_by_depth": MAIN,
    "ruler_qa_over_length": RUNS,
    "search_curves": RUNS,
    "training_curves": RUNS,
}
"""Per figure, the golden runs that it draws. A new figure adds one line."""
OF_ABLATIONS = {name for name, runs in {**SHOWN, **DRAWN}.items() if not set(runs) <= set(RUNS)}
"""Tables and figures of models that only the golden records of ablations have."""
ABOUT = {
    "parts_of_a_transformer": "transformer",
    **dict.fromkeys(("ablation_bandwidth", "ablation_delay", "ablation_memory"), "mmv2"),
}
"""Figures of differences to one architecture, or of variants of one: without it they say that it is not there."""
OF_NO_TASK = {"table_search", "search_curves", "training_curves"}
"""What shows whatever tasks the records are of."""


@pytest.fixture(scope="session")
def ablations_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("golden") / "records_ablations.jsonl"
    write_records(file, ablation_records())
    return file


@pytest.fixture
def golden_file(request, golden_file, ablations_file):
    """The golden records that hold what the table or figure is about."""
    told = getattr(request.node, "callspec", None)
    names = {told.params.get(kind) for kind in ("table", "figure", "name")} if told else set()
    return ablations_file if names & OF_ABLATIONS else golden_file


@pytest.fixture
def golden(golden_file):
    return _read(golden_file).copy()


@cache
def _read(file):
    return read_records(file)


@pytest.fixture(scope="session")
def metrics(tmp_path_factory):
    return write_metrics(tmp_path_factory.mktemp("metrics"))


def build(name, records, metrics):
    """The table of these records."""
    spec = entries("table")[name]
    published = [read_published(PUBLISHED / spec.published)] if spec.published else []
    return spec.build(records, *published, *([read_metrics(metrics)] if spec.metrics else []))


def draw(name, records, metrics):
    """The figure of these records."""
    spec = entries("figure")[name]
    return spec.draw(records, *([read_metrics(metrics)] if spec.metrics else []))


TABLES = sorted(name for name, spec in entries("table").items() if not isinstance(spec, RunTableSpec))
FIGURES = sorted(name for name, spec in entries("figure").items() if not isinstance(spec, RunFigureSpec))
"""Those that are made of records."""


@pytest.fixture(params=TABLES)
def table(request):
    return request.param


@pytest.fixture(params=FIGURES)
def figure(request):
    return request.param


def files(folder, stem):
    return {path.name.removeprefix(stem): path.read_bytes() for path in folder.iterdir()}


def test_a_table_is_written_in_three_forms_each_time_the_same(table, tmp_path, metrics, golden_file):
    for name in ("one", "two"):
        render_table(table, [golden_file], metrics, tmp_path / name / "table", PUBLISHED)
    assert set(files(tmp_path / "one", "table")) == {".csv", ".md", ".tex"}
    assert files(tmp_path / "one", "table") == files(tmp_path / "two", "table")


def test_a_table_shows_the_runs_that_it_is_about_and_its_caption(table, tmp_path, metrics, golden_file):
    render_table(table, [golden_file], metrics, tmp_path / "table", PUBLISHED)
    for ending in (".csv", ".md", ".tex"):
        text = (tmp_path / f"table{ending}").read_text()
        assert "nan" not in text.lower()
        assert "None" not in text
    rows = pd.read_csv(tmp_path / "table.csv")
    names = rows["run"] if table == "table_search" else rows["source"].str.extract("measured: (?!no model)(.*)")[0]
    assert sorted(set(names.dropna())) == SHOWN[table]
    assert entries("table")[table].caption in (tmp_path / "table.md").read_text()


def test_every_number_of_a_table_that_was_measured_has_an_interval(table, golden, metrics):
    found = build(table, golden, metrics)
    about = {"seed", "loss", "parameters", "FLOPs per token"}
    about |= {"training tokens", "fine-tuning tokens", "training context"}
    measured = found if table == "table_search" else found[found["source"].str.fullmatch("measured: (?!no model).*")]
    cells = [cell for name in found if name not in about for cell in measured[name] if not isinstance(cell, str)]
    assert any(isinstance(cell, Interval) for cell in cells)
    assert all(cell is None or isinstance(cell, Interval) for cell in cells)


def test_published_rows_hold_every_number_of_the_papers_file_and_no_other(table, golden, metrics):
    spec = entries("table")[table]
    if spec.published is None:
        assert "source" not in (found := build(table, golden, metrics)) or "published" not in set(found["source"])
        return
    rows = build(table, golden, metrics).query("source == 'published'")
    paper = read_published(PUBLISHED / spec.published)
    assert len(rows) == len(paper)
    for _, one in paper.iterrows():
        numbers = [float(cell) for cell in one if isinstance(cell, float) and not pd.isna(cell)]
        shown = [[cell for cell in row if isinstance(cell, float)] for row in rows.itertuples(index=False)]
        assert any(not (Counter(numbers) - Counter(row)) for row in shown), one["model"]


def test_a_table_leaves_its_inputs_as_they_are(table, golden, metrics):
    before = golden.copy()
    build(table, golden, metrics)
    pd.testing.assert_frame_equal(golden, before)


def test_a_figure_leaves_its_inputs_as_they_are(figure, golden, metrics):
    before = golden.copy()
    draw(figure, golden, metrics)
    pd.testing.assert_frame_equal(golden, before)


@pytest.mark.parametrize("name", sorted({*TABLES, *FIGURES} - OF_NO_TASK))
def test_without_records_of_its_task_it_says_so(name, golden, metrics):
    with pytest.raises(UserError, match=r"records: none of task \w+( or \w+)?, only of other"):
        build(name, golden.assign(task="other"), metrics) if name in SHOWN else draw(
            name, golden.assign(task="other"), metrics
        )


def renamed(records, arch):
    """The records as if an architecture that nobody knows, so of no known options, had answered in place of one."""
    records = records[~ablated(records) | records["arch"].ne(arch)]
    theirs = records["arch"] == arch
    return records.assign(arch=records["arch"].where(~theirs, "own"), label=records["label"].where(~theirs, "Own"))


@pytest.mark.parametrize(("arch", "label"), [("mmv2", "Memory Mosaics v2"), ("transformer", "Transformer")])
def test_an_unknown_architecture_has_the_rows_that_a_known_one_would_have(table, arch, label, golden, metrics):
    own = renamed(golden, arch)
    before, after = (build(table, records, metrics) for records in (golden.loc[own.index], own))
    before, after = (
        sorted(found["model"] if table == "table_search" else found["model"][found["source"] != "published"])
        for found in (before, after)
    )
    assert after == sorted(model.replace(label, "Own") for model in before)


@pytest.mark.parametrize("arch", ["mmv2", "transformer"])
def test_an_unknown_architecture_is_drawn_too(figure, arch, golden, metrics):
    if ABOUT.get(figure) == arch:
        with pytest.raises(UserError, match=r"records: .*; give the suite"):
            draw(figure, renamed(golden, arch), metrics)
        return
    (legend,) = draw(figure, renamed(golden, arch), metrics).legends
    assert any(text.get_text().startswith("Own") for text in legend.get_texts())


def test_a_figure_is_written_in_all_forms_each_time_the_same(figure, tmp_path, monkeypatch, metrics, golden_file):
    render_figure(figure, [golden_file], metrics, tmp_path / "one" / "figure")
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "red")
    render_figure(figure, [golden_file], metrics, tmp_path / "two" / "figure")
    one, two = files(tmp_path / "one", "figure"), files(tmp_path / "two", "figure")
    assert set(one) == {".png", ".pdf", ".svg", ".txt"}
    assert one == two, "neither the clock nor the user's own settings may show"
    assert b"Date" not in one[".pdf"]
    assert matplotlib.rcParams["axes.facecolor"] == "red", "the user's settings are given back"
    text = one[".txt"].decode()
    assert entries("figure")[figure].caption in text
    told = [line.partition(": ")[0] for line in text.strip().rpartition("\n\n")[2].splitlines()]
    assert told == DRAWN[figure], "the scale of every run that is drawn, and of no other"


def test_axes_of_a_figure_are_labelled_and_its_legend_covers_none(figure, golden, metrics):
    with style():
        drawn = draw(figure, golden, metrics)
        drawn.draw_without_rendering()
    panels = [axes for axes in drawn.axes if axes.axison]
    assert any(axes.get_ylabel() for axes in panels)
    lowest = [axes for axes in panels if axes.get_subplotspec().rowspan.stop == axes.get_gridspec().nrows]
    assert all(axes.get_xlabel() for axes in lowest)
    (legend,) = drawn.legends
    assert legend.get_window_extent().y1 <= min(axes.get_tightbbox().y0 for axes in panels)
    labels = [text.get_text() for text in legend.get_texts()]
    assert len(labels) == len(set(labels))


def test_an_unknown_name_is_told_with_the_choices(tmp_path, metrics, golden_file):
    with pytest.raises(UserError, match=r"table 'table4' is unknown; .*table04_ruler_qa_finetuned"):
        render_table("table4", [golden_file], metrics, tmp_path / "x", PUBLISHED)
    with pytest.raises(UserError, match=r"figure 'ruler' is unknown; .*ruler_qa_over_length"):
        render_figure("ruler", [golden_file], [], tmp_path / "x")


@pytest.mark.parametrize("name", [name for name in TABLES if entries("table")[name].published])
def test_missing_published_numbers_are_told(name, tmp_path, metrics, golden_file):
    with pytest.raises(UserError, match=r"\.csv: no such file; run from the repository"):
        render_table(name, [golden_file], metrics, tmp_path / "x", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_golden_records_are_what_their_script_makes(tmp_path, monkeypatch):
    kept = make_records_small.FILE.read_bytes()
    monkeypatch.setattr(make_records_small, "FILE", tmp_path / "records.jsonl")
    make_records_small.main()
    assert (tmp_path / "records.jsonl").read_bytes() == kept
