"""Bits per byte of held-out text, overall and by position, from what reading tasks record per position bucket."""

import re

import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval, ratio_interval
from mmv2.reporting.accuracies import SEED
from mmv2.reporting.seeds import by_seed

TASK = "bits_per_byte"
_BITS = re.compile(r"detail_bits_(\d+)")


def bounds(records: pd.DataFrame) -> list[int]:
    """Upper ends, in tokens, of the position buckets that the records have; raises UserError when there are none."""
    matches = (_BITS.fullmatch(str(name)) for name in records.dropna(axis="columns", how="all"))
    found = sorted(int(match[1]) for match in matches if match)
    if not found:
        raise UserError(f"records: none of {TASK} has bits per position bucket; evaluate {TASK} again")
    return found


def bits_per_byte(records: pd.DataFrame, bound: int | None = None) -> Interval:
    """Bits over bytes of one checkpoint's windows of text, with the interval over windows, and over training seeds.

    Args:
        records: of windows that do not overlap.
        bound: of the position bucket to look at; None: all. Windows that end before it do not count.
    """
    buckets = bounds(records) if bound is None else [bound]
    bits, lengths = (
        records[[f"detail_{name}_{bucket}" for bucket in buckets]].fillna(0).sum(axis="columns").astype(float)
        for name in ("bits", "bytes")
    )
    read = lengths > 0
    these = records[read]
    return ratio_interval(by_seed(these, bits[read]), by_seed(these, lengths[read]), SEED)
