"""The paper's own numbers, as tracked below ``results/published``. An empty cell there means: not reported."""

from pathlib import Path

import pandas as pd

from mmv2.errors import UserError

FOLDER = Path("results") / "published"
"""Relative to the repository, which is where the workflow runs."""


def read_published(path: Path) -> pd.DataFrame:
    """Read a file of published numbers; empty cells are NaN. Raises UserError for a missing file."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; run from the repository, whose results/published holds it")
    try:
        return pd.read_csv(path)
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}; restore the file, it is the paper's") from None


def tokens(text: str) -> int:
    """The paper's short form of a context length: 4k is 4096 tokens."""
    assert text.endswith("k"), text
    return int(text[:-1]) * 1024
