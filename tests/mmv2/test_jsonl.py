import pytest

from mmv2.config import Config
from mmv2.errors import UserError
from mmv2.jsonl import read_jsonl, write_jsonl


class Item(Config):
    name: str
    size: int


def test_what_is_written_is_read(tmp_path):
    items = [Item(name="a\nb\u2028c", size=1), Item(name="", size=2)]
    write_jsonl(tmp_path / "x.jsonl", items)
    assert read_jsonl(tmp_path / "x.jsonl", Item) == items


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name": "a", "size": 1}\n{"name": "b"}\n', "line 2: size: Field required"),
        ('{"name": "a", "size": "1"}\n', "line 1: size:"),
        ('{"name": "a", "size": 1}\n{"name": \n', "line 2: Invalid JSON"),
        ('{"name": "a", "size": 1}\n{"name": "b", "size": 1}', "line 2: cut off"),
        ('{"name": "a", "size": 1, "extra": 0}\n', "line 1: extra:"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, text, message):
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"x\.jsonl: {message}"):
        read_jsonl(path, Item)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.jsonl: no such file"):
        read_jsonl(tmp_path / "none.jsonl", Item)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.jsonl"
    write_jsonl(path, [Item(name="a", size=1)])

    def broken():
        yield Item(name="b", size=1)
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        write_jsonl(path, broken())
    assert [item.name for item in read_jsonl(path, Item)] == ["a"]
