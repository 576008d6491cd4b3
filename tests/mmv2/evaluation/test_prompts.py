import pytest

from mmv2.data.tokenizer import BOS, build_word_level, train_bpe
from mmv2.errors import UserError
from mmv2.evaluation.prompts import begun_ids, common_length, fill, grow, holding, known_ids, shrink


def test_a_template_is_filled_at_once():
    assert fill("{a} {b} {a} {c}", a="{b}", b="x") == "{b} x {b} {c}"


def test_a_template_must_hold_each_name_once():
    assert holding("{a} {b}", "a", "b") == "{a} {b}"
    for template in ("{a}", "{a} {b} {b}"):
        with pytest.raises(ValueError, match=r"must hold \{b\} exactly once"):
            holding(template, "a", "b")


@pytest.mark.parametrize(
    ("fewest", "step", "most", "size"), [(2, 3, 50, 8), (1, 1, 50, 10), (1, 1, 7, 7), (20, 5, 50, 20)]
)
def test_sizes_grow_in_steps_while_they_fit(fewest, step, most, size):
    assert grow(lambda size: size <= 10, fewest, step, most) == size


def test_growing_stops_at_the_first_size_that_does_not_fit():
    assert grow(lambda size: size != 4, 1, 1, 50) == 3


def test_sizes_shrink_in_steps_until_they_fit_or_none_does():
    assert shrink(str, lambda text: int(text) <= 10, 2, 3, 17) == "8"
    assert shrink(str, lambda text: int(text) <= 2, 2, 3, 17) == "2"
    assert shrink(str, lambda text: int(text) <= 1, 2, 3, 17) is None


def test_words_without_a_token_are_told():
    tokenizer = build_word_level(["red", "blue"])
    assert known_ids(tokenizer, "blue red", "x") == [4, 3]
    with pytest.raises(UserError, match=r"task: data: the tokenizer has no token for 'green', '!'; use words of its"):
        known_ids(tokenizer, "green red green!", "task: data")


def test_begin_of_text_comes_once():
    tokenizer = build_word_level(["red", "blue"])
    for text in ("blue red", f"{BOS}blue red", f" {BOS} blue red"):
        assert begun_ids(tokenizer, text, "x") == [0, 4, 3]
    assert begun_ids(tokenizer, "", "x") == [0]
    with pytest.raises(UserError, match=r"^here: the tokenizer has no token for 'green'"):
        begun_ids(tokenizer, "green", "here")


def test_bytes_are_all_known():
    tokenizer = train_bpe(["some text"], vocab_size=260)
    assert tokenizer.decode(known_ids(tokenizer, "Grün ist das!", "x")) == "Grün ist das!"


def test_what_texts_begin_with_in_common_is_counted():
    assert common_length(["abcd", "abxd", "abc"]) == 2
    assert common_length([(1, 2, 3), (1, 2)]) == 2
    assert common_length(["abc"]) == 3
