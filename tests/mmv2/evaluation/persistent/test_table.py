"""The table of benchmarks against lm-eval's own files, the published table and the documentation."""

import csv
from pathlib import Path

import pytest
from lm_eval.tasks._yaml_loader import load_yaml

from mmv2.evaluation.persistent import code_problems, own_tasks
from mmv2.evaluation.persistent.rows import Row
from mmv2.evaluation.persistent.table import BENCHMARKS, PUBLISHED, harness_tasks
from tests.mmv2.evaluation.persistent.conftest import FIXTURES

ROOT = Path(__file__).parents[4]
STOCK = [one for one in BENCHMARKS.values() if one.yaml is not None]


def columns(name):
    with (ROOT / "results" / "published" / name).open(newline="") as file:
        return [column for column in next(csv.reader(file)) if column not in ("model", "context_length", "avg")]


def test_the_19_are_the_papers_in_its_order_and_groups():
    assert list(PUBLISHED) == columns("table01_persistent_19.csv")
    context = set(columns("table09_six_long_term_benchmarks.csv")) - {"params", "flops_per_token"}
    assert {name for name in PUBLISHED if BENCHMARKS[name].group == "context"} == context
    assert all(BENCHMARKS[name].group == "persistent" for name in set(PUBLISHED) - context)


def test_14_were_measured_on_real_files_and_the_others_have_hand_made_rows():
    measured = {name for name in PUBLISHED if BENCHMARKS[name].measured}
    assert len(measured) == 14
    for name in set(PUBLISHED) - measured:
        folder = FIXTURES / BENCHMARKS[name].folder
        assert all(
            (folder / subset / f"{BENCHMARKS[name].split}.jsonl").is_file() for subset in BENCHMARKS[name].subsets
        )


@pytest.mark.parametrize("one", STOCK, ids=lambda one: one.name)
def test_task_data_and_split_are_those_of_lm_evals_file(one):
    for subset, file in one.subsets.items():
        config = load_yaml(harness_tasks() / file, resolve_func=False)
        assert config["dataset_path"] == one.hub
        assert config.get("dataset_name") == (subset or one.hub_config)
        asked = config.get("test_split") or config["validation_split"]
        assert asked == one.split
        # Without a split to draw from, demonstrations are part of the task; and they are where there is no such split.
        drawn_from = config.get("fewshot_split") or config.get("training_split")
        fixed = "samples" in config.get("fewshot_config", {})
        assert one.shots_split == (None if fixed else drawn_from)
        assert config.get("num_fewshot", one.shots if one.shots_split else 0) == one.shots
        metric, _, name = one.metric.partition(",")
        assert metric in [item["metric"] for item in config.get("metric_list", [{"metric": "acc"}])]
        assert name in [item["name"] for item in config.get("filter_list", [{"name": "none"}])]
        assert config["task"].startswith(one.task.removesuffix("_continuation"))


def test_subsets_are_counted():
    numbers = {name: len(one.subsets) for name, one in BENCHMARKS.items() if len(one.subsets) > 1}
    assert numbers == {"mmlu_alt": 57, "mmlu_letters": 57, "bbh": 27, "math": 7}


def test_tasks_of_our_own_are_there_for_all_that_lm_eval_lacks():
    ours = {one.task for one in BENCHMARKS.values() if one.yaml is None}
    assert ours == {*own_tasks.CONFIGS, *code_problems.CONFIGS}
    assert {one.task for one in BENCHMARKS.values() if one.runs_code} == set(code_problems.CONFIGS)


def test_every_benchmark_names_the_columns_it_needs():
    assert all(issubclass(one.row, Row) and one.row.model_fields for one in BENCHMARKS.values())


def test_the_documented_table_is_the_one_in_the_code():
    lines = (ROOT / "docs" / "benchmarks.md").read_text().splitlines()
    assert set(documented()) <= set(lines), "write the rows that documented() gives into docs/benchmarks.md"


def documented():
    """The rows of the table in docs/benchmarks.md."""
    for one in BENCHMARKS.values():
        real = "yes" if one.measured else "not measured"
        config = f" ({one.hub_config})" if one.hub_config else ""
        yield (
            f"| {one.name} | {one.task} | {one.shots} | {one.metric} | {one.split} | {one.hub}{config} | "
            f"{one.licence} | {one.folder} | {real} |"
        )
