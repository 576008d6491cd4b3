"""What rendering adds to tables and figures; what each must fulfil is in test_contract.py."""

import struct
from pathlib import Path

import pytest

from mmv2.errors import UserError
from mmv2.records import write_records
from mmv2.reporting.render import render_figure, render_table
from mmv2.reporting.report_inputs import read_figure
from tests.golden.make_records_laptop import MOSAIC, TUNED, attention_records, ruler_records, write_metrics
from tests.golden.make_records_seeds import seeded
from tests.golden.make_records_small import ruler_qa_records

FIGURE, TABLE = "ruler_qa_over_length", "table04_ruler_qa_finetuned"
PUBLISHED = Path(__file__).parents[3] / "results" / "published"


def test_the_scale_of_every_run_is_that_of_its_own_last_step(tmp_path):
    steps = {"a": (5, 10), "b": (3,)}
    files = []
    for run, numbers in steps.items():
        for step in numbers:
            files.append(tmp_path / f"{run}-{step}.jsonl")
            changes = {"step": step, "tokens_seen": 1000 * step}
            write_records(files[-1], ruler_qa_records(run, "mmv2", "Memory Mosaics v2", {64: 0.5}, **changes))
    render_figure(FIGURE, files[::-1], [], tmp_path / "figure")
    assert (tmp_path / "figure.txt").read_text().split("\n\n")[-1].splitlines() == [
        "a: Memory Mosaics v2, 280,000 parameters, data budget 1, 10,000 training tokens at context 64",
        "b: Memory Mosaics v2, 280,000 parameters, data budget 1, 3,000 training tokens at context 64",
    ]


@pytest.mark.parametrize("name", ["attention_on_needle", "figure01_attention"])
def test_a_failed_check_stands_below_the_figure_in_text(tmp_path, name):
    records = list(attention_records(TUNED[0], 2))
    broken = [one.model_copy(update={"scores": {**one.scores, "in_reach": 0.5}}) for one in records]
    for told, these in (("passed", records), ("failed (s1-long, 32 tokens, lowest in_reach 0.500;", broken)):
        write_records(tmp_path / "x.jsonl", these)
        render_figure(name, [tmp_path / "x.jsonl"], [], tmp_path / name)
        assert f"\n\ncheck of reach: {told}" in (tmp_path / f"{name}.txt").read_text()
        found = read_figure(tmp_path / f"{name}.svg")
        assert f"check of reach: {told}" in found.caption, "and in the report"
        assert len(found.runs) == 1


def test_a_figure_of_metrics_has_no_remark_on_intervals_over_seeds(tmp_path):
    """Its shading is a range."""
    runs = seeded([MOSAIC], seeds=(1, 2))
    of_seeds = zip((1, 2), (ruler_records(run, 2) for run in runs), strict=True)
    records = [one.model_copy(update={"seed": seed}) for seed, these in of_seeds for one in these]
    write_records(tmp_path / "x.jsonl", records)
    for name, metrics in ((FIGURE, []), ("training_curves", write_metrics(tmp_path, runs))):
        render_figure(name, [tmp_path / "x.jsonl"], metrics, tmp_path / name)
        assert ("Student's t" in (tmp_path / f"{name}.txt").read_text()) == (name == FIGURE)


def test_a_figure_has_200_dots_per_inch(tmp_path):
    write_records(tmp_path / "x.jsonl", ruler_qa_records("a", "mmv2", "Memory Mosaics v2", {64: 0.5}))
    render_figure(FIGURE, [tmp_path / "x.jsonl"], [], tmp_path / "figure")
    png = (tmp_path / "figure.png").read_bytes()
    (per_metre,) = struct.unpack(">I", png[png.index(b"pHYs") + 4 :][:4])
    assert per_metre == round(200 / 0.0254)


def test_an_ending_like_part_of_a_name_is_kept(tmp_path):
    write_records(tmp_path / "x.jsonl", ruler_qa_records("a", "mmv2", "Memory Mosaics v2", {64: 0.5}, init_from="b"))
    render_figure(FIGURE, [tmp_path / "x.jsonl"], [], tmp_path / "out" / "fig.v1")
    render_table(TABLE, [tmp_path / "x.jsonl"], [], tmp_path / "out" / "fig.v1", PUBLISHED)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"fig.v1.{ending}" for ending in ("csv", "md", "tex", "png", "pdf", "svg", "txt")
    }


def test_damaged_records_leave_the_old_figure(tmp_path):
    (tmp_path / "x.jsonl").write_text("{}\n")
    (tmp_path / "figure.png").write_text("old")
    with pytest.raises(UserError, match=r"x\.jsonl: line 1: "):
        render_figure(FIGURE, [tmp_path / "x.jsonl"], [], tmp_path / "figure")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.png", "x.jsonl"]
    assert (tmp_path / "figure.png").read_text() == "old"
