"""What the claims about in-context learning share."""

from collections.abc import Mapping

from mmv2.reporting.answers import Answers
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.published import PRINTED
from mmv2.reporting.verdict import Comparison, Condition, Published, Verdict, compare, falls, judge, rises

ARCHS = ("mmv2", "transformer")
UNIT = "points per doubling of shots"


def able(evidence: Evidence, label_kind: str) -> list[Condition]:
    """Both architectures can classify from the context at all, with labels of that kind."""
    return [evidence.able(arch, "many_shot", label_kind=label_kind) for arch in ARCHS]


def judge_slopes(evidence: Evidence, label_kind: str, figures: Mapping[str, str]) -> Verdict:
    """MMv2's accuracy rises with the number of shots, the transformer's falls; the gap at the most shots is told.

    ``figures``: model size -> the paper's figure that prints a gap.
    """
    mosaic, transformer = (evidence.fine_tuned(arch).in_context(label_kind) for arch in ARCHS)
    mosaic.check_asked_alike(transformer)
    most = [of_model.at(shots=of_model.shots[-1:]) for of_model in (mosaic, transformer)]
    fewest = mosaic.at(shots=mosaic.shots[:1])
    gaps = {size: evidence.published(PRINTED, "points", figure=figure) for size, figure in figures.items()}
    published = Published("gap printed for TACRED, shots not stated", gaps)
    last = f"MMv2 minus transformer at {most[0].shots[0]} shots"
    comparisons = [
        compare("slope of MMv2", mosaic.slope(), rises(mosaic.doublings), unit=UNIT),
        compare("slope of transformer", transformer.slope(), falls(transformer.doublings), unit=UNIT),
        compare(last, most[0].minus(most[1]), None, published=published),
    ]
    return judge([*able(evidence, label_kind), fewest.room], comparisons)


def more_data(evidence: Evidence, label_kind: str) -> tuple[Answers, dict[float, Answers]]:
    """MMv2 at budget 1, and the transformer by its budget."""
    mosaic = evidence.fine_tuned("mmv2").in_context(label_kind)
    return mosaic, {budget: evidence.fine_tuned("transformer", budget).in_context(label_kind) for budget in (1.0, 8.0)}


def gap(mosaic: Answers, transformer: Answers) -> Comparison:
    """MMv2 minus transformer, mean over all numbers of shots: told."""
    return compare(f"MMv2 minus {transformer.name}", mosaic.minus(transformer), None)
