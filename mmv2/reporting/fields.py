"""Columns of the records: what some are called, and how their values are told."""

import numpy as np
import pandas as pd

FIXED_DELAY = "setting_delay_is_fixed"
"""True where m was not drawn anew at every step, empty for architectures without a long-term memory."""
WIDTH = "setting_hidden_size"
"""Column by which sizes are told apart."""
MEMBER = "member"
"""The column with the name that a run had before ``seeds_joined``."""


def field(records: pd.DataFrame, name: str) -> pd.Series:
    """A column, empty where no record has it: settings are those of the runs that are there."""
    return records[name] if name in records else pd.Series(None, index=records.index, dtype=object)


def main_score(records: pd.DataFrame) -> str:
    """The column of the score that the paper reports, of records of one task."""
    (name,) = records["main_score"].unique()
    return f"score_{name}"


def words(name: str) -> str:
    """A name such as without_long_term_memory for people."""
    return name.replace("long_term", "long-term").replace("_", " ")


def ratio_name(ratio: float) -> str:
    """A context length in units of the training context, such as 2x or 1/8x."""
    if ratio < 1 and np.isclose(1 / ratio, round(1 / ratio)):
        return f"1/{round(1 / ratio)}x"
    return f"{ratio:g}x"
