from collections import Counter
from itertools import islice

import pytest

from mmv2.errors import UserError
from mmv2.evaluation.classification import Row, by_label, nearest, read_banking77, read_goemotions, rounds


def rows_of(text):
    """Rows whose labels are the letters of a text."""
    return [Row(number, str(number), letter) for number, letter in enumerate(text)]


def banking(tmp_path, text):
    (tmp_path / "b.csv").write_bytes(text.encode())
    return read_banking77(tmp_path / "b.csv")


def emotions(tmp_path, text, labels="joy\ngrief\nlove\n"):
    (tmp_path / "e.tsv").write_bytes(text.encode())
    (tmp_path / "labels.txt").write_text(labels)
    return read_goemotions(tmp_path / "e.tsv", tmp_path / "labels.txt")


def test_banking77_keeps_commas_and_makes_a_text_one_line(tmp_path):
    rows = banking(tmp_path, 'text,category\r\n"Help, please",card\r\n"\nWhere is\n\nit?  Now.\n",lost_card\r\n')
    assert rows == [Row(0, "Help, please", "card"), Row(1, "Where is it?  Now.", "lost_card")]


def test_goemotions_keeps_rows_with_one_label(tmp_path):
    rows = emotions(tmp_path, 'so "good" \t0\ta\nbad\t1,2\tb\noh\u2028no\t2\tc\n')
    assert rows == [Row(0, 'so "good"', "joy"), Row(2, "oh\u2028no", "love")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"b\.csv: line 1: '' instead of the header"),
        ("label,text\na,b\n", r"b\.csv: line 1: 'label,text' instead of the header 'text,category'"),
        ("text,category\na,b\na,b,c\n", r"b\.csv: line 3: 3 cells with text, Banking77 has 2"),
        ('text,category\n"a\nb",c\na\n', r"b\.csv: line 4: 1 cells with text"),
        ("text,category\na,b\n ,b\n", r"b\.csv: line 3: 1 cells with text"),
        ("text,category\n", r"b\.csv: no row"),
    ],
)
def test_another_layout_than_banking77_is_told(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        banking(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\t0\tid\na\tjoy\tid\n", r"e\.tsv: line 2: not text, label numbers and id"),
        ("a\t0\n", r"e\.tsv: line 1: not text, label numbers and id"),
        ("a\t3\tid\n", r"e\.tsv: line 1: label 3, but .*labels\.txt has 3 labels"),
        ("a\t0,1\tid\n", r"e\.tsv: no row"),
    ],
)
def test_another_layout_than_goemotions_is_told(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        emotions(tmp_path, text)


def test_labels_come_in_order_of_first_appearance():
    groups = by_label(rows_of("bacab"))
    assert {label: [row.number for row in group] for label, group in groups.items()} == {
        "b": [0, 4],
        "a": [1, 3],
        "c": [2],
    }


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        ("bbaacc", "bacbac"),
        ("bbacccdd", "bacdbccd"),  # in round 2 the place of a goes to c, the next later label with a row left
        ("bbbac", "bacbb"),  # no later label has rows left: the places of a and c are empty
        ("abbb", "abbb"),
    ],
)
def test_rounds_fill_the_place_of_a_label_that_ran_out(labels, order):
    assert "".join(row.label for row in rounds(by_label(rows_of(labels)))) == order


def test_the_nearest_row_shares_most_different_words_and_is_the_last_of_several():
    query = Row(0, "My card, my CARD is lost", "?")
    rows = [
        Row(1, "my card", "a"),
        Row(2, "Card lost my", "b"),
        Row(3, "lost my card!", "c"),
        Row(4, "my my my my", "d"),
    ]
    assert nearest(query, rows).label == "c"
    assert nearest(query, rows[:2]).label == "b"
    assert nearest(Row(0, "zzz", "?"), rows).label == "d"


def test_real_banking77(shared_data):
    """Counts from LongICLBench's protocol: 500 test queries are 6 or 7 of each of the 77 classes."""
    train, test = (read_banking77(shared_data(f"banking77/banking_data/{split}.csv")) for split in ("train", "test"))
    assert (len(train), len(test)) == (10_003, 3_080)
    assert min(map(len, by_label(train).values())) == 35
    assert not any("\n" in row.text for row in train)
    chosen = Counter(row.label for row in islice(rounds(by_label(test)), 500))
    assert Counter(chosen.values()) == {6: 39, 7: 38}


def test_real_goemotions(shared_data):
    """Counts from LongICLBench's protocol: rows with one label, and the uneven first 500 test queries."""
    labels = shared_data("goemotions/data/original/labels.txt")
    train, test = (
        read_goemotions(shared_data(f"goemotions/data/original/{split}.tsv"), labels) for split in ("train", "test")
    )
    assert (len(train), len(test)) == (36_308, 4_590)
    assert sorted((len(rows), label) for label, rows in by_label(train).items())[:2] == [(39, "grief"), (51, "pride")]
    chosen = Counter(row.label for row in islice(rounds(by_label(test)), 500))
    uneven = {"joy": 26, "nervousness": 12, "pride": 7, "relief": 7, "grief": 2}
    assert {label: chosen.pop(label) for label in uneven} == uneven
    assert set(chosen.values()) == {19, 20}
