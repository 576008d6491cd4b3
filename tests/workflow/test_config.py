"""The shipped YAML files load, the schemas are theirs, and what is wrong in one is told before any job starts."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from mmv2.schemas import FOLDER, schemas
from mmv2.suites import load_suite

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "workflow" / "config" / "runs"
SUITES = sorted((ROOT / "workflow" / "config" / "suites").glob("*.yaml"))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_every_suite_loads(path):
    suite, runs = load_suite(path, RUNS)
    assert suite.name == path.stem
    assert runs


def test_every_run_file_belongs_to_a_suite():
    suites = [load_suite(path, RUNS)[0] for path in SUITES]
    used = {reference for suite in suites for reference in (*suite.runs, *(suite.search.runs if suite.search else ()))}
    files = {path.relative_to(RUNS).with_suffix("").as_posix() for path in RUNS.rglob("[!_]*.yaml")}
    assert files == used


def test_schemas_are_up_to_date():
    written = {path.name: json.loads(path.read_text()) for path in (ROOT / FOLDER).glob("*.json")}
    assert written == schemas(), "run python -m mmv2.schemas"


def schema_of(path):
    kind = {"runs": "run", "suites": "suite", "config": "config"}
    return next(kind[part] for part in reversed(path.parts) if part in kind)


@pytest.mark.parametrize("path", sorted((ROOT / "workflow" / "config").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_yaml_file_fits_its_schema_and_a_misspelt_key_does_not(path):
    schema = schemas()[f"{schema_of(path)}.schema.json"]
    content = yaml.safe_load(path.read_text())
    jsonschema.validate(content, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, "mispelt": 1}, schema)


@pytest.fixture
def checkout(tmp_path):
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("results/published", "mmv2/reporting", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", tmp_path)
    return tmp_path


def dry_run(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--config", "suite=smoke", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


MISTAKES = {
    "misspelt key": (
        "runs/smoke/mmv2.yaml",
        "long_term_delay:",
        "long_term_dealy:",
        "mmv2.yaml: model.long_term_dealy: unknown key; did you mean 'long_term_delay'? allowed: ",
    ),
    "width": ("runs/smoke/_base.yaml", "num_heads: 4", "num_heads: 5", "model.hidden_size: 32 is not divisible by"),
    "window": ("runs/smoke/mmv2.yaml", "short_term_window: 16", "short_term_window: 1", "short_term_window: input"),
    "empty range": ("runs/smoke/mmv2.yaml", "[4, 16]", "[16, 4]", "model.long_term_delay_range: [16, 4] is empty"),
    "beyond context": ("runs/smoke/mmv2.yaml", "[4, 16]", "[4, 128]", "a delay of 128 is beyond the context of 128"),
    "hole": ("runs/smoke/mmv2.yaml", "[4, 16]", "[4, 20]", "in neither memory; use m <= 16, or set allow_memory_gap"),
    "number as text": ("runs/smoke/_base.yaml", "3.0e-3", "3e-3", "learning_rate: input should be a valid number"),
    "architecture": ("runs/smoke/mmv2.yaml", "arch: mmv2", "arch: mmv3", "arch: architecture 'mmv3' is unknown; did"),
    "data": ("runs/smoke/_base.yaml", "budget: 1.0", "budget: 9.0", "budget: the run needs 180000 tokens, the corpus"),
    "batch": (
        "runs/smoke/_base.yaml",
        "global_batch_size: 8",
        "global_batch_size: 8\n  micro_batch_size: 3",
        "training.micro_batch_size: 3",
    ),
    "milestone": (
        "runs/smoke/_long.yaml",
        "milestones: [1]",
        "milestones: [1, 5]",
        "training.milestones: 5 comes after the run's last step 4",
    ),
    "init_from": ("runs/smoke/mmv2_long.yaml", "init_from: mmv2", "init_from: mmv4", "init_from 'mmv4', which is not"),
    "task": (
        "suites/smoke.yaml",
        "ruler_qa:",
        "ruler_aq:",
        "tasks: task 'ruler_aq' is unknown; did you mean 'ruler_qa'",
    ),
    "table": ("suites/smoke.yaml", "- table04", "- table40", "tables: table 'table40_ruler_qa_finetuned' is unknown"),
    "claim": ("suites/smoke.yaml", "- persistent_parity", "- parity", "claims: claim 'parity' is unknown; "),
    "repeated key": ("runs/smoke/_base.yaml", "budget: 1.0", "budget: 1.0\nbudget: 2.0", "key 'budget' stands twice"),
}


@pytest.mark.parametrize(("file", "old", "new", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_in_one_line(checkout, file, old, new, message):
    edit(checkout / "workflow" / "config" / file, old, new)
    with pytest.raises(Exception, match=r"^[^\n]*$") as error:
        load_suite(checkout / "workflow/config/suites/smoke.yaml", checkout / "workflow/config/runs")
    assert message in str(error.value)


def test_the_workflow_stops_with_that_line_before_any_job(checkout):
    edit(checkout / "workflow/config/runs/smoke/mmv2.yaml", "long_term_delay:", "long_term_dealy:")
    done = dry_run(checkout)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Using workflow specific profile")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: workflow/config/runs/smoke/mmv2.yaml: model.long_term_dealy: unknown key")


@pytest.mark.parametrize("suite", [path.stem for path in SUITES])
def test_every_suite_can_be_planned_without_its_data(checkout, suite):
    done = dry_run(checkout, f"suite={suite}")
    assert done.returncode == 0, done.stderr
    assert "corpus" in done.stdout
