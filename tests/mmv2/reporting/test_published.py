from pathlib import Path

import pandas as pd
import pytest

from mmv2.reporting.published import FOLDER, read_published, tokens

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("text", "count"), [("4k", 4096), ("32k", 32_768), ("1024k", 2**20)])
def test_the_papers_k_is_1024(text, count):
    assert tokens(text) == count


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
