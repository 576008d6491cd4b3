import json

import pytest

from mmv2.errors import UserError
from mmv2.evaluation.word_lists import WordList, read_text, read_word_lists, read_words


@pytest.fixture
def folder(tmp_path):
    content = {"values": {"food": ["rice", "soup", "rice"], "none": [], "numbers": [1]}, "name": "x"}
    (tmp_path / "words.json").write_text(json.dumps(content))
    (tmp_path / "words.txt").write_text("\ufeffred \n\nblue\nred\n", encoding="utf-8")
    return tmp_path


def test_words_come_from_a_key_of_json_or_the_lines_of_a_text_each_once(folder):
    assert read_words(WordList(file="words.json", key="values.food"), folder) == ["rice", "soup"]
    assert read_words(WordList(file="words.txt"), folder) == ["red", "blue"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"file": "none.txt"}, r"none\.txt: no such file"),
        ({"file": "none.json", "key": "a"}, r"none\.json: no such file"),
        ({"file": "words.json", "key": "values.foods"}, r"no key 'values.foods' .*did you mean 'food'"),
        ({"file": "words.json", "key": "name.x"}, r"no key 'name.x'"),
        ({"file": "words.json", "key": "values"}, r"values: not a list of words"),
        ({"file": "words.json", "key": "values.numbers"}, r"values\.numbers: not a list of words"),
        ({"file": "words.json", "key": "values.none"}, r"values\.none: empty"),
    ],
)
def test_a_list_that_is_not_there_is_told(folder, words, message):
    with pytest.raises(UserError, match=message):
        read_words(WordList(**words), folder)


def test_a_mapping_is_all_its_lists_and_a_list_is_one(folder):
    (folder / "kinds.json").write_text(json.dumps({"values": {"food": ["rice", "rice"], "pet": ["cat"]}}))
    assert read_word_lists(WordList(file="kinds.json", key="values"), folder) == [["rice"], ["cat"]]
    assert read_word_lists(WordList(file="kinds.json", key="values.pet"), folder) == [["cat"]]
    assert read_word_lists(WordList(file="words.txt"), folder) == [["red", "blue"]]
    with pytest.raises(UserError, match=r"words\.json: values\.none: empty"):
        read_word_lists(WordList(file="words.json", key="values"), folder)


def test_a_text_that_is_none_is_told(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"a\.txt: not UTF-8 text"):
        read_text(tmp_path / "a.txt")
