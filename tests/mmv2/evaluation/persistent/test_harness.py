"""lm-eval's task objects on local rows: its prompts, its scores; demonstrations depend on the question alone."""

import json

import pytest

from mmv2.errors import UserError
from mmv2.evaluation.persistent import harness
from mmv2.evaluation.persistent.harness import PersistentTask, load_task, score_name
from mmv2.evaluation.persistent.table import BENCHMARKS

ARC = {"question": "Which is red?", "choices": {"text": ["a rose", "the sea"], "label": ["A", "B"]}, "answerKey": "A"}
PROMPTS = {
    "obqa": "{question_stem}",
    "arc_easy": "Question: {question}\nAnswer:",
    "arc_challenge": "Question: {question}\nAnswer:",
    "piqa": "Question: {goal}\nAnswer:",
    "boolq": "{passage}\nQuestion: {question}?\nAnswer:",
    "nq": "Answer these questions:\n\nQ: {question}?\nA:",
    "siqa": "Q: {context} {question}\nA:",
    "tqa": "Question: {question}?\nAnswer:",
    "humaneval_plus": "{prompt}",
    "humaneval": "{prompt}",
    "squad": "Title: {title}\n\nBackground: {context}\n\nQuestion: {question}\n\nAnswer:",
    "race_middle": "Article: {article}\n\nQuestion: {question}\nAnswer:",
    "race_high": "Article: {article}\n\nQuestion: {question}\nAnswer:",
}
"""Whole prompts of benchmarks without demonstrations, from the columns of their rows."""
ENDS = {
    "gsm8k": ("\n\nQ: {question}", "\nA:"),
    "mmlu_alt": ("\n\nQuestion: {question}", "\nAnswer:"),
    "bbh": ("\n\nQ: {input}", "\nA: Let's think step by step.\n"),
    "math": ("\n\nProblem:\n{problem}", "\n\nSolution:"),
    "mbpp": (
        "\n[DONE]\n\nYou are an expert Python programmer, and here is your task: {text} Your code should pass these "
        "tests:\n\n{test_list[0]}\n{test_list[1]}\n{test_list[2]}",
        "\n[BEGIN]\n",
    ),
    "mmlu_letters": ("\n\n{question}\nA. {choices[0]}\nB. {choices[1]}\nC. {choices[2]}\nD. {choices[3]}", "\nAnswer:"),
}
"""How prompts end after a description or demonstrations, each of which has the last part too."""


def task_of(name, **splits):
    one = BENCHMARKS[name]
    shots = splits.pop("shots", one.shots)
    return PersistentTask(one, next(iter(one.subsets)), shots, splits)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_prompts_of_three_rows_of_every_benchmark(name, root_of):
    one = BENCHMARKS[name]
    subset = next(iter(one.subsets))
    task = load_task(one, subset, one.shots, root_of(name))
    for number, row in enumerate(task.rows[:3]):
        requests = task.requests(task.document(row), number)
        prompt = requests[0].args[0]
        stripped = {
            key: value.strip() if isinstance(value, str) and "mmlu" in name else value for key, value in row.items()
        }
        if name in PROMPTS:
            assert prompt == PROMPTS[name].format(**stripped)
        elif name in ENDS:
            question, cue = ENDS[name]
            assert prompt.endswith(question.format(**stripped) + cue)
            assert prompt.count(cue) == 1 + one.shots
        elif name == "winogrande":
            before, after = row["sentence"].split("_")
            asked = [(f"{before}{row[option]}", f" {after.strip()}") for option in ("option1", "option2")]
            assert [request.args for request in requests] == asked
        else:
            assert name == "hellaswag"
            assert prompt.startswith(f"{row['activity_label']}: {row['ctx_a']}")
        assert task.config.num_fewshot == one.shots, "shots are effective"
        if requests[0].request_type == "loglikelihood":
            assert 0 <= task.right_choice(task.document(row)) < len(requests)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_metric_is_known_to_lm_eval(name, root_of):
    one = BENCHMARKS[name]
    subset = next(iter(one.subsets))
    task = load_task(one, subset, one.shots, root_of(name))
    assert task.config.process_results or all(task._metric_fn_list.values()), "lm-eval would ask the network for it"
    assert one.metric.partition(",")[0] in task._metric_fn_list
    assert one.metric.partition(",")[2] in [filtered.name for filtered in task._filters]


@pytest.mark.parametrize(
    ("name", "answer", "scores"),
    [
        ("nq", " the Moon.", {"exact_match_remove_whitespace": 1.0}),
        ("nq", " the sun", {"exact_match_remove_whitespace": 0.0}),
        ("gsm8k", "So 2+3. The answer is 5.", {"exact_match_strict_match": 1.0, "exact_match_flexible_extract": 1.0}),
        ("gsm8k", "2 + 3 = 5", {"exact_match_strict_match": 0.0, "exact_match_flexible_extract": 1.0}),
        ("bbh", "So the answer is (A).", {"exact_match_get_answer": 1.0, "exact_match_period_optional": 1.0}),
        ("bbh", "So the answer is (A)", {"exact_match_get_answer": 0.0, "exact_match_period_optional": 1.0}),
        ("bbh", "So the answer is (B).", {"exact_match_get_answer": 0.0, "exact_match_period_optional": 0.0}),
        ("squad", " The moon", {"exact_match": 1.0, "f1": 1.0}),
        ("math", "The final answer is $7$. I hope it is correct.", {"exact_match": 0.0, "math_verify": 1.0}),
        (
            "math",
            "Final Answer: The final answer is $7$. I hope it is correct.",
            {"exact_match": 1.0, "math_verify": 1.0},
        ),
    ],
)
def test_answers_are_scored_as_lm_eval_scores_them(name, answer, scores):
    rows = {
        "nq": {"question": "what", "answer": ["moon", "the Moon"]},
        "gsm8k": {"question": "2 + 3?", "answer": "It is 2+3=<<2+3=5>>5.\n#### 5"},
        "bbh": {"input": "which", "target": "(A)"},
        "squad": {"id": "1", "title": "T", "context": "c", "question": "q", "answers": {"text": ["moon", "a rock"]}},
        "math": {"problem": "p", "solution": "It is $\\boxed{7}$."},
    }
    task = task_of(name, **{BENCHMARKS[name].split: [rows[name]]})
    assert task.scores(task.document(rows[name]), [answer]) == scores


def test_choices_are_scored_whole_and_by_character():
    task = task_of("arc_easy", test=[ARC])
    longer = {**ARC, "choices": {"text": ["a rose", "the sea, wide and blue"], "label": ["A", "B"]}, "answerKey": "B"}
    assert task.scores(ARC, [(-2.0, False), (-3.0, False)]) == {"acc": 1.0, "acc_norm": 1.0}
    assert task.scores(longer, [(-2.0, False), (-3.0, False)]) == {"acc": 0.0, "acc_norm": 1.0}


def shots_of(seed, questions, train=20):
    rows = [{"question": f"t{number}", "answer": [str(number)]} for number in range(train)]
    asked = [{"question": f"q{number}", "answer": ["a"]} for number in questions]
    task = task_of("nq", shots=3, validation=asked, train=rows)
    task.set_fewshot_seed(seed)
    return {row["question"]: task.requests(row, 0)[0].args[0] for row in task.rows}


def test_demonstrations_depend_on_seed_and_question_alone():
    one = shots_of(42, range(4))
    assert one == dict(reversed(shots_of(42, [3, 2, 1, 0]).items())), "order does not matter"
    assert shots_of(42, [2]) == {"q2": one["q2"]}, "nor does what else is asked"
    demonstrations = {prompt.rpartition("Q: ")[0] for prompt in one.values()}
    assert len(demonstrations) == 4, "each question has its own"
    assert shots_of(43, [2]) != {"q2": one["q2"]}
    assert one["q2"].count("\nA: ") == 3


def test_a_task_whose_packages_are_missing_is_told(monkeypatch):
    def load(*arguments):
        raise ModuleNotFoundError("no", name="math_verify")

    monkeypatch.setattr(harness, "load_yaml", load)
    with pytest.raises(UserError, match=r"benchmarks: math: lm-eval's task needs sympy, .*: math_verify"):
        task_of("math", test=[{"problem": "p", "solution": "\\boxed{7}"}])


def test_another_version_of_lm_eval_is_refused(monkeypatch):
    monkeypatch.setattr(harness, "version", lambda package: "0.5.0")
    with pytest.raises(UserError, match=r"lm-eval 0\.5\.0 is installed, the benchmarks are those of 0\.4\.13"):
        task_of("arc_easy", test=[ARC])


def test_names_of_scores():
    assert score_name("acc,none") == "acc"
    assert score_name("exact_match,get-answer") == "exact_match_get_answer"


def test_rows_are_json():
    """Frozen files keep them."""
    task = task_of("arc_easy", test=[ARC])
    assert json.loads(json.dumps(task.rows)) == [ARC]
