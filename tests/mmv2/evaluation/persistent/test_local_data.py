"""Rows of every benchmark: real files where they are beside the repository, hand-made ones otherwise; bad input."""

import json

import pytest

from mmv2.errors import UserError
from mmv2.evaluation.persistent.local_data import hub_rows, input_files, local_file, read_all, read_rows, shots_of
from mmv2.evaluation.persistent.table import BENCHMARKS
from tests.mmv2.evaluation.persistent.conftest import FIXTURES

NQ, MMLU, OBQA = BENCHMARKS["nq"], BENCHMARKS["mmlu_alt"], BENCHMARKS["obqa"]
KNOWN = {
    "obqa": (500, "question_stem", "A person wants to start saving money so that they can afford a nice vacation "),
    "arc_easy": (2376, "question", "Which statement best explains why photosynthesis is the foundation"),
    "winogrande": (1267, "sentence", "Sarah was a much better surgeon than Maria so _ always got the easier cases."),
    "arc_challenge": (1172, "question", "An astronomer observes that a planet rotates faster after a meteorite"),
    "piqa": (1838, "goal", "How do I ready a guinea pig cage"),
    "boolq": (3270, "question", "does ethanol take more energy make that produces"),
    "hellaswag": (1000, "activity_label", "Pole vault"),
    "nq": (3610, "question", "when was the last time anyone was on the moon"),
    "siqa": (1954, "question", "What does Tracy need to do before this?"),
    "gsm8k": (1319, "question", "Janet\u2019s ducks lay 16 eggs per day."),
    "mmlu_alt": (2280, "question", "Find the degree for the given field extension"),
    "squad": (2910, "title", "Normans"),
    "bbh": (6511, "input", "not ( True ) and ( True ) is"),
    "mbpp": (500, "text", "Write a python function to remove first and last occurrence"),
    "mmlu_letters": (2280, "question", "Find the degree for the given field extension"),
    "humaneval": (164, "task_id", "HumanEval/0"),
}
"""Rows of the file at hand, and the beginning of one column of the first."""


@pytest.mark.parametrize("name", [name for name, one in BENCHMARKS.items() if one.measured])
def test_real_files_are_read(name, data_root, no_network):
    one = BENCHMARKS[name]
    number, column, beginning = KNOWN[name]
    rows = [row for subset in one.subsets for row in read_rows(one, subset, one.split, data_root)]
    assert len(rows) == number
    assert rows[0][column].startswith(beginning)
    assert all(row.keys() == set(one.row.model_fields) for row in rows)


@pytest.mark.parametrize("name", [name for name, one in BENCHMARKS.items() if not one.measured])
def test_hand_made_rows_are_read(name, no_network):
    one = BENCHMARKS[name]
    rows = [row for subset in one.subsets for row in read_rows(one, subset, one.split, FIXTURES)]
    assert len(rows) >= 3


def write(root, name, rows):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_hubs_columns_go_before_another_layout(tmp_path):
    other = write(tmp_path, "nq_open/nq_open/NQ-open.dev.jsonl", [{"question": "old", "answer": ["a"]}])
    assert local_file(NQ, "", "validation", tmp_path) == other
    write(tmp_path, "nq_open/validation.jsonl", [{"question": "new", "answer": ["a"], "more": 1}])
    assert read_rows(NQ, "", "validation", tmp_path) == [{"question": "new", "answer": ["a"]}]


def test_parquet_files_as_the_hub_has_them(tmp_path):
    import pandas as pd

    (tmp_path / "nq_open").mkdir()
    frame = pd.DataFrame({"question": ["one", "two"], "answer": [["a"], ["b", "c"]], "more": [1, 2]})
    frame.to_parquet(tmp_path / "nq_open" / "validation.parquet")
    rows = read_rows(NQ, "", "validation", tmp_path)
    assert rows == [{"question": "one", "answer": ["a"]}, {"question": "two", "answer": ["b", "c"]}]
    frame.assign(answer=[["a"], []]).to_parquet(tmp_path / "nq_open" / "validation.parquet")
    with pytest.raises(UserError, match=r"validation\.parquet: row 2: answer: .* needs the columns question, answer"):
        read_rows(NQ, "", "validation", tmp_path)


def test_a_damaged_parquet_file_is_told(tmp_path):
    import pandas as pd

    path = tmp_path / "nq_open" / "validation.parquet"
    path.parent.mkdir()
    pd.DataFrame({"question": ["one"] * 9, "answer": [["a"]] * 9}).to_parquet(path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"no parquet", b"", whole[:20] + bytes(40) + whole[60:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"validation\.parquet: cannot be read \("):
            read_rows(NQ, "", "validation", tmp_path)


def test_an_absent_data_set_is_told_with_its_source_and_licence(tmp_path):
    with pytest.raises(
        UserError,
        match=r"nq_open/validation\.jsonl: no such file: split validation of nq, on the Hub google-research-datasets/"
        r"nq_open \(licence: CC BY-SA 3\.0\); put its rows there as JSON lines or as validation\.parquet, or the file "
        r"as .*NQ-open\.dev\.jsonl, or set data_root, or name nq under hub",
    ):
        read_rows(NQ, "", "validation", tmp_path)
    with pytest.raises(
        UserError, match=r"mmlu/virology/test\.jsonl: .* of mmlu_alt \(virology\), .* configuration vir"
    ):
        read_rows(MMLU, "virology", "test", tmp_path)


OPTIONS = {"text": ["a", "b"], "label": ["A", "B"]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "q"}, r"line 2: answer: missing; nq needs the columns question, answer"),
        ({"question": "q", "answer": []}, r"line 2: answer: Tuple should have at least 1 item"),
        ({"question": "", "answer": ["a"]}, r"line 2: question: String should have at least 1 character"),
        ({"question": 3, "answer": ["a"]}, r"line 2: question: Input should be a valid string"),
    ],
)
def test_a_row_without_a_field_is_told_by_file_and_line(tmp_path, row, message):
    write(tmp_path, "nq_open/validation.jsonl", [{"question": "q", "answer": ["a"]}, row])
    with pytest.raises(UserError, match=r"nq_open/validation\.jsonl: " + message):
        read_rows(NQ, "", "validation", tmp_path)


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("obqa", {"question_stem": "q", "choices": OPTIONS, "answerKey": "C"}, r"answerKey: 'C' is none of the labels"),
        ("obqa", {"question_stem": "q", "choices": {**OPTIONS, "label": ["A"]}, "answerKey": "A"}, "2 texts, 1 labels"),
        ("winogrande", {"sentence": "no gap", "option1": "a", "option2": "b", "answer": "1"}, "sentence: no undersc"),
        ("winogrande", {"sentence": "_ is a b", "option1": "a", "option2": "b", "answer": "1"}, "sentence: no undersc"),
        ("winogrande", {"sentence": " (_) is", "option1": "a", "option2": "b", "answer": "1"}, "sentence: no undersc"),
        ("winogrande", {"sentence": "a _ b", "option1": "a", "option2": "b", "answer": ""}, "answer: "),
        ("gsm8k", {"question": "q", "answer": "5"}, "answer: "),
        ("math", {"problem": "p", "solution": "It is 5."}, "solution: "),
        ("race_high", {"article": "a", "question": "q", "options": ["a", "b", "c"], "answer": "A"}, "options: "),
    ],
)
def test_a_right_answer_that_is_none_of_the_choices_is_told(tmp_path, name, row, message):
    """lm-eval scores such a question 0, with a warning at most."""
    one = BENCHMARKS[name]
    subset = next(iter(one.subsets))
    write(tmp_path, f"{one.folder}/{subset}/{one.split}.jsonl", [row])
    with pytest.raises(UserError, match=rf"{one.split}\.jsonl: line 1: .*{message}"):
        read_rows(one, subset, one.split, tmp_path)


def test_an_empty_file_is_told(tmp_path):
    write(tmp_path, "nq_open/validation.jsonl", [])
    with pytest.raises(UserError, match=r"validation\.jsonl: empty"):
        read_rows(NQ, "", "validation", tmp_path)


def test_shots_that_cannot_be_drawn_are_told(tmp_path):
    row = {"question": "q", "answer": ["a"]}
    write(tmp_path, "nq_open/validation.jsonl", [row])
    with pytest.raises(UserError, match=r"nq_open/train\.jsonl: no such file: split train of nq"):
        read_all(NQ, "", 3, tmp_path)
    write(tmp_path, "nq_open/train.jsonl", [row, row])
    with pytest.raises(UserError, match=r"shots: 3 are wanted of nq, but split train has 2 rows to draw them from"):
        read_all(NQ, "", 3, tmp_path)
    assert read_all(NQ, "", 2, tmp_path) == {"validation": [row], "train": [row, row]}
    assert list(input_files(NQ, 2, tmp_path)) == [
        tmp_path / "nq_open" / f"{name}.jsonl" for name in ("validation", "train")
    ]


def test_other_shots_are_refused_where_they_are_part_of_the_task():
    assert [shots_of(BENCHMARKS[name], None, "key") for name in ("nq", "gsm8k", "mmlu_letters")] == [0, 8, 5]
    assert shots_of(BENCHMARKS["gsm8k"], 8, "key") == 8
    assert shots_of(NQ, 5, "key") == 5
    with pytest.raises(UserError, match=r"key: 0, but of gsm8k its 8 demonstrations are part of the task; leave it ou"):
        shots_of(BENCHMARKS["gsm8k"], 0, "key")
    with pytest.raises(UserError, match=r"key: 2, but of humaneval to have no demonstrations is part of the task"):
        shots_of(BENCHMARKS["humaneval"], 2, "key")
    with pytest.raises(UserError, match="key: -1; ask for 0"):
        shots_of(NQ, -1, "key")


def test_the_hub_is_read_by_name_and_its_rows_are_checked(monkeypatch):
    asked = []

    def load(*arguments, **options):
        asked.append((arguments, options))
        return [{"question": "q", "answer": ["a"], "more": 1}]

    monkeypatch.setattr("datasets.load_dataset", load)
    assert hub_rows(NQ, "", "validation") == [{"question": "q", "answer": ["a"]}]
    assert asked == [(("google-research-datasets/nq_open", None), {"split": "validation"})]
    with pytest.raises(UserError, match=r"hub: cais/mmlu, configuration virology, split test: row 1: choices: missing"):
        hub_rows(MMLU, "virology", "test")


def test_a_hub_that_is_not_reached_is_told(monkeypatch):
    def load(*arguments, **options):
        raise ConnectionError("no\nroute")

    monkeypatch.setattr("datasets.load_dataset", load)
    with pytest.raises(UserError, match=r"hub: allenai/openbookqa, configuration main, split test: no route; put obqa"):
        hub_rows(OBQA, "", "test")
