"""Bits per byte of held-out text."""

import numpy as np
import pandas as pd

from mmv2.evaluation.statistics import Interval, ratio_interval
from mmv2.reporting.accuracies import SEED, counts, percent, reference
from mmv2.reporting.bits import TASK, bits_per_byte
from mmv2.reporting.fields import main_score
from mmv2.reporting.seeds import by_seed
from mmv2.reporting.selection import check_comparable, of_task
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._rows import NO_MODEL, Row, assembled, checkpoints, measured_row


def build(records: pd.DataFrame) -> pd.DataFrame:
    """Bits per byte of held-out text (lower is better) and accuracy of the next token (%, higher is better).

    Columns are windows of so many tokens, each read from its beginning. Bits per byte are the bits of all windows over
    their bytes, which does not depend on the tokenizer, with a 95 % bootstrap interval over windows; windows of one
    text are taken as independent. Next-token accuracy is the share of tokens that were the most probable one, a mean
    over windows with such an interval; chance always says the most frequent token of the development texts. The paper
    has no such table.
    """
    measured = of_task(records, TASK)
    reduced = records[(records["task"] == TASK) & records["reduction"].notna()]["reduction"].unique()
    measured = pd.concat([measured, *(of_task(records, TASK, reduction=name) for name in sorted(reduced))])
    check_comparable(measured)
    lengths = sorted(measured["context_length"].unique())
    rows = []
    for of_checkpoint in checkpoints(measured):
        row = measured_row(of_checkpoint, records, counts(of_checkpoint, ["context_length"]))
        groups = {length: of_checkpoint[of_checkpoint["context_length"] == length] for length in lengths}
        row |= {f"bits per byte, {length} tokens": bits_per_byte(group) for length, group in groups.items()}
        row |= {f"next-token accuracy, {length} tokens": _next_token(group) for length, group in groups.items()}
        rows.append((str(of_checkpoint["arch"].iloc[0]), row))
    return assembled(rows, [], [_chance(measured, lengths)])


def _next_token(records: pd.DataFrame) -> Interval:
    """Mean over windows in percent. Without made-up windows, of which all tokens are right or none: real ones differ by
    a few points, so that two such ones would be most of the interval.
    """
    shares = by_seed(records, records[main_score(records)])
    return percent(ratio_interval(shares, np.ones(shares.shape), SEED))


def _chance(measured: pd.DataFrame, lengths: list[int]) -> Row:
    row: Row = {"model": "Chance", "source": NO_MODEL}
    row |= {f"bits per byte, {length} tokens": None for length in lengths}
    groups = {length: measured[measured["context_length"] == length] for length in lengths}
    return row | {
        f"next-token accuracy, {length} tokens": reference(these, "chance") for length, these in groups.items()
    }


TABLE = TableSpec(title="Bits per byte of held-out text", decimals=3, build=build)
