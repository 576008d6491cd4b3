"""What every table and figure of runs must fulfil, run over the registry; and the readers that they share."""

from pathlib import Path

import matplotlib
import pytest

from mmv2.data.document_lengths import DocumentLengths, SequenceLengths
from mmv2.errors import UserError
from mmv2.files import write_json
from mmv2.registry import entries
from mmv2.reporting.of_runs import (
    RunFigureSpec,
    RunTableSpec,
    mosaics,
    read_models,
    render_run_figure,
    render_run_table,
    runs_alike,
)
from mmv2.reporting.report_inputs import read_figure, read_table
from tests.mmv2.reporting.run_models import TRANSFORMER, mosaic, write_configs

PUBLISHED = Path(__file__).parents[3] / "results" / "published"
TABLES = sorted(name for name, spec in entries("table").items() if isinstance(spec, RunTableSpec))
FIGURES = sorted(name for name, spec in entries("figure").items() if isinstance(spec, RunFigureSpec))
MODELS = [mosaic(), mosaic("fixed", long_term_delay_range=(3, 3)), mosaic("long", init_from="mmv2"), TRANSFORMER]
TOLD = {"mmv2": "mmv2: Memory Mosaics v2, ", "fixed": "fixed: Memory M", "long": "long: Memory", "llama": "llama: Tr"}


@pytest.fixture
def files(tmp_path):
    """By what a table or figure is made of."""
    sequences = SequenceLengths(context=8, runs=("mmv2",), lengths=((2, 3), (8, 1)))
    lengths = DocumentLengths(
        corpus="tiny-1", source="tiny", num_tokens=14, documents=((2, 1), (12, 1)), sequences=(sequences,)
    )
    write_json(tmp_path / "lengths.json", lengths.model_dump(mode="json"))
    return {"models": write_configs(tmp_path, MODELS), "documents": [tmp_path / "lengths.json"]}


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_papers_items_without_answers_are_here():
    assert TABLES == ["table06_parametrisation"]
    assert [name[:8] for name in FIGURES] == ["figure02", "figure09", "figure10", "figure11"]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_written_in_three_forms_each_time_the_same(name, files, tmp_path):
    for folder in ("one", "two"):
        render_run_table(name, files["models"], tmp_path / folder / "table", PUBLISHED)
    one, two = content(tmp_path / "one"), content(tmp_path / "two")
    assert one == two
    assert set(one) == {"table.csv", "table.md", "table.tex"}
    assert b"nan" not in one["table.md"]
    assert read_table(tmp_path / "one" / "table.md").rows, "and the report reads it"


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_written_in_all_forms_each_time_the_same(name, files, tmp_path, monkeypatch):
    inputs = files[entries("figure")[name].made_of]
    render_run_figure(name, inputs, tmp_path / "one" / "figure")
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "red")
    render_run_figure(name, inputs, tmp_path / "two" / "figure")
    one, two = content(tmp_path / "one"), content(tmp_path / "two")
    assert one == two, "neither the clock nor the user's own settings may show"
    assert set(one) == {"figure.png", "figure.pdf", "figure.svg", "figure.txt"}
    found = read_figure(tmp_path / "one" / "figure.svg")
    assert found.title == entries("figure")[name].title
    assert " ".join(entries("figure")[name].caption.split()) in found.caption
    expected = ["tiny-1: 14 t"] if name.startswith("figure10") else [TOLD[run] for run in ("mmv2", "fixed", "long")]
    assert len(found.runs) == len(expected)
    assert all(line.startswith(start) for line, start in zip(found.runs, expected, strict=True)), found.runs


@pytest.mark.parametrize("name", [*TABLES, *(name for name in FIGURES if not name.startswith("figure10"))])
def test_without_memory_mosaics_it_says_so(name, tmp_path):
    render = render_run_table if name in TABLES else render_run_figure
    with pytest.raises(UserError, match="models: none of Memory Mosaics v2, only of transformer; name such a run"):
        render(name, write_configs(tmp_path, [TRANSFORMER]), tmp_path / "x")


def test_models_are_read_and_equal_ones_are_joined(tmp_path):
    same = [mosaic("one"), TRANSFORMER, mosaic("two"), mosaic("other", init_from="one", max_seq_len=64)]
    found = read_models(write_configs(tmp_path, same))
    assert found == same
    assert [runs for _, runs in mosaics(found)] == [["one", "two"], ["other"]]
    assert [runs_alike(["a", "b", "c", "d"][:number]) for number in (1, 2, 4)] == ["a", "a, b", "a and 3 more"]


def test_a_model_trained_with_several_seeds_is_one(tmp_path):
    files = []
    for seed in (1, 2):
        both = [mosaic(f"one.seed-{seed}"), mosaic(f"two.seed-{seed}", init_from=f"one.seed-{seed}", max_seq_len=64)]
        files += write_configs(tmp_path, both, seed)
    assert read_models(files) == [mosaic("one"), mosaic("two", init_from="one", max_seq_len=64)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"arch": "mmv2"}, r"x\.json: no config\.json of a final/ folder \(KeyError\('model'\)\)"),
        ([], r"x\.json: no config\.json of a final/ folder"),
        (
            {"arch": "no", "model": {}, "provenance": {"run": "a", "init_from": None, "seed": 1}},
            r"x\.json: arch: .*'no' is unknown",
        ),
        (
            {"arch": "mmv2", "model": {}, "provenance": {"run": "a", "init_from": None, "seed": 1}},
            r"x\.json: model\.vocab_size",
        ),
    ],
)
def test_a_damaged_config_is_told(content, message, tmp_path):
    write_json(tmp_path / "x.json", content)
    with pytest.raises(UserError, match=message):
        read_models([tmp_path / "x.json"])


def test_no_model_at_all_is_told():
    with pytest.raises(UserError, match=r"models: no file; name the final/config\.json"):
        read_models([])
