from pathlib import Path

import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.reporting.published import FOLDER, count, published_model, read_published, tokens

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("text", "count"), [("4k", 4096), ("32k", 32_768), ("1024k", 2**20)])
def test_the_papers_k_is_1024(text, count):
    assert tokens(text) == count


@pytest.mark.parametrize(("text", "number"), [("200B", 200 * 10**9), ("1T", 10**12), ("8.8B", 8_800_000_000)])
def test_tokens_and_parameters_are_told_in_short(text, number):
    assert count(text) == number


@pytest.mark.parametrize(
    ("model", "arch", "name"),
    [
        ("mmv2_small", "mmv2", "Memory Mosaics v2 small"),
        ("transformer_large_gqa_8k", "transformer", "Transformer large, gqa 8k"),
        ("mmv2_large_without_long_term", "mmv2", "Memory Mosaics v2 large, without long-term"),
    ],
)
def test_published_models_are_named_for_people(model, arch, name):
    found = published_model(model)
    assert (found.arch, found.name) == (arch, name)


@pytest.mark.parametrize("path", sorted((ROOT / FOLDER).glob("*.csv")), ids=lambda path: path.stem)
def test_every_published_file_is_a_table_of_distinct_rows(path):
    table = read_published(path)
    assert len(table) > 0
    assert not any(str(column).startswith("Unnamed") for column in table.columns)
    assert not table.duplicated().any()


def test_an_empty_cell_is_no_number(tmp_path):
    (tmp_path / "x.csv").write_text("model,4k,8k\na,1.5,\nb,,0\n")
    table = read_published(tmp_path / "x.csv")
    assert table["4k"].tolist()[0] == 1.5
    assert pd.isna(table.loc[0, "8k"])
    assert pd.isna(table.loc[1, "4k"])
    assert table.loc[1, "8k"] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: empty"),
        (b"model,4k\n", "line 1: a first line and no rows"),
        (b"model,4k,8k\na,1,2\nb,1\n", "line 3: 2 cells, the first line has 3"),
        (b"model,4k,8k\na,1,2,3\n", "line 2: 4 cells, the first line has 3"),
        (b'model,4k\na,1\n"b,2\n', "line 3: unexpected end of data"),
        (b"model,4k,8k\na,1,2\nb,39.O,2\n", "line 3: 4k: '39.O' in a column of numbers"),
        (b"model,4k\na,1\nb,nan\n", "line 3: 4k: 'nan' in a column of numbers"),
        (b"model,4k\na,1\nb\xff,2\n", "line 3: not UTF-8 text"),
    ],
)
def test_a_file_that_does_not_parse_is_told_with_its_line(tmp_path, content, message):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(UserError, match=rf"x\.csv: {message}; restore the file, it is the paper's"):
        read_published(tmp_path / "x.csv")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"x\.csv: no such file"):
        read_published(tmp_path / "x.csv")
