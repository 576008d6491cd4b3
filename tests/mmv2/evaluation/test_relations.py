"""TACRED's and FewRel's layouts, on hand-made rows; the sentences are nobody's."""

import json
from collections import Counter

import pytest

from mmv2.errors import UserError
from mmv2.evaluation.classification import Row, by_label
from mmv2.evaluation.relations import read_fewrel, read_tacred

TACRED_ROW = {
    "id": "1",
    "docid": "hand-made",
    "relation": "org:founded_by",
    "token": ["\u201c", "Ada", "'s", "Shop", ",", "Inc.", "\u201d", "is", "Ada", "Low", "'s", "."],
    "subj_start": 1,
    "subj_end": 5,
    "obj_start": 8,
    "obj_end": 9,
    "subj_type": "ORGANIZATION",
    "obj_type": "PERSON",
}
FEWREL_ROW = {
    "tokens": ["The", "Old", "Bridge", "crosses", "the", "Aare", ";", "the", "Old", "Bridge", "stands", "."],
    "h": ["old bridge", "Q1", [[1, 2], [8, 9]]],
    "t": ["aare", "Q2", [[5]]],
}
NAMES = {"P177": ["crosses", "obstacle"], "P26": ["spouse", "married to"]}


def tacred(tmp_path, *rows):
    (tmp_path / "train.json").write_text(json.dumps(rows, indent=1))
    return read_tacred(tmp_path / "train.json")


def fewrel(tmp_path, content, names=NAMES):
    (tmp_path / "val.json").write_text(json.dumps(content))
    (tmp_path / "names.json").write_text(json.dumps(names))
    return read_fewrel(tmp_path / "val.json", tmp_path / "names.json")


def test_a_row_of_tacred_becomes_a_sentence_and_two_entities(tmp_path):
    found = tacred(tmp_path, TACRED_ROW)
    assert found == [
        Row(0, "\u201cAda's Shop, Inc. \u201d is Ada Low's.", "org:founded_by", "Ada's Shop, Inc.", "Ada Low")
    ]


def test_rows_without_a_relation_are_left_out(tmp_path):
    found = tacred(tmp_path, {**TACRED_ROW, "relation": "no_relation"}, TACRED_ROW)
    assert [row.number for row in found] == [1]
    with pytest.raises(UserError, match=r"train\.json: no row with one label"):
        tacred(tmp_path, {**TACRED_ROW, "relation": "no_relation"})


def test_a_row_of_fewrel_has_its_relations_name_and_the_first_mentions(tmp_path):
    found = fewrel(tmp_path, {"P26": [FEWREL_ROW], "P177": [FEWREL_ROW]})
    text = "The Old Bridge crosses the Aare; the Old Bridge stands."
    assert found == [Row(0, text, "spouse", "Old Bridge", "Aare"), Row(1, text, "crosses", "Old Bridge", "Aare")]


def without(row, field):
    return {name: value for name, value in row.items() if name != field}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (without(TACRED_ROW, "obj_end"), r"train\.json: row 2\.obj_end: missing"),
        ({**TACRED_ROW, "token": "Ada"}, r"train\.json: row 2\.token: "),
        ({**TACRED_ROW, "subj_end": 12}, r"train\.json: row 2: the subject is no part of the 12 tokens"),
        ({**TACRED_ROW, "obj_end": 7}, r"train\.json: row 2: the object is no part of the 12 tokens"),
    ],
    ids=["missing", "type", "beyond", "empty"],
)
def test_a_wrong_row_of_tacred_is_told_by_its_place(tmp_path, row, message):
    with pytest.raises(UserError, match=message):
        tacred(tmp_path, TACRED_ROW, row)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"P26": [FEWREL_ROW, without(FEWREL_ROW, "t")]}, r"val\.json: row 2\.t: missing"),
        ({"P26": [{**FEWREL_ROW, "h": ["a", "Q1", [[12]]]}]}, r"val\.json: P26: row 1: the subject is no part"),
        ({"P1": [FEWREL_ROW]}, r"names\.json: no name of relation P1"),
        ([FEWREL_ROW], r"val\.json: not lists by relation id"),
    ],
    ids=["missing", "beyond", "name", "layout"],
)
def test_another_layout_than_fewrel_is_told(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        fewrel(tmp_path, content)


def test_absent_files_are_told_with_their_source(tmp_path):
    with pytest.raises(UserError, match=r"train\.json: no such file; TACRED \(LDC2018T24\)"):
        read_tacred(tmp_path / "train.json")
    with pytest.raises(UserError, match=r"val_wiki\.json: no such file; FewRel 1\.0 is .*\(licence MIT\)"):
        read_fewrel(tmp_path / "val_wiki.json", tmp_path / "names.json")


def test_real_fewrel(shared_data):
    files = [shared_data(f"fewrel/data/{name}.json") for name in ("val_wiki", "pid2name")]
    rows = read_fewrel(*files)
    assert Counter(map(len, by_label(rows).values())) == {700: 16}
    assert rows[0].label == "crosses"
    assert all(row.text and row.subject and row.object and "\n" not in row.text for row in rows)
