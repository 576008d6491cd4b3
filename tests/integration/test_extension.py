"""What a user adds stands beside what is there, in as few files as CONTRIBUTING says: architecture, task, figure.

Each is added to a copy of the repository, which nothing but the new files and one suite file tells of it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mmv2.config import read_yaml
from mmv2.files import sha256
from mmv2.records import write_records
from tests.golden.make_records_small import ruler_qa_records

ROOT = Path(__file__).parents[2]
SUITE = "workflow/config/suites/smoke.yaml"
CONFIG = """
from baselines.transformer.config import TINY, TransformerConfig

class OwnConfig(TransformerConfig):
    own_setting: int = 3

TINY = OwnConfig(**TINY.model_dump())
"""
MODEL = """
from baselines.transformer.model import transformer as own
"""
SPEC = """
from dataclasses import replace
from baselines.own.config import TINY, OwnConfig
from baselines.transformer import MODEL_SPEC as BASE

def build(config):
    from baselines.own.model import own
    return own(config)

MODEL_SPEC = replace(BASE, name="own", label="Own model", config=OwnConfig, build=build, sizes={}, tiny=TINY,
                     packages=("baselines.own", *BASE.packages))
"""
FIGURE = '''"""Own figure."""
from dataclasses import replace
from mmv2.reporting.figures.ruler_qa_over_length import FIGURE as BASE

FIGURE = replace(BASE, title="Own figure")
'''
TASK = '''"""Own task."""
from mmv2.evaluation.tasks.ruler_qa import TASK as TASK
'''


def hashes(folder):
    return {
        file.relative_to(folder).as_posix(): sha256(file)
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture
def copy(tmp_path):
    """The repository's code with a suite of one run and hardly any steps."""
    for name in ("mmv2", "baselines", "workflow", "results/published"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    base, suite = read_yaml(tmp_path / "workflow/config/runs/smoke/_base.yaml"), read_yaml(tmp_path / SUITE)
    base["training"] |= {"max_steps": 1, "warmup_steps": 1}
    base["corpus"] |= {"largest_budget": 1.0}
    tasks = {"ruler_qa": {**suite["tasks"]["ruler_qa"], "context_lengths": [128, 256], "examples_per_length": 2}}
    suite = {"runs": ["smoke/transformer"], "tasks": tasks, "tables": ["table03_ruler_qa_pretrained"]}
    (tmp_path / "workflow/config/runs/smoke/_base.yaml").write_text(yaml.safe_dump(base))
    (tmp_path / SUITE).write_text(yaml.safe_dump(suite))
    return tmp_path


def add(copy, files, **named):
    """Write files and name things in the suite; gives what was touched."""
    before = hashes(copy)
    for name, content in files.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(content)
    suite = read_yaml(copy / SUITE)
    for key, value in named.items():
        suite[key] = {**suite[key], **value} if isinstance(value, dict) else [*suite.get(key, []), *value]
    (copy / SUITE).write_text(yaml.safe_dump(suite))
    after = hashes(copy)
    return {name for name in after if after[name] != before.get(name)}


def mmv2(copy, *arguments):
    command = [sys.executable, "-m", "mmv2", *map(str, arguments)]
    environment = {"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[-3000:]


def planned(copy):
    """The runs and names of a suite's parts as the workflow plans them."""
    code = (
        "from pathlib import Path; from mmv2.suites import load_suite; "
        f"suite, runs = load_suite(Path('{SUITE}'), Path('workflow/config/runs')); "
        "print({**{one.name: one.arch for one in runs.values()}, **dict.fromkeys((*suite.tasks, *suite.figures))})"
    )
    environment = {"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_an_architecture_is_four_new_files_and_a_line_of_a_suite(copy):
    run = "workflow/config/runs/smoke/own.yaml"
    files = {
        f"baselines/own/{name}.py": text for name, text in {"config": CONFIG, "model": MODEL, "__init__": SPEC}.items()
    }
    files[run] = "base: _base.yaml\narch: own\nmodel:\n  own_setting: 4\n"
    assert add(copy, files, runs=["smoke/own"]) == {*files, SUITE}
    assert "'own': 'own'" in planned(copy)
    mmv2(copy, "data", run, "--output", "corpus")
    mmv2(copy, "freeze", SUITE, "ruler_qa", "--corpus", "corpus", "--output", "frozen.jsonl")
    for name in ("own", "transformer"):
        file = f"workflow/config/runs/smoke/{name}.yaml"
        mmv2(copy, "train", file, "--corpus", "corpus", "--output", name, "--device", "cpu")
        mmv2(copy, "evaluate", f"{name}/final", "frozen.jsonl", "--output", f"{name}.jsonl", "--device", "cpu")
    mmv2(copy, "render", "table", "table03_ruler_qa_pretrained", "own.jsonl", "transformer.jsonl", "--output", "table")
    table = pd.read_csv(copy / "table.csv")
    assert {"Own model", "Transformer"} <= set(table["model"][table["source"] != "published"])


def test_a_figure_is_one_new_file_and_a_line_of_a_suite(copy):
    file = "mmv2/reporting/figures/own_figure.py"
    assert add(copy, {file: FIGURE}, figures=["own_figure"]) == {file, SUITE}
    assert "'own_figure'" in planned(copy)
    write_records(copy / "records.jsonl", ruler_qa_records("one", "mmv2", "M", {64: 0.5, 128: 0.5}))
    mmv2(copy, "render", "figure", "own_figure", "records.jsonl", "--output", "figure")
    assert (copy / "figure.txt").read_text().startswith("Own figure. ")


def test_a_task_is_one_new_file_and_its_settings_in_a_suite(copy):
    file = "mmv2/evaluation/tasks/own_task.py"
    settings = read_yaml(copy / SUITE)["tasks"]["ruler_qa"]
    assert add(copy, {file: TASK}, tasks={"own_task": settings}) == {file, SUITE}
    assert "'own_task'" in planned(copy)
