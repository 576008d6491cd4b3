"""What is kept of a suite: its small results, with what made them, all or nothing."""

import json
import os
from types import SimpleNamespace

import pytest

from mmv2.errors import UserError
from mmv2.keep import keep
from mmv2.provenance import code_version
from mmv2.suites import SuiteConfig

ORIGIN = {"environment": {"python": "3.11", "torch": "2.13"}, "device": "cpu"}
CODE = {"one.seed-1": "abc", "two.seed-1": "abc", "one.seed-2": "def"}
RUNS = {
    name: SimpleNamespace(
        name=name,
        init_from="one.seed-1" if name == "two.seed-1" else None,
        training=SimpleNamespace(milestones=(5,)),
        spec=SimpleNamespace(reductions=()),
    )
    for name in CODE
}
TABLE, FIGURE, OF_DOCUMENTS = "table03_ruler_qa_pretrained", "ruler_by_depth", "figure10_document_lengths"
SUITE = SuiteConfig.model_construct(
    name="small",
    tasks={"task": None},
    milestones={"task": (8,)},
    tables=(TABLE,),
    figures=(FIGURE, OF_DOCUMENTS),
    claims=("c",),
)
LATER = 4e9
"""A time after that of every file."""
SHOWN = [f"tables/{TABLE}.csv", f"tables/{TABLE}.md", "claims.csv", "claims.md", "claims.json"]
SHOWN += [f"figures/{name}.{ending}" for name in (FIGURE, OF_DOCUMENTS) for ending in ("png", "txt")]


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results" / "small"
    for run, code in {**CODE, "left.over": "old"}.items():
        final = folder / "runs" / run / "final"
        final.mkdir(parents=True)
        (final / "config.json").write_text(json.dumps({"provenance": {**ORIGIN, "code_version": code}}))
        (final / "model.safetensors").write_text("large")
        for name in ("final/task", "final/no_longer_asked", "step-00000005/task"):
            records = folder / "records" / run / f"{name}.jsonl"
            records.parent.mkdir(parents=True, exist_ok=True)
            records.write_text(json.dumps({"device": "cpu", "code_version": "def"}) + "\n")
    for name in (*SHOWN, f"tables/{TABLE}.tex", "tables/left_over.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def target(tmp_path):
    return tmp_path / "measured" / "small"


def test_the_suites_small_results_are_kept_with_what_made_them(results, target):
    keep(SUITE, RUNS, results, target)
    found = {file.relative_to(target).as_posix() for file in target.rglob("*") if file.is_file()}
    assert found == {*SHOWN, "made_with.md", *(f"runs/{run}.json" for run in RUNS)}
    told = (target / "made_with.md").read_text()
    assert "workflow/config/suites/small.yaml" in told
    assert (
        "- Exported after training in python 3.11, torch 2.13, device cpu, code abc: one.seed-1, two.seed-1.\n" in told
    )
    assert "- Exported after training in python 3.11, torch 2.13, device cpu, code def: one.seed-2.\n" in told
    assert "- Evaluated in device cpu, code def: 4 files of records.\n" in told, "one of a milestone"
    assert f"in code {code_version()}.\n" in told


def test_what_was_kept_before_is_gone(results, target):
    (target / "tables").mkdir(parents=True)
    (target / "tables" / "old.csv").touch()
    keep(SUITE, RUNS, results, target)
    assert not (target / "tables" / "old.csv").exists()


@pytest.mark.parametrize("lost", ["runs/two.seed-1/final/config.json", "records/one.seed-2/final/task.jsonl", *SHOWN])
def test_an_unfinished_suite_takes_nothing_away(lost, results, target):
    keep(SUITE, RUNS, results, target)
    (results / lost).unlink()
    with pytest.raises(UserError, match=f"{lost}: not there; build suite small to its end"):
        keep(SUITE, RUNS, results, target)
    assert (target / SHOWN[0]).exists()


@pytest.mark.parametrize("old", [name for name in SHOWN if OF_DOCUMENTS not in name])
def test_what_is_older_than_the_records_is_not_kept(old, results, target):
    records = results / "records" / "two.seed-1" / "step-00000005" / "task.jsonl"
    for name in {*SHOWN} - {old}:
        os.utime(results / name, (LATER, LATER))
    os.utime(records, (LATER, LATER))
    with pytest.raises(UserError, match=f"{old}: older than {records}; build suite small to its end"):
        keep(SUITE, RUNS, results, target)
    assert not target.exists()


@pytest.mark.parametrize(
    "newer", ["records/one.seed-1/final/no_longer_asked.jsonl", "records/left.over/final/task.jsonl"]
)
def test_records_that_nothing_is_made_of_may_be_newer(newer, results, target):
    os.utime(results / newer, (LATER, LATER))
    keep(SUITE, RUNS, results, target)


def test_what_is_made_of_documents_may_be_older_than_records(results, target):
    os.utime(results / "figures" / f"{OF_DOCUMENTS}.png", (0, 0))
    keep(SUITE, RUNS, results, target)
