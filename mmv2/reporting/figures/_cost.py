"""What figures of accuracy over cost take out of the records: one accuracy per model and task, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.contrasts import Term, contrast
from mmv2.evaluation.statistics import Interval
from mmv2.reporting.accuracies import SEED
from mmv2.reporting.answers import mean_terms
from mmv2.reporting.cost import flops_per_token
from mmv2.reporting.fields import main_score
from mmv2.reporting.figures._many_shot import NAMES
from mmv2.reporting.prompt_styles import best_style
from mmv2.reporting.selection import benchmarks_task, fine_tuned, of_task

_GROUPS = {"persistent": "persistent knowledge", "context": "information in the prompt"}
"""Of benchmarks, as tables name them; those that are none of the paper's stand in neither."""


@dataclass(frozen=True)
class Measured:
    """One trained model's accuracy on one task, and what it costs."""

    accuracy: Interval
    parameters: int
    flops: int | None
    """Forward FLOPs per token at the training context; None where they cannot be counted."""


def tasks(records: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Title -> answers of fine-tuned models to each of the paper's three dimensions, as far as they were asked.

    Benchmarks are told apart by what they need: a mean over both kinds would tell neither. Question answering is at the
    training context. Of in-context learning the prompt style is the best on test queries.

    Raises:
        UserError: none of them was asked of fine-tuned models.
    """
    tuned = fine_tuned(records)
    there = set(tuned["task"])
    found: dict[str, pd.DataFrame] = {}
    if (benchmarks := benchmarks_task(tuned)) in there:
        asked = of_task(tuned, benchmarks)
        found |= {f"benchmarks, {name}": asked[asked["detail_group"] == group] for group, name in _GROUPS.items()}
    if "ruler_qa" in there:
        asked = of_task(tuned, "ruler_qa")
        found["RULER QA at the training context"] = asked[asked["context_length"] == asked["training_context"]]
    if "many_shot" in there:
        best = best_style(of_task(tuned, "many_shot"), "best on test")
        for kind, these in best.groupby("label_kind"):
            found[f"in-context learning, {NAMES.get(str(kind), kind)}"] = these
    found = {title: these for title, these in found.items() if not these.empty}
    if not found:
        tasks = ", ".join(sorted(records["task"].unique()))
        raise UserError(
            f"records: none of task ruler_qa or many_shot, only of {tasks}; evaluate one or leave this result out"
        )
    return found


def measured(records: pd.DataFrame) -> dict[tuple[str, int], Measured]:
    """Each trained model, by its label and number of parameters.

    Args:
        records: of one task.

    Raises:
        UserError: two models of one label and size.
    """
    found = {}
    for (label, number), these in records.groupby(["label", "num_parameters"]):
        if these["run"].nunique() > 1:
            raise UserError(
                f"records: {' and '.join(sorted(these['run'].unique()))}: models of one name and size; "
                f"give this figure the records of one of them"
            )
        first = these.iloc[0]
        flops = flops_per_token(first, int(first["training_context"]))
        value = in_percent(mean_terms(these, str(label), main_score(these)))
        found[str(label), int(str(number))] = Measured(value, int(str(number)), flops)
    return found


def chance(records: pd.DataFrame) -> float:
    """In percent, as ``mean_terms``; all models were asked the same."""
    first = records.iloc[0]
    one = records[(records["run"] == first["run"]) & (records["seed"] == first["seed"])]
    return in_percent(mean_terms(one, "", "chance")).mean


def in_percent(terms: list[Term]) -> Interval:
    """The contrast of these terms in percent."""
    value = contrast(terms, SEED)
    return Interval(100 * value.mean, 100 * value.low, 100 * value.high, value.num_examples)


def by_label(found: Mapping[tuple[str, int], Measured]) -> dict[str, list[Measured]]:
    """The models of each label, from the smallest to the largest."""
    sizes: dict[str, list[Measured]] = {}
    for (label, _), one in sorted(found.items()):
        sizes.setdefault(label, []).append(one)
    return sizes
