"""What is kept of a suite: its small results, with what made them, all or nothing."""

import json

import pytest

from mmv2.errors import UserError
from mmv2.keep import keep
from mmv2.provenance import code_version
from mmv2.suites import SuiteConfig

ORIGIN = {"environment": {"python": "3.11", "torch": "2.13"}, "device": "cpu"}
RUNS = {"one.seed-1": "abc", "two.seed-1": "abc", "one.seed-2": "def"}
CLAIMS = ("claims.csv", "claims.md", "claims.json")
SUITE = SuiteConfig.model_construct(name="small", tables=("t",), figures=("f",), claims=("c",))


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results" / "small"
    for run, code in {**RUNS, "left.over": "old"}.items():
        final = folder / "runs" / run / "final"
        final.mkdir(parents=True)
        (final / "config.json").write_text(json.dumps({"provenance": {**ORIGIN, "code_version": code}}))
        (final / "model.safetensors").write_text("large")
        records = folder / "records" / run / "final"
        records.mkdir(parents=True)
        (records / "task.jsonl").write_text(json.dumps({"device": "cpu", "code_version": "def"}) + "\n")
    files = ["t.csv", "t.md", "t.tex", "left_over.csv"]
    for name in (*(f"tables/{file}" for file in files), "figures/f.png", "figures/f.txt", *CLAIMS):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def target(tmp_path):
    return tmp_path / "measured" / "small"


def test_the_suites_small_results_are_kept_with_what_made_them(results, target):
    keep(SUITE, list(RUNS), results, target)
    found = {file.relative_to(target).as_posix() for file in target.rglob("*") if file.is_file()}
    shown = {"tables/t.csv", "tables/t.md", "figures/f.png", "figures/f.txt", *CLAIMS}
    assert found == {*shown, "made_with.md", *(f"runs/{run}.json" for run in RUNS)}
    told = (target / "made_with.md").read_text()
    assert "workflow/config/suites/small.yaml" in told
    assert (
        "- Exported after training in python 3.11, torch 2.13, device cpu, code abc: one.seed-1, two.seed-1.\n" in told
    )
    assert "- Exported after training in python 3.11, torch 2.13, device cpu, code def: one.seed-2.\n" in told
    assert "- Evaluated in device cpu, code def: 3 files of records.\n" in told
    assert f"in code {code_version()}.\n" in told


def test_what_was_kept_before_is_gone(results, target):
    (target / "tables").mkdir(parents=True)
    (target / "tables" / "old.csv").touch()
    keep(SUITE, list(RUNS), results, target)
    assert not (target / "tables" / "old.csv").exists()


@pytest.mark.parametrize("lost", ["runs/two.seed-1/final/config.json", "tables/t.md", "figures/f.txt", "claims.md"])
def test_an_unfinished_suite_takes_nothing_away(lost, results, target):
    keep(SUITE, list(RUNS), results, target)
    (results / lost).unlink()
    with pytest.raises(UserError, match=f"{lost}: not there; build suite small to its end"):
        keep(SUITE, list(RUNS), results, target)
    assert (target / "tables" / "t.csv").exists()
