"""HumanEval, HumanEval+ and MBPP in lm-eval's format: pass@1 of the greedy answer, run in ``mmv2.sandbox``.

Prompts, demonstrations, stops and budgets are those of lm-eval 0.4.13 (``humaneval_plus``, ``mbpp``). Its own tasks run
programs as the user that evaluates, with all that this user may do, and fetch the code that runs them from the network.
Another difference: MBPP's ``test_setup_code`` is run before the tests, which lm-eval leaves out; one of the 500 test
problems (367) needs it, and cannot be solved without.

HumanEval and HumanEval+ have the same prompts and columns. HumanEval+ has many more tests, so a score with the one's
tests is not the other's: they are separate tasks.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from mmv2 import sandbox
from mmv2.evaluation.persistent.table import harness_tasks
from mmv2.sandbox import Limits, Outcome

PACKAGES = ("numpy",)
"""The tests of HumanEval+ use it, and programs may."""
LIMITS = Limits()


def require(asked: bool) -> None:
    """Raise UserError unless running models' programs was asked for and can be contained here: before they are written.

    Args:
        asked: the user's setting.
    """
    sandbox.require(asked, PACKAGES)


def passes(program: str, tests: str) -> Outcome:
    """Run a program and then its tests, contained; raises UserError where they cannot be."""
    return sandbox.passes(program, tests, LIMITS, PACKAGES)


def score_function(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """HumanEval: the prompt is the beginning of a function, the answer the rest of it."""
    tests = f"{doc['test']}\ncheck({doc['entry_point']})"
    return {"pass@1": float(passes(doc["prompt"] + results[0], tests).passed)}


def score_program(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """MBPP: the answer is a whole program."""
    tests = "\n".join([doc["test_setup_code"], *doc["test_list"]])
    return {"pass@1": float(passes(results[0], tests).passed)}


def demonstrations() -> list[dict[str, Any]]:
    """MBPP's problems 2, 3 and 4, read from lm-eval's file as text: importing it needs the network."""
    tree = ast.parse((harness_tasks() / "mbpp" / "utils.py").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    last = functions["list_fewshot_samples"].body[-1]
    assert isinstance(last, ast.Return)
    assert last.value is not None
    found: list[dict[str, Any]] = ast.literal_eval(last.value)
    return found


_COMMON = {
    "output_type": "generate_until",
    "test_split": "test",
    "unsafe_code": True,  # lm-eval then asks for --confirm_run_unsafe_code
    "metric_list": [{"metric": "pass@1", "aggregation": "mean", "higher_is_better": True}],
}
HUMANEVAL = {
    **_COMMON,
    "doc_to_text": "{{prompt}}",
    "doc_to_target": "{{canonical_solution}}",
    "generation_kwargs": {
        "until": ["\nclass", "\ndef", "\n#", "\nif", "\nprint"],
        "max_gen_toks": 1024,
        "do_sample": False,
    },
    "process_results": score_function,
}
MBPP = {
    **_COMMON,
    "doc_to_text": "You are an expert Python programmer, and here is your task: {{text}} Your code should pass these "
    "tests:\n\n{{test_list[0]}}\n{{test_list[1]}}\n{{test_list[2]}}\n[BEGIN]\n",
    "doc_to_target": "{{code}}\n[DONE]",
    "target_delimiter": "",
    "fewshot_config": {"sampler": "first_n", "samples": demonstrations},
    "generation_kwargs": {"until": ["[DONE]"], "do_sample": False},
    "process_results": score_program,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "mmv2_humaneval": HUMANEVAL,
    "mmv2_humaneval_plus": HUMANEVAL,
    "mmv2_mbpp": MBPP,
}
"""By name; without data."""
