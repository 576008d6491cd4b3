"""Results in the repository are of the runs that its run files describe."""

from pathlib import Path

import pytest

from mmv2.files import read_json
from mmv2.suites import load_suite
from mmv2.training.export import settings

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "workflow" / "config"
KEPT = sorted((ROOT / "results" / "measured").glob("*/runs"))


@pytest.mark.parametrize("folder", KEPT, ids=lambda folder: folder.parent.name)
def test_kept_runs_are_those_of_the_run_files(folder):
    """Else README and docs would tell of trainings that nobody can repeat from this commit."""
    _, runs = load_suite(CONFIG / "suites" / f"{folder.parent.name}.yaml", CONFIG / "runs")
    kept = {file.stem: read_json(file)["provenance"] for file in folder.iterdir()}
    assert set(kept) == set(runs)
    for name, run in runs.items():
        told = {**kept[name]["settings"], "init_from": kept[name]["init_from"], "budget": kept[name]["budget"]}
        asked = {**settings(run), "init_from": run.init_from, "budget": _budget(name, runs)}
        both = set(told) & set(asked)  # a setting that came later is at its default
        assert len(both) > 20
        assert {key: told[key] for key in both} == {key: asked[key] for key in both}, name


def _budget(name, runs):
    """Of the pre-training."""
    source = runs[name].init_from
    return _budget(source, runs) if source else runs[name].budget


def test_there_are_kept_runs():
    assert {folder.parent.name for folder in KEPT} >= {"laptop", "laptop_full", "search"}
