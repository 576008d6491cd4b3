"""What is kept of a suite: the small results, with what made them, all or nothing."""

import json

import pytest

from mmv2.errors import UserError
from mmv2.keep import keep

ORIGIN = {"environment": {"python": "3.11", "torch": "2.13"}, "device": "cpu"}


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results" / "small"
    for run, code in (("one.seed-1", "abc"), ("two.seed-1", "abc"), ("one.seed-2", "def")):
        final = folder / "runs" / run / "final"
        final.mkdir(parents=True)
        (final / "config.json").write_text(json.dumps({"provenance": {**ORIGIN, "code_version": code}}))
        (final / "model.safetensors").write_text("large")
        records = folder / "records" / run / "final"
        records.mkdir(parents=True)
        (records / "task.jsonl").write_text(json.dumps({"device": "cpu", "code_version": "def"}) + "\n")
    for name in ("tables/t.csv", "tables/t.md", "tables/t.tex", "figures/f.png", "figures/f.pdf", "claims.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_small_results_are_kept_with_what_made_them(results, tmp_path):
    target = tmp_path / "measured" / "small"
    keep(results, target)
    found = {file.relative_to(target).as_posix() for file in target.rglob("*") if file.is_file()}
    runs = {f"runs/{run}.json" for run in ("one.seed-1", "two.seed-1", "one.seed-2")}
    assert found == {"tables/t.csv", "tables/t.md", "figures/f.png", "claims.csv", "made_with.md", *runs}
    told = (target / "made_with.md").read_text()
    assert "snakemake --cores all --config suite=small\n" in told
    assert "- Trained in python 3.11, torch 2.13, device cpu, code abc: one.seed-1, two.seed-1.\n" in told
    assert "- Trained in python 3.11, torch 2.13, device cpu, code def: one.seed-2.\n" in told
    assert "- Evaluated in device cpu, code def: 3 files of records.\n" in told


def test_what_was_kept_before_is_gone(results, tmp_path):
    target = tmp_path / "measured" / "small"
    (target / "tables").mkdir(parents=True)
    (target / "tables" / "old.csv").touch()
    keep(results, target)
    assert not (target / "tables" / "old.csv").exists()


@pytest.mark.parametrize(("lost", "message"), [("config.json", "no trained models"), ("t.*", "no figures and tables")])
def test_an_unfinished_suite_takes_nothing_away(lost, message, results, tmp_path):
    target = tmp_path / "measured" / "small"
    keep(results, target)
    for file in [*results.rglob(lost), *(results.rglob("f.*") if lost == "t.*" else [])]:
        file.unlink()
    with pytest.raises(UserError, match=message):
        keep(results, target)
    assert (target / "tables" / "t.csv").exists()
