"""Claim: at equal parameters and at equal FLOPs Memory Mosaics v2 is ahead of the transformer (Figure 12)."""

from math import log

import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.contrasts import Term
from mmv2.reporting.answers import Trained, common_context
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._ruler_qa import TASK, able
from mmv2.reporting.cost import flops_per_token
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.verdict import ABOVE, Comparison, Verdict, compare, judge

COSTS = ("parameters", "FLOPs per token")


def judge_claim(evidence: Evidence) -> Verdict:
    """Fine-tuned, budget 1, RULER QA at the context of fine-tuning: at the parameters, and at the FLOPs per token, of
    the largest transformer, MMv2 is ahead of it. MMv2's accuracy there is on the line between those two of its sizes
    that cost less and more, over the logarithm of the cost.
    """
    largest = {arch: evidence.fine_tuned(arch) for arch in ("mmv2", "transformer")}
    smaller = _smaller(evidence, largest["mmv2"])
    context = common_context(*largest.values(), smaller)
    other = largest["transformer"]
    comparisons = [_comparison(cost, smaller, largest["mmv2"], other, context) for cost in COSTS]
    return judge([*able(evidence), other.of(TASK).at(lengths=[context]).room], comparisons)


def _smaller(evidence: Evidence, largest: Trained) -> Trained:
    """The next smaller size: fewer parameters and less width, so that it is not the same with a part taken out."""
    records = evidence.records
    width = largest.records["setting_hidden_size"].iloc[0] if "setting_hidden_size" in records else None
    if width is None or not (records["setting_hidden_size"] < width).any():
        raise UserError(
            f"records: {largest.name}: there is no smaller size to compare at equal cost; "
            f"give the suite one, or leave this claim out"
        )
    found = Evidence(records[records["setting_hidden_size"] < width], evidence.published_folder).fine_tuned("mmv2")
    return Trained(f"smaller {found.name}", f"smaller {found.arm}", found.records)


def _comparison(cost: str, small: Trained, large: Trained, other: Trained, context: int) -> Comparison:
    costs = {name: _cost(model, cost, context) for name, model in (("small", small), ("large", large))}
    at = _cost(other, cost, context)
    if not costs["small"] <= at <= costs["large"]:
        raise UserError(
            f"records: {cost} of {other.name} ({at:,}) are not between those of {small.name} ({costs['small']:,}) and "
            f"{large.name} ({costs['large']:,}); give the suite such sizes, or leave this claim out"
        )
    share = (log(at) - log(costs["small"])) / (log(costs["large"]) - log(costs["small"]))
    terms: list[Term] = []
    for weight, model in ((1 - share, small), (share, large), (-1.0, other)):
        terms += model.of(TASK).at(lengths=[context]).mean(weight)
    return compare(f"MMv2 minus transformer at {at:,} {cost}", terms, ABOVE)


def _cost(model: Trained, cost: str, context: int) -> int:
    first: pd.Series = model.records.iloc[0]
    if cost == "parameters":
        return int(first["num_parameters"])
    found = flops_per_token(first, context)
    assert found is not None, "evidence is of known architectures"
    return found


CLAIM = ClaimSpec(
    title="Ahead at equal parameters and at equal FLOPs",
    statement="At the same number of parameters, and at the same FLOPs, Memory Mosaics v2 is ahead of the transformer.",
    place="Figure 12",
    dimension="new knowledge",
    published=(),
    judge=judge_claim,
)
