import gzip

import pytest
from pydantic import BaseModel

from mmv2.errors import UserError
from mmv2.evaluation.rows import DataSet, parse_rows, read_content

DATA = DataSet("Words", "words.json", "example.org", "CC0")


class Row(BaseModel):
    word: str


def test_json_and_json_lines_plain_or_gzipped(tmp_path):
    for name, text in {"a.json": '[{"word": "é"}]', "a.jsonl": '{"word": "é"}\n', "b.jsonl": '{"word": "é"}'}.items():
        for path in (tmp_path / name, tmp_path / f"{name}.gz"):
            path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
            content = read_content(path, DATA)
            place = "line 1" if "jsonl" in name else "row 1"
            assert list(parse_rows(Row, content, path)) == [(place, Row(word="é"))]


def test_an_absent_file_is_told_with_where_it_comes_from(tmp_path):
    with pytest.raises(
        UserError, match=r"no such file; Words is words\.json from example\.org \(licence CC0\): put it"
    ):
        read_content(tmp_path / "a.json", DATA)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b'[\n{"word": }]', r"a\.json: line 2: not JSON"),
        ("a.jsonl", b'{"word": "a"}\n{"word"\n', r"a\.jsonl: line 2: not JSON"),
        ("a.jsonl", b'{"word": "a"}\n\n{"word": "b"}\n', r"a\.jsonl: line 2: not JSON"),
        ("a.json", b"\xff", r"a\.json: not UTF-8"),
        ("a.json.gz", gzip.compress(b"[1, 2, 3]" * 99)[:-9], r"a\.json\.gz: cannot be read"),
        ("a.json.gz", b"\x1f\x8bno", r"a\.json\.gz: cannot be read"),
    ],
)
def test_a_damaged_file_is_told(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_content(tmp_path / name, DATA)


def test_a_row_of_another_kind_is_told(tmp_path):
    with pytest.raises(UserError, match=r"a\.jsonl: line 2\.word: input should be a valid string, not 3"):
        list(parse_rows(Row, [{"word": "a"}, {"word": 3}], tmp_path / "a.jsonl"))
    with pytest.raises(UserError, match=r"a\.json: row 1"):
        list(parse_rows(Row, [None], tmp_path / "a.json"))
