import json

import pytest

from mmv2.errors import UserError
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.tasks.icl_code import TASK, CodeSettings, call_and_value, freeze, read_items
from tests.mmv2.evaluation.small_world import write_corpus_folder


@pytest.fixture
def frozen(tmp_path, tokenizer_file):
    def run(**changes):
        corpus = tmp_path / "corpus"
        if not corpus.exists():
            write_corpus_folder(corpus)
        settings = CodeSettings(**{"context_lengths": (1024,), "max_new_tokens": 8, "shots": (1, 2), **changes})
        freeze(settings, corpus, tokenizer_file, corpus / "f.jsonl")
        return read_frozen(corpus / "f.jsonl")

    return run


def test_examples_are_of_the_training_split_and_questions_of_the_test_split(frozen):
    header, examples = frozen()
    prefix = header.prefixes["mbpp_outputs/direct/2"]
    assert prefix.count("def add(x):\n    return x + ") == 2
    assert prefix.count("assert add(") == 2
    assert {int(example.id) for example in examples} == set(range(11, 23))
    for example in examples:
        code, call = example.prompt.split("\nassert ")
        added, given = int(code.split(" + ")[1]), int(call.removeprefix("add(").removesuffix(") =="))
        assert example.references == (str(added + given),)


@pytest.mark.parametrize(
    ("test", "parts"),
    [
        ("assert f(1, 'a') == [1, (2,)]", ("f(1, 'a')", "[1, (2,)]")),
        ("  assert f(\n  1) == {1: 'x'}  ", ("f( 1)", "{1: 'x'}")),
        ("assert f(1) == -2.5", ("f(1)", "-2.5")),
        ("assert f(1) == g(1)", None),
        ("assert f(1) is None", None),
        ("assert 1 == f(1)", None),
        ("assert f(1) == 1 == 1", None),
        ("assert not f(1)", None),
        ("f(1) == 1", None),
        ("assert f(1) == 1\nassert f(2) == 2", None),
        ("assert f(", None),
    ],
)
def test_what_a_test_says(test, parts):
    assert call_and_value(test) == parts


@pytest.mark.parametrize(
    ("right", "text", "accuracy", "exact"),
    [
        ("'a'", ' "a"\nassert', 1, 0),
        ("[1, 2]", "[1,2]", 1, 0),
        ("5", " 5", 1, 1),
        ("5", "5.0", 1, 0),
        ("[1]", "[1.0]", 1, 0),
        ("(1,)", "[1]", 0, 0),
        ("1", "True", 1, 0),
        ("'1'", "1", 0, 0),
        ("None", "none", 0, 0),
        ("None", " None", 1, 1),
        ("5", "4 + 1", 0, 0),
        ("5", "__import__('os').getpid()", 0, 0),
        ("5", "5 # five", 1, 0),
        ("5", "", 0, 0),
        ("5", "(" * 5000, 0, 0),
    ],
)
def test_values_are_compared_and_nothing_is_executed(frozen, right, text, accuracy, exact):
    example = frozen()[1][0].model_copy(update={"references": (right,)})
    assert TASK.score(example, Outcome(text)) == {"accuracy": accuracy, "exact": exact}


def test_chance_is_the_blind_guess(frozen):
    assert {TASK.chance(example) for example in frozen()[1]} == {0.0, 1.0}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (None, r"mbpp\.jsonl: no such file; MBPP is .*google-research.*CC BY 4\.0"),
        ([{}, {"task_id": 12}], r"mbpp\.jsonl: line 2\.text: missing"),
        ([{}, {}], r"mbpp\.jsonl: line 2: task_id: 11 stands twice"),
    ],
)
def test_a_wrong_file_is_told(tmp_path, rows, message):
    write_corpus_folder(tmp_path / "corpus")
    right = json.loads((tmp_path / "corpus" / "evaluation" / "mbpp.jsonl").read_text().split("\n")[0])
    if rows is not None:
        (tmp_path / "mbpp.jsonl").write_text("".join(json.dumps(row or right) + "\n" for row in rows))
    with pytest.raises(UserError, match=message):
        read_items(tmp_path / "mbpp.jsonl", 500)


def test_problems_that_are_left_out_are_counted(frozen, tmp_path):
    assert frozen()[0].summary["1024"]["left_out"] == 0
    file = tmp_path / "corpus" / "evaluation" / "mbpp.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[0]["test_list"] = ["assert add(1) is None"] * 3
    rows[3]["code"] += "\n" * 30 + "#" * 480
    rows += [{**rows[0], "task_id": 700}, {**rows[0], "task_id": 511}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    header, examples = frozen(shots=(1,))
    assert header.summary["1024"]["left_out"] == 3, "511 is in neither split"
    assert len(examples) == 11


def test_a_question_that_stands_among_the_examples_under_whatever_name_is_not_asked(frozen, tmp_path):
    frozen()
    file = tmp_path / "corpus" / "evaluation" / "mbpp.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    renamed = json.loads(json.dumps(rows[0]).replace("add", "plus").replace("    return", "  return"))
    other = json.loads(json.dumps(rows[1]).replace(" + ", " - ").replace("add", "minus"))
    rows += [{**renamed, "task_id": 700}, {**other, "task_id": 701}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    header, examples = frozen()
    assert {int(example.id) for example in examples} == {row["task_id"] for row in rows if 11 < row["task_id"] <= 510}
    assert header.summary["1024"]["left_out"] == 1


def test_long_programs_are_left_out(frozen):
    with pytest.raises(UserError, match="icl_code: shots: 2: mbpp_outputs has 0 rows for examples and 0 to ask"):
        frozen(max_program=10)


def test_real_mbpp(shared_data):
    every = read_items(shared_data("mbpp/data/mbpp.jsonl"), 10_000)
    items = {number: item for number, item in every.items() if item}
    assert (len(every), len(items)) == (974, 973)
    assert items[3].question.endswith("\nassert is_not_prime(2) ==")
    assert items[3].reference == "False"
    assert not any("\r" in item.question for item in items.values())
    assert 900 < sum(map(bool, read_items(shared_data("mbpp/data/mbpp.jsonl"), 500).values())) < 973
