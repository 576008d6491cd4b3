import json

import pytest

from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.tasks.icl_reasoning import TASK, Problem, ReasoningSettings, freeze, read_items
from tests.mmv2.evaluation.small_world import write_corpus_folder


@pytest.fixture
def corpus(tmp_path):
    return write_corpus_folder(tmp_path / "corpus")


@pytest.fixture
def frozen(corpus, tokenizer_file):
    def run(root=corpus, **changes):
        problems = {"sums": Problem(format="bbh", file="evaluation/bbh_sums.json")}
        small = {"context_lengths": (4096,), "max_new_tokens": 30, "shots": (2,), "problems": problems}
        freeze(ReasoningSettings(**{**small, **changes}), root, tokenizer_file, corpus / "f.jsonl")
        return read_frozen(corpus / "f.jsonl")

    return run


def gsm8k(**changes):
    return {"thousands": Problem(format="gsm8k", file="evaluation/gsm8k.jsonl", **changes)}


def test_half_of_a_file_is_shown_and_the_other_asked(frozen):
    header, examples = frozen(shots=(12,))
    (prefix,) = header.prefixes.values()
    assert prefix.count("Q: ") == prefix.count("\nA: (") == len(examples) == 12
    assert not any(example.prompt in prefix for example in examples)
    with pytest.raises(UserError, match="icl_reasoning: shots: 13: sums has 12 rows for examples and 12 to ask"):
        frozen(shots=(13,))


def test_a_file_of_examples_leaves_all_rows_to_ask(frozen, corpus):
    problem = Problem(format="bbh", file="evaluation/bbh_sums.json", examples_file="evaluation/other.json")
    rows = [{"input": "Is it so?\nOptions:\n- Yes\n- No", "target": "Yes"}]
    (corpus / "evaluation" / "other.json").write_text(json.dumps({"examples": rows}))
    header, examples = frozen(problems={"sums": problem}, shots=(1,))
    assert list(header.prefixes.values()) == ["Q: Is it so?\nOptions:\n- Yes\n- No\nA: Yes\n\n"]
    assert len(examples) == 24
    assert set(header.sources) == {"evaluation/bbh_sums.json", "evaluation/other.json"}


def test_options_are_the_choices(frozen):
    for example in frozen()[1]:
        assert example.choices == (" (A)", " (B)")
        assert example.prompt.startswith("Q: ")
        assert example.prompt.endswith("\nA:")
        assert TASK.chance(example) == 1 / 2


def test_solutions_are_shown_step_by_step_without_a_calculators_notes(frozen):
    header, examples = frozen(problems=gsm8k(styles=("direct", "worked")), shots=(1,))
    direct, worked = header.prefixes["thousands/direct/1"], header.prefixes["thousands/worked/1"]
    question, answer = direct.split("\nAnswer: ")
    assert worked.startswith(f"{question}\nAnswer: ")
    assert worked.endswith(f".\n#### {answer}")
    assert "<<" not in worked
    assert answer.strip().endswith("000")
    assert [example.stops for example in examples[::12]] == [("\n",), ("\n\n",)]
    assert [example.prompt for example in examples[:12]] == [example.prompt for example in examples[12:]]


@pytest.mark.parametrize(
    ("text", "accuracy"),
    [
        (" 2 + 3 = 5.\n#### 5,000", 1),
        (" 2 + 3 = 5,000", 1),
        (" 5000 or so\n#### 4000", 0),
        (" it is 5000.0", 0),
        (" #### 5000\n\nQuestion: 7", 1),
        (" 4.\n\n#### 5000", 0),
        ("#### 5000 of 7", 1),
        ("#### none", 0),
        ("", 0),
    ],
)
def test_the_result_of_a_solution(frozen, text, accuracy):
    example = frozen(problems=gsm8k(styles=("worked",)), shots=(1,))[1][0].model_copy(update={"references": ("5000",)})
    assert TASK.score(example, Outcome(text)) == {"accuracy": accuracy}


def test_a_direct_answer_is_the_first_line(frozen):
    example = frozen()[1][0]
    (right,) = example.references
    (wrong,) = {"(A)", "(B)"} - {right}
    assert TASK.score(example, Outcome(f" {right}\n\nQ: x", wrong)) == {"accuracy": 1, "ranked": 0}
    assert TASK.score(example, Outcome(f"{right} is it", right)) == {"accuracy": 0, "ranked": 1}


def test_chance_of_free_answers_is_the_blind_guess(frozen):
    examples = frozen(problems=gsm8k())[1]
    assert {TASK.chance(example) for example in examples} == {0.0, 1.0}
    assert len({example.baselines["most_frequent_answer"] for example in examples}) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"examples": [{"input": "a", "target": "b"}, {"input": "a"}]}, r"bbh\.json: row 2\.target: missing"),
        ({"rows": []}, r"bbh\.json: no list of examples; use a task file of BIG-Bench Hard"),
        ([], r"bbh\.json: no list of examples"),
    ],
)
def test_a_wrong_file_is_told(tmp_path, rows, message):
    (tmp_path / "bbh.json").write_text(json.dumps(rows))
    with pytest.raises(UserError, match=message):
        read_items(Problem(format="bbh", file="bbh.json"), tmp_path / "bbh.json")


def test_a_row_or_file_that_is_missing_is_told(tmp_path):
    file = tmp_path / "gsm8k.jsonl"
    with pytest.raises(UserError, match=r"gsm8k\.jsonl: no such file; GSM8K is .*openai.*licence MIT"):
        read_items(Problem(format="gsm8k", file="x"), file)
    file.write_text(json.dumps({"question": "q", "answer": "#### 1"}) + "\n" + json.dumps({"question": "q"}) + "\n")
    with pytest.raises(UserError, match=r"gsm8k\.jsonl: line 2\.answer: missing"):
        read_items(Problem(format="gsm8k", file="x"), file)
    with pytest.raises(UserError, match=r"bbh\.json: no such file; BIG-Bench Hard is .*MIT"):
        read_items(Problem(format="bbh", file="x"), tmp_path / "bbh.json")


def test_an_answer_that_is_no_option_is_left_out_and_few_answers_are_choices(tmp_path):
    options = "Which?\nOptions:\n(A) x\n(B) y"
    rows = [{"input": options, "target": "(A)"}, {"input": options, "target": "x"}, {"input": "so?", "target": "(B)"}]
    (tmp_path / "bbh.json").write_text(json.dumps({"examples": rows}))
    one = "Which?\nOptions:\n(A) x"
    rows += [{"input": one, "target": "(A)"}]
    (tmp_path / "bbh.json").write_text(json.dumps({"examples": rows}))
    found, left_out = read_items(Problem(format="bbh", file="x"), tmp_path / "bbh.json")
    assert [(item.id, item.choices) for item, _ in found] == [("row 1", ("(A)", "(B)")), ("row 3", ())]
    assert left_out == 2
    rows = [{"input": text, "target": target} for text, target in (("a", "yes"), ("b", "no"), ("c", "yes"))]
    (tmp_path / "bbh.json").write_text(json.dumps({"examples": rows}))
    found, _ = read_items(Problem(format="bbh", file="x"), tmp_path / "bbh.json")
    assert {item.choices for item, _ in found} == {("no", "yes")}


@pytest.mark.parametrize("own_file", [False, True])
def test_a_question_that_stands_among_the_examples_is_not_asked(frozen, corpus, own_file):
    """Three of 24 questions stand twice, one of them in the other file; a 25th row has one option alone."""
    file = corpus / "evaluation" / "bbh_sums.json"
    rows = json.loads(file.read_text())["examples"]
    file.write_text(json.dumps({"examples": [*rows[:21], *rows[:3], {"input": "Options:\n(A) x", "target": "(A)"}]}))
    (corpus / "evaluation" / "other.json").write_text(json.dumps({"examples": rows[1:2]}))
    other = "evaluation/other.json" if own_file else None
    problem = Problem(format="bbh", file="evaluation/bbh_sums.json", examples_file=other)
    counts = set()
    for seed in range(5):
        header, examples = frozen(problems={"sums": problem}, shots=(1 if own_file else 12,), seed=seed)
        (prefix,) = header.prefixes.values()
        assert not any(example.prompt in prefix for example in examples)
        left_out = header.summary["4096"]["left_out"]
        assert len(examples) + left_out - 1 == (24 if own_file else 12)
        counts.add(left_out)
    assert counts == {3} if own_file else 1 < max(counts) <= 4


def test_solutions_are_gsm8ks_alone():
    with pytest.raises(UserError, match=r"data\.styles: rows of bbh have no solution to show"):
        validate(Problem, {"format": "bbh", "file": "x", "styles": ["worked"]}, "suite.yaml", "data")


@pytest.mark.parametrize(
    ("task", "rows", "chance"),
    [
        ("tracking_shuffled_objects_five_objects", 250, 1 / 5),
        ("web_of_lies", 250, 1 / 2),
        ("movie_recommendation", 249, None),
        ("snarks", 177, 1 / 2),
        ("multistep_arithmetic_two", 250, 0),
    ],
)
def test_real_tasks_of_bbh(shared_data, task, rows, chance):
    found, left_out = read_items(Problem(format="bbh", file="x"), shared_data(f"bbh/bbh/{task}.json"))
    assert (len(found), left_out) == (rows, {"movie_recommendation": 1, "snarks": 1}.get(task, 0))
    if chance is not None:
        assert {1 / len(item.choices) if item.choices else 0 for item, _ in found} == {chance}


def test_real_gsm8k(shared_data):
    found, _ = read_items(Problem(format="gsm8k", file="x"), shared_data("gsm8k/grade_school_math/data/test.jsonl"))
    assert len(found) == 1319
    item, solution = found[0]
    assert (item.reference, solution.splitlines()[-1]) == ("18", "#### 18")
    assert all(item.reference.lstrip("-").replace(".", "").isdigit() for item, _ in found)
