import csv

import pandas as pd
import pytest

from mmv2.evaluation.statistics import Interval
from mmv2.reporting.writer import rounded, write_table


@pytest.fixture
def written(tmp_path):
    rows = [
        {"model": "a_b|c & d", "n": 1234567, "x: 5%": Interval(44.31, 40.0, 48.55, 500), "y": 0.0},
        {"model": "published", "n": None, "x: 5%": 45.0, "y": None},
        {"model": "known", "n": None, "x: 5%": Interval(12.5, 12.5, 12.5, 8), "y": 1.25},
        {"model": "neither", "n": 7, "x: 5%": None, "y": float("nan")},
    ]
    write_table(pd.DataFrame(rows, dtype=object), "Title", "A caption,\nin two lines: 95 %.", tmp_path / "t.v1")
    return {ending: (tmp_path / f"t.v1.{ending}").read_text() for ending in ("csv", "md", "tex")}


def test_csv_holds_numbers_and_intervals_in_three_columns(written):
    rows = list(csv.DictReader(written["csv"].splitlines()))
    assert rows == [
        {"model": "a_b|c & d", "n": "1234567", "x: 5%": "44.31", "x: 5%, low": "40", "x: 5%, high": "48.55", "y": "0"},
        {"model": "published", "n": "", "x: 5%": "45", "x: 5%, low": "", "x: 5%, high": "", "y": ""},
        {"model": "known", "n": "", "x: 5%": "12.5", "x: 5%, low": "12.5", "x: 5%, high": "12.5", "y": "1.25"},
        {"model": "neither", "n": "7", "x: 5%": "", "x: 5%, low": "", "x: 5%, high": "", "y": ""},
    ]


def test_markdown_is_for_people(written):
    assert written["md"] == (
        "## Title\n\nA caption,\nin two lines: 95 %.\n\n"
        "| model | n | x: 5% | y |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| a_b\\|c & d | 1,234,567 | 44.3 [40.0, 48.5] | 0.0 |\n"
        "| published |  | 45.0 |  |\n"
        "| known |  | 12.5 | 1.2 |\n"
        "| neither | 7 |  |  |\n"
    )


def test_latex_escapes_what_is_special(written):
    text = written["tex"]
    assert r"\caption{Title. A caption, in two lines: 95 \%.}" in text
    assert r"\label{tab:t.v1}" in text
    assert r"\begin{tabular}{lrrr}" in text
    assert r"model & n & x: 5\% & y \\" in text
    assert r"a\_b|c \& d & 1,234,567 & 44.3 [40.0, 48.5] & 0.0 \\" in text
    assert r"published &  & 45.0 &  \\" in text


def test_decimals_are_those_asked_for(tmp_path):
    rows = [{"a": Interval(1.23456, 1.0, 1.5, 9), "b": 2.0, "c": 3}]
    write_table(pd.DataFrame(rows, dtype=object), "T", "c", tmp_path / "t", decimals=3)
    assert "| 1.235 [1.000, 1.500] | 2.000 | 3 |" in (tmp_path / "t.md").read_text()


def test_latex_of_all_special_signs(tmp_path):
    write_table(pd.DataFrame([{"x": "\\~^&%$#_{}"}]), "T", "c", tmp_path / "t")
    expected = r"\textbackslash{}\textasciitilde{}\textasciicircum{}\&\%\$\#\_\{\} \\"
    assert expected in (tmp_path / "t.tex").read_text()


def test_what_rounds_to_zero_has_no_sign(tmp_path):
    rows = [{"a": Interval(-0.04, -0.06, 0.02, 9), "b": -0.01}, {"a": None, "b": -0.0}]
    write_table(pd.DataFrame(rows, dtype=object), "T", "c", tmp_path / "t")
    assert (tmp_path / "t.csv").read_text().splitlines()[1:] == ["-0.04,-0.06,0.02,-0.01", ",,,0"]
    assert "| 0.0 [-0.1, 0.0] | 0.0 |" in (tmp_path / "t.md").read_text()
    assert (rounded(-0.0004, 3), rounded(-0.0006, 3), rounded(-12.34)) == ("0.000", "-0.001", "-12.3")


def test_a_word_among_numbers_leaves_them_on_the_right(tmp_path):
    rows = [{"model": "m", "a": 1.0}, {"model": "n", "a": "not measured"}, {"model": "o", "a": None}]
    write_table(pd.DataFrame(rows, dtype=object), "T", "c", tmp_path / "t")
    assert "| --- | ---: |" in (tmp_path / "t.md").read_text()
