"""Each converter on rows in its layout, and on rows that are wrong."""

import gzip
import json

import pytest

from mmv2.errors import UserError
from mmv2.evaluation.persistent import converters


@pytest.fixture
def write(tmp_path):
    """Writes rows as JSON lines, or a text as it is; returns the path."""

    def run(content, name="x.jsonl"):
        path = tmp_path / name
        text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
        path.write_text(text)
        return path

    return run


CHOICE = {"query": "Question: why?", "choices": ["a", "b", "c"], "gold": 1}
PASSAGE = {"query": "Passage: It is.\nQuestion: a\nQuestion: is it?", "choices": ["no", "yes"], "gold": 1}
SCHEMA = {
    "context_options": ["The cat saw the dog, so the cat", "The cat saw the dog, so the cow"],
    "continuation": "ran away.",
    "gold": 1,
}
SIQA = {"context": "Ann left.", "question": "Why?", "options": ["tired", "late", "ill"], "answer": "late"}


def test_choices_of_the_gauntlet(write):
    ((place, row),) = converters.gauntlet_obqa(write([CHOICE]))
    options = {"text": ("a", "b", "c"), "label": ["A", "B", "C"]}
    assert (place, row) == ("line 1", {"question_stem": "Question: why?", "choices": options, "answerKey": "B"})
    ((_, row),) = converters.gauntlet_arc(write([CHOICE]))
    assert row == {"question": "why?", "choices": options, "answerKey": "B"}


def test_a_passage_may_hold_questions(write):
    ((_, row),) = converters.gauntlet_boolq(write([PASSAGE]))
    assert row == {"passage": "It is.\nQuestion: a", "question": "is it", "label": 1}


def test_options_of_a_schema_are_whole_words(write):
    ((_, row),) = converters.gauntlet_winogrande(write([SCHEMA]))
    assert row == {
        "sentence": "The cat saw the dog, so the _ ran away.",
        "option1": "cat",
        "option2": "cow",
        "answer": "2",
    }


def test_labels_of_piqa_stand_in_a_file_beside(write):
    path = write([{"goal": "g", "sol1": "s", "sol2": "t"}] * 2, "valid.jsonl")
    with pytest.raises(UserError, match=r"valid-labels\.lst: no such file"):
        converters.official_piqa(path)
    labels = write("0\n1\n", "valid-labels.lst")
    assert [row["label"] for _, row in converters.official_piqa(path)] == [0, 1]
    labels.write_text("0\n")
    with pytest.raises(UserError, match=r"valid-labels\.lst: 1 labels, but .*valid\.jsonl has 2 rows"):
        converters.official_piqa(path)
    labels.write_text("0\n2\n")
    with pytest.raises(UserError, match=r"valid-labels\.lst: line 2: '2' is no label"):
        converters.official_piqa(path)


def test_the_right_option_of_siqa_becomes_its_number(write):
    ((_, row),) = converters.common_bench_siqa(write([SIQA]))
    assert row == {
        "context": "Ann left.",
        "question": "Why?",
        "answerA": "tired",
        "answerB": "late",
        "answerC": "ill",
        "label": "2",
    }


def test_cells_of_mmlu_may_hold_line_breaks_and_words_like_none(write):
    path = write('"Two\nlines",None,NA,null,"a, b",D\nq,1,2,3,4,A\n', "x.csv")
    (first, row), (second, _) = converters.official_mmlu(path)
    assert (first, second) == ("row 1", "row 2")
    assert row == {"question": "Two\nlines", "choices": ["None", "NA", "null", "a, b"], "answer": 3}


def test_questions_without_answer_are_left_out(write):
    entries = [
        {"id": "one", "question": "who", "answers": [{"text": "Ann", "answer_start": 0}] * 2},
        {"id": "two", "question": "when", "answers": [], "is_impossible": True},
    ]
    content = {"data": [{"title": "T", "paragraphs": [{"context": "Ann.", "qas": entries}]}]}
    ((place, row),) = converters.official_squad(write(json.dumps(content), "x.json"))
    assert place == "question one"
    assert row["answers"] == {"text": ["Ann", "Ann"]}
    assert (row["title"], row["context"], row["question"]) == ("T", "Ann.", "who")


def test_the_test_split_of_mbpp_goes_by_task_id(write):
    found = converters.official_mbpp(write([{"task_id": number} for number in (10, 11, 510, 511)]))
    assert [(place, row["task_id"]) for place, row in found] == [("line 2", 11), ("line 3", 510)]
    with pytest.raises(UserError, match=r"x\.jsonl: line 1: task_id: missing"):
        converters.official_mbpp(write([{"text": "t"}]))


def test_bbh_names_examples(write):
    content = {"canary": "c", "examples": [{"input": "i", "target": "t"}]}
    assert converters.official_bbh(write(json.dumps(content), "x.json")) == [
        ("example 1", {"input": "i", "target": "t"})
    ]
    with pytest.raises(UserError, match="examples: missing"):
        converters.official_bbh(write("{}", "x.json"))


@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_lines_may_be_packed_and_hold_every_sign(tmp_path, pack):
    path = tmp_path / "x.jsonl.gz"
    text = '{"a": "one\u2028line\x85still"}\n{"a": 2}'
    path.write_bytes(pack(text.encode()))
    assert converters.hub_lines(path) == [("line 1", {"a": "one\u2028line\x85still"}), ("line 2", {"a": 2})]


def test_damaged_gzip_is_told(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    whole = gzip.compress(b'{"a": 1}\n' * 99)
    for content in (whole[:-9], whole[:10] + b"\xff" * 20):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"x\.jsonl\.gz: cannot be read"):
            converters.hub_lines(path)


@pytest.mark.parametrize(
    ("converter", "row", "message"),
    [
        ("gauntlet_obqa", {**CHOICE, "gold": 3}, r"line 1: gold: 3, but there are 3 choices, from 0"),
        ("gauntlet_obqa", {"query": "q", "gold": 0}, r"line 1\.choices: missing"),
        ("gauntlet_arc", {**CHOICE, "query": "why?"}, r"line 1: query: does not begin with 'Question: '"),
        (
            "gauntlet_boolq",
            {**PASSAGE, "choices": ["yes", "no"]},
            r"line 1: not a passage, .* no and yes, in this",
        ),
        ("gauntlet_boolq", {**PASSAGE, "query": "Passage: It is."}, r"line 1: not a passage"),
        ("gauntlet_winogrande", {**SCHEMA, "gold": 2}, r"line 1\.gold: input should be less than or equal to 1"),
        ("common_bench_siqa", {**SIQA, "answer": "no"}, r"line 1: answer: 'no' is none of the options"),
        ("hub_lines", [1], r"line 1: list where a row of columns is needed"),
    ],
)
def test_a_wrong_row_is_told_by_file_and_line(write, converter, row, message):
    with pytest.raises(UserError, match=r"x\.jsonl: " + message):
        getattr(converters, converter)(write([row]))


def test_a_line_that_is_no_json_is_told(write):
    with pytest.raises(UserError, match=r"x\.jsonl: line 2: not JSON"):
        converters.hub_lines(write('{"a": 1}\n{"a"\n'))


def test_a_short_row_of_mmlu_is_told(write):
    with pytest.raises(UserError, match=r"x\.csv: row 2: not a question, four choices and a letter"):
        converters.official_mmlu(write("q,1,2,3,4,A\nq,1,2,3,4,E\n", "x.csv"))
