import gzip
import json

import pytest
from lm_eval.tasks._yaml_loader import load_yaml

from mmv2.errors import UserError
from mmv2.evaluation.persistent import code_problems
from mmv2.evaluation.persistent.code_problems import CONFIGS, HUMANEVAL, MBPP, demonstrations
from mmv2.evaluation.persistent.harness import load_task
from mmv2.evaluation.persistent.table import BENCHMARKS, harness_tasks
from tests.mmv2.sandbox.hostile import skip_without_containment

HUMANEVAL_FILE = "humaneval/data/HumanEval.jsonl.gz"
MBPP_FILE = "mbpp/data/mbpp.jsonl"
PLUS = [  # three problems in the layout of HumanEval+, made by hand
    {
        "prompt": f'def {name}(numbers):\n    """{text}"""\n',
        "entry_point": name,
        "test": "import numpy as np\ndef check(candidate):\n"
        f"    for row in ([1.0], [2.0, 0.5]):\n        assert np.allclose(candidate(row), np.{name}(row))\n",
        "canonical_solution": f"    return {solution}\n",
    }
    for name, text, solution in [
        ("sum", "The sum.", "0.5 * numbers[0] + 0.5 * numbers[0] + (numbers[1] if len(numbers) > 1 else 0)"),
        ("mean", "The mean.", "sum(numbers) / len(numbers)"),
        ("max", "The largest.", "sorted(numbers)[-1]"),
    ]
]


@pytest.fixture
def _containment():
    skip_without_containment()


@pytest.fixture
def humaneval(shared_data):
    with gzip.open(shared_data(HUMANEVAL_FILE), "rt") as file:
        return [json.loads(line) for line in file]


@pytest.fixture
def mbpp(shared_data):
    rows = [json.loads(line) for line in shared_data(MBPP_FILE).read_text().splitlines()]
    return {row["task_id"]: row for row in rows}


def score(config, doc, answer):
    return config["process_results"](doc, [answer])["pass@1"]


@pytest.mark.parametrize(("config", "file"), [(HUMANEVAL, "humaneval/humaneval.yaml"), (MBPP, "mbpp/mbpp.yaml")])
def test_prompts_and_stops_are_those_of_lm_eval(config, file):
    theirs = load_yaml(harness_tasks() / file, resolve_func=False)
    for key in ("doc_to_text", "generation_kwargs", "test_split", "output_type", "unsafe_code"):
        assert config[key] == theirs[key]
    assert config.get("target_delimiter") == theirs.get("target_delimiter")
    if "fewshot_config" in config:
        assert config["fewshot_config"]["sampler"] == theirs["fewshot_config"]["sampler"]


def test_humaneval_plus_is_asked_as_humaneval():
    theirs = load_yaml(harness_tasks() / "humaneval/humaneval_plus.yaml", resolve_func=False)
    assert theirs["doc_to_text"] == HUMANEVAL["doc_to_text"]
    assert CONFIGS["mmv2_humaneval_plus"] is CONFIGS["mmv2_humaneval"]


def test_demonstrations_are_problems_2_to_4(mbpp):
    for number, row in zip((2, 3, 4), demonstrations(), strict=True):
        assert {key: row[key] for key in ("task_id", "text", "code", "test_list")} == {
            key: mbpp[number][key] for key in ("task_id", "text", "code", "test_list")
        }


def test_the_whole_prompt_of_mbpp(tmp_path):
    row = {
        "task_id": 11,
        "text": "Write one.",
        "code": "one = 1",
        "test_list": ["assert one", "assert one == 1", "assert one < 2"],
        "test_setup_code": "",
    }
    (tmp_path / "mbpp").mkdir()
    (tmp_path / "mbpp" / "test.jsonl").write_text(json.dumps(row) + "\n")
    task = load_task(BENCHMARKS["mbpp"], "", 3, tmp_path)
    (request,) = task.requests(row, 0)

    def asked(row):
        tests = "\n".join(row["test_list"])
        start = f"You are an expert Python programmer, and here is your task: {row['text']}"
        return f"{start} Your code should pass these tests:\n\n{tests}\n[BEGIN]\n"

    shown = [f"{asked(one)}{one['code']}\n[DONE]" for one in demonstrations()]
    assert request.args[0] == "\n\n".join([*shown, asked(row)])
    assert request.args[1]["until"] == ["[DONE]"]


@pytest.mark.usefixtures("_containment")
class TestScores:
    def test_right_and_wrong_answers_to_humaneval(self, humaneval):
        for row in (humaneval[0], humaneval[32], humaneval[163]):
            assert score(HUMANEVAL, row, row["canonical_solution"]) == 1
            assert score(HUMANEVAL, row, "    return None\n") == 0

    def test_right_and_wrong_answers_to_mbpp(self, mbpp):
        for number in (11, 510):
            assert score(MBPP, mbpp[number], mbpp[number]["code"]) == 1
        assert score(MBPP, mbpp[11], mbpp[510]["code"]) == 0

    def test_the_code_before_the_tests_of_mbpp_is_run(self, mbpp):
        assert mbpp[367]["test_setup_code"]
        assert score(MBPP, mbpp[367], mbpp[367]["code"]) == 1
        assert score(MBPP, mbpp[367] | {"test_setup_code": ""}, mbpp[367]["code"]) == 0

    @pytest.mark.parametrize("row", PLUS, ids=lambda row: row["entry_point"])
    def test_tests_of_humaneval_plus_have_numpy(self, row):
        assert score(HUMANEVAL, row, row["canonical_solution"]) == 1
        assert score(HUMANEVAL, row, "    return -1\n") == 0

    @pytest.mark.parametrize(
        "answer", ["import os; os._exit(0)", "def check(candidate): pass\nraise SystemExit(0)", ""]
    )
    def test_an_answer_that_avoids_the_tests_has_not_passed(self, mbpp, answer):
        assert score(MBPP, mbpp[11], answer) == 0

    @pytest.mark.slow
    @pytest.mark.timeout(1800)
    def test_every_canonical_solution_passes(self, humaneval, mbpp):
        failed = [row["task_id"] for row in humaneval if not score(HUMANEVAL, row, row["canonical_solution"])]
        test_split = [mbpp[number] for number in range(11, 511)]
        failed += [row["task_id"] for row in test_split if not score(MBPP, row, row["code"])]
        assert failed == []

    def test_it_is_off_unless_asked_for(self):
        with pytest.raises(UserError, match="execute_code: true"):
            code_problems.require(asked=False)
        code_problems.require(asked=True)
