import gzip
import json

import pytest

from mmv2.errors import UserError
from mmv2.evaluation.hotpot import read_hotpot

PUBLISHED = {
    "_id": "7",
    "question": "q",
    "answer": "x",
    "supporting_facts": [["B", 0], ["A", 1], ["B", 1]],
    "context": [["A", ["One. ", "Two."]], ["B", ["Three."]], ["C", []]],
    "type": "bridge",
}
HUB = {
    **{key: PUBLISHED[key] for key in ("question", "answer")},
    "supporting_facts": {"title": ["B", "A", "B"], "sent_id": [0, 1, 1]},
    "context": {"title": ["A", "B", "C"], "sentences": [["One. ", "Two."], ["Three."], []]},
}


def file_with(tmp_path, *rows, name="hotpot.json"):
    path = tmp_path / name
    text = "".join(json.dumps(row) + "\n" for row in rows) if ".jsonl" in name else json.dumps(rows, indent=1)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["h.json", "h.json.gz", "h.jsonl", "h.jsonl.gz"])
@pytest.mark.parametrize("row", [PUBLISHED, HUB])
def test_the_published_layout_and_the_hubs_are_the_same(tmp_path, row, name):
    found = read_hotpot(file_with(tmp_path, row, name=name))
    (question,) = found.questions
    assert (question.text, question.answers, question.more) == ("q", ("x",), ())
    assert question.own == ("A\nOne. Two.", "B\nThree.", "C\n")
    assert question.needed == question.own[:2]
    assert question.id == ("7" if row is PUBLISHED else "line-1" if "jsonl" in name else "row-1")
    assert found.pool == question.own


def test_a_document_of_several_questions_is_in_the_pool_once_and_sorted(tmp_path):
    other = {**PUBLISHED, "context": [["B", ["Three."]], ["A", ["Other."]]], "supporting_facts": [["B", 0]]}
    found = read_hotpot(file_with(tmp_path, PUBLISHED, other))
    assert found.pool == ("A\nOne. Two.", "A\nOther.", "B\nThree.", "C\n")
    assert found.questions[1].needed == ("B\nThree.",)


def without(key):
    return {name: value for name, value in PUBLISHED.items() if name != key}


@pytest.mark.parametrize("key", ["question", "answer", "supporting_facts", "context"])
@pytest.mark.parametrize(("name", "unit"), [("h.json", "row"), ("h.jsonl", "line")])
def test_a_row_without_a_field_is_told_with_its_place(tmp_path, key, name, unit):
    path = file_with(tmp_path, PUBLISHED, without(key), name=name)
    with pytest.raises(UserError, match=rf"{name}: {unit} 2\.{key}: missing"):
        read_hotpot(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"supporting_facts": [["D", 0]]}, r"row 1: supporting_facts: no paragraph of context is called 'D'"),
        ({"supporting_facts": []}, r"row 1: supporting_facts: empty"),
        ({"answer": " "}, r"hotpot\.json: row 1\.answer: blank; mend the row or leave it out"),
        ({"question": ""}, r"hotpot\.json: row 1\.question: blank; mend the row or leave it out"),
        ({"context": []}, r"row 1\.context"),
        ({"context": {"title": ["A"]}}, r"row 1\.context: has no list 'sentences'"),
        ({"context": {"title": ["A"], "sentences": []}}, r"row 1\.context: has 1 title and 0 sentences"),
    ],
)
def test_a_damaged_row_is_told(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        read_hotpot(file_with(tmp_path, {**PUBLISHED, **change}))


def test_another_file_and_none_are_told(tmp_path):
    (tmp_path / "squad.json").write_text('{"data": []}')
    with pytest.raises(UserError, match=r"squad\.json: holds no list of questions, as hotpot_dev_distractor_v1\.json"):
        read_hotpot(tmp_path / "squad.json")
    with pytest.raises(
        UserError,
        match=r"no\.json: no such file; HotpotQA is hotpot_dev_distractor_v1\.json from hotpotqa\.github\.io"
        r" \(licence CC BY-SA 4\.0\)",
    ):
        read_hotpot(tmp_path / "no.json")


@pytest.mark.parametrize(
    "name", ["hotpot_dev_distractor_v1.subset.json.gz", "hotpot_dev_distractor_v1.first100.json.gz"]
)
def test_the_real_files(shared_data, name):
    found = read_hotpot(shared_data(f"hotpotqa/{name}"))
    assert len(found.questions) == {"subset": 298, "first100": 100}[name.split(".")[1]]
    assert max(len(question.own) for question in found.questions) == 10
    assert {len(question.needed) for question in found.questions} == {2}
