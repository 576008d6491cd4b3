import json

import pytest

from mmv2.errors import UserError
from mmv2.evaluation.squad import read_squad


def file_with(tmp_path, *paragraphs):
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": list(paragraphs)}]}))
    return path


def paragraph(context, *questions):
    return {"context": context, "qas": list(questions)}


def asked(identity, *answers, **kwargs):
    return {"id": identity, "question": "q", "answers": [{"text": a, "answer_start": 0} for a in answers], **kwargs}


def test_answerable_questions_in_file_order_with_all_annotators(tmp_path):
    path = file_with(
        tmp_path,
        paragraph("zeta", asked("2", "x", "x", "y"), asked("1", is_impossible=True)),
        paragraph("alpha", asked("0", "z")),
    )
    squad = read_squad(path)
    assert [(q.id, q.answers, q.gold, q.more) for q in squad.questions] == [
        ("2", ("x", "x", "y"), "zeta", ("alpha",)),
        ("0", ("z",), "alpha", ("zeta",)),
    ]
    assert squad.pool == ("alpha", "zeta")


def test_a_paragraph_that_stands_twice_is_one_document(tmp_path):
    squad = read_squad(file_with(tmp_path, paragraph("a", asked("1", "x")), paragraph("a"), paragraph("b")))
    assert squad.questions[0].more == ("b",)
    assert squad.pool == ("a", "b")


def test_a_question_without_answer_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"squad\.json: question 7: no answer"):
        read_squad(file_with(tmp_path, paragraph("a", asked("7"))))


def test_a_file_of_impossible_questions_is_refused(tmp_path):
    with pytest.raises(UserError, match="no answerable question"):
        read_squad(file_with(tmp_path, paragraph("a", asked("7", is_impossible=True))))


def test_another_layout_is_refused_by_key(tmp_path):
    path = tmp_path / "squad.json"
    path.write_text('{"data": [{"title": "t"}]}')
    with pytest.raises(UserError, match=r"squad\.json: data\.0 \(title 't'\)\.paragraphs: missing"):
        read_squad(path)
    path.write_text('{"data": [3]}')
    with pytest.raises(UserError, match=r"squad\.json: data\.0: input should be"):
        read_squad(path)


def test_a_question_without_a_field_is_told_with_its_article(tmp_path):
    broken = {key: value for key, value in asked("7", "x").items() if key != "question"}
    path = file_with(tmp_path, paragraph("a", asked("1", "x")), paragraph("b", asked("2", "x"), broken))
    with pytest.raises(UserError, match=r"squad\.json: data\.0 \(title 't'\)\.paragraphs\.1\.qas\.1\.question: m"):
        read_squad(path)


@pytest.mark.parametrize("change", [{"question": " \n"}, {"answers": [{"text": "x"}, {"text": " "}]}])
def test_a_blank_question_or_answer_is_refused(tmp_path, change):
    """An empty answer stands in every text."""
    right = paragraph("a", asked("6", "x"))
    with pytest.raises(UserError, match=r"squad\.json: question 7: blank, or one of its answers is; mend it"):
        read_squad(file_with(tmp_path, right, paragraph("b", {**asked("7", "x"), **change})))
    read_squad(file_with(tmp_path, right, paragraph("b", {**asked("7", is_impossible=True), "question": ""})))


def test_a_paragraph_that_stands_twice_beside_stands_twice(tmp_path):
    """NVIDIA's generator draws from the article's paragraphs as they are."""
    squad = read_squad(file_with(tmp_path, paragraph("a", asked("1", "x")), paragraph("b"), paragraph("b")))
    assert squad.questions[0].more == ("b", "b")
    assert squad.pool == ("a", "b")


def test_the_hubs_rows_are_the_published_file(tmp_path):
    path = file_with(
        tmp_path,
        paragraph("zeta", asked("2", "x", "y"), asked("1", is_impossible=True)),
        paragraph("alpha", asked("0", "z")),
    )
    rows = [
        {
            "id": "2",
            "title": "t",
            "context": "zeta",
            "question": "q",
            "answers": {"text": ["x", "y"], "answer_start": [0, 0]},
        },
        {"id": "1", "title": "t", "context": "zeta", "question": "q", "answers": {"text": [], "answer_start": []}},
        {"id": "0", "title": "t", "context": "alpha", "question": "q", "answers": {"text": ["z"], "answer_start": [0]}},
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_squad(tmp_path / "rows.jsonl") == read_squad(path)
    rows[2]["title"] = "u"
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    assert [question.more for question in read_squad(tmp_path / "rows.json").questions] == [(), ()]
    del rows[1]["context"]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=r"rows\.jsonl: line 2\.context: missing"):
        read_squad(tmp_path / "rows.jsonl")


def test_an_absent_file_is_told_with_where_it_comes_from(tmp_path):
    with pytest.raises(
        UserError, match=r"no such file; SQuAD 2\.0 is dev-v2\.0\.json from rajpurkar.*\(licence CC BY-SA"
    ):
        read_squad(tmp_path / "dev.json")
