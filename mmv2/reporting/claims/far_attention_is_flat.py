"""Claim: far from the last token, attention of memory mosaics does not depend on the position (Figure 1)."""

import numpy as np
import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.contrasts import Term
from mmv2.reporting.attention import TASK
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._ruler_qa import TASK as QA
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.verdict import LEVEL, Demand, Verdict, compare, judge

MAPS = {"mmv2": "long_term", "transformer": "attention"}
LEAST = 2
"""Groups of positions between which there must be a near and a far half."""


def judge_claim(evidence: Evidence) -> Verdict:
    """Pre-trained, budget 1, attention of the last token in windows of text at the training context, mean over layers
    and heads: of what the long-term memory gives to the groups of positions of which it holds some, the nearer half of
    the positions gets a share that differs from what flat attention would give by less than 2 points. The same of the
    transformer's attention is told beside it. A memory that looks nowhere in particular passes, too: that near the
    last token the position matters, and that needles are found, is in Figure 1 and in attention on the needle. It must
    be a memory in use: Memory Mosaics v2 must be able to answer questions (RULER QA).
    """
    comparisons = []
    for arch, name in MAPS.items():
        model = evidence.pre_trained(arch)
        answers = model.of(TASK, subtask="text").at(lengths=[model.training_context])
        shares = _shares(answers.records, name)
        demand: Demand | None = LEVEL if arch == "mmv2" else None
        terms = [Term(1.0, model.arm, shares, "near"), Term(-1.0, model.arm, shares, "flat")]
        comparisons.append(compare(f"{model.name}: share of the nearer positions minus a flat one", terms, demand))
    return judge([evidence.able("mmv2", QA)], comparisons)


def _shares(records: pd.DataFrame, name: str) -> pd.DataFrame:
    """The records with ``near``, the nearer groups' share of all attention to groups, and ``flat``, their due share."""
    there = records.dropna(axis="columns", how="all")
    layers = [column.split(".")[2] for column in map(str, there) if column.startswith(f"detail_most.{name}.")]
    prefix = f"detail_flat.{name}.age_"
    ages = sorted(int(str(column).removeprefix(prefix)) for column in there if str(column).startswith(prefix))
    held = [age for age in ages if age and (records[f"{prefix}{age}"] > 0).all()]
    if not layers or len(held) < LEAST:
        raise UserError(
            f"records: {', '.join(sorted(records['run'].unique()))}: attention map {name} holds {len(held)} groups of "
            f"positions at this length, too few to tell near from far; measure longer windows or leave this claim out"
        )
    given = {age: _mean(records, [f"detail_attention.{name}.{layer}.age_{age}" for layer in layers]) for age in held}
    due = {age: records[f"{prefix}{age}"] for age in held}
    # Groups double in size, so that the last holds about half of all positions: the nearer half is all others.
    shares = {
        "near": sum(given[age] for age in held[:-1]) / sum(given.values()),
        "flat": sum(due[age] for age in held[:-1]) / sum(due.values()),
    }
    return records.assign(**{column: np.asarray(share, float) for column, share in shares.items()})


def _mean(records: pd.DataFrame, columns: list[str]) -> pd.Series:
    return records[columns].mean(axis=1)


CLAIM = ClaimSpec(
    title="Far attention is flat",
    statement="Far from the last token, attention of memory mosaics does not depend on the position.",
    place="Figure 1",
    dimension="architecture",
    published=(),
    judge=judge_claim,
)
