"""One size of each architecture: Figures 13 and 14 of the paper are of the smallest, other results of the largest."""

import pandas as pd

from mmv2.errors import UserError
from mmv2.reporting.fields import WIDTH, field
from mmv2.reporting.selection import compared, fine_tuned


def largest(records: pd.DataFrame) -> pd.DataFrame:
    """Of each architecture the models of greatest width; one that tells no width has one size."""
    return records[widths(records).eq(widths(records).groupby(records["arch"]).transform("max"))]


def smallest(records: pd.DataFrame) -> pd.DataFrame:
    """Of each architecture the models of least width; one that tells no width has one size."""
    return records[widths(records).eq(widths(records).groupby(records["arch"]).transform("min"))]


def widths(records: pd.DataFrame) -> pd.Series:
    """Of each record's model; 0 where it tells none."""
    return field(records, WIDTH).fillna(0)


def large_ones(records: pd.DataFrame) -> pd.DataFrame:
    """The paper's own models as in its main comparison, fine-tuned, each in its largest size."""
    return largest(fine_tuned(compared(records)))


def small_ones(records: pd.DataFrame) -> pd.DataFrame:
    """The paper's own models as in its main comparison, fine-tuned, each in its smallest size.

    Raises:
        UserError: no architecture has several sizes: its only one is what the figures of the large size show.
    """
    found = fine_tuned(compared(records))
    if widths(found).groupby(found["arch"]).nunique().max() < 2:
        raise UserError(
            "records: no architecture was trained in several sizes; give the suite a smaller one, or leave this out"
        )
    return smallest(found)
