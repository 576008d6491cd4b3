"""Numbers out of records: accuracies over examples and seeds, and what trivial answers reach."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from mmv2.evaluation.contrasts import mean_over_seeds
from mmv2.evaluation.statistics import Interval
from mmv2.records import EXAMPLE
from mmv2.reporting.fields import field
from mmv2.reporting.seeds import by_seed, complete, num_seeds

SEED = 0
"""Of all bootstrap intervals in reports."""
CONSTANT = "baseline_constant_answer"
"""See ``with_constant_answer``."""
BASELINES = {
    "chance": "Chance",
    "baseline_nearest_match": "Nearest match, no model",
    CONSTANT: "Best constant answer, no model",
}
"""Columns of trivial answers, and their names in tables and legends; what they are depends on the task."""


def accuracy(records: pd.DataFrame, score: str) -> Interval:
    """Mean of a score column in percent, with its interval; the records are one per training seed and example."""
    return percent(mean_over_seeds(by_seed(records, records[score]), SEED))


def accuracy_by_query(records: pd.DataFrame, score: str) -> Interval:
    """As ``accuracy`` where a query was asked several times, at several lengths or in several prompt styles.

    Queries are resampled, not records: asked again, a query tells less than another query.
    """
    if num_seeds(records) == 1:
        return percent(mean_over_seeds(records.groupby("example_id")[score].mean().to_numpy(), SEED))
    queries = records.groupby(["seed", "example_id"])[score].mean()
    return percent(mean_over_seeds(complete(queries.unstack("example_id"), records), SEED))


def reference(records: pd.DataFrame, column: str) -> Interval:
    """Mean in percent of a trivial answer's column.

    Where answers come from a known set, or from those that the prompt tells, chance is a share of it: known, not
    estimated, so without an interval.
    """
    values = distinct_examples(records)[column]
    if column == "chance" and chance_is_known(values):
        mean = 100 * float(values.mean())
        return Interval(mean, mean, mean, len(values))
    return percent(mean_over_seeds(values.to_numpy(), SEED))


def with_constant_answer(records: pd.DataFrame, cell: Sequence[str]) -> pd.DataFrame:
    """The records with the scores of the best constant answer: the one that is right most often in a cell of questions.

    Where a test set has more questions of some classes than of others, chance is less than an answer can get that looks
    at no question: 5 % instead of 4 % on LongICLBench's queries of GoEmotions.

    Args:
        records: whose first reference is the only right answer.
        cell: columns that tell the cells.
    """
    right = records["references"].str[0]
    most = right.groupby([records[name] for name in cell], dropna=False).transform(lambda of_cell: min(of_cell.mode()))
    return records.assign(**{CONSTANT: right.eq(most).astype(float)})


def chance_is_known(values: pd.Series) -> bool:
    """Whether chance is a share of the possible answers, per example, and not whether a blind guess is right."""
    return bool(values.between(0, 1, inclusive="neither").any())


def references(records: pd.DataFrame, names: Mapping[str, str] = BASELINES) -> dict[str, str]:
    """Those trivial answers that all the records have."""
    return {column: name for column, name in names.items() if field(records, column).notna().all()}


def percent(found: Interval) -> Interval:
    """A share and its interval in percent."""
    return replace(found, mean=100 * found.mean, low=100 * found.low, high=100 * found.high)


def distinct_examples(records: pd.DataFrame) -> pd.DataFrame:
    """One record per example: for what depends on the example alone, such as chance."""
    return records.drop_duplicates([*EXAMPLE, "data_hash"])


def counts(records: pd.DataFrame, by: Sequence[str]) -> str:
    """How many records stand behind one number, such as 50 or 40 to 50; of several training seeds 3 seeds x 50."""
    if "seed" not in records:
        return span(records.groupby(list(by), dropna=False).size())
    keys = list(dict.fromkeys([*by, "seed"]))
    told = span(records.groupby(keys, dropna=False).size())
    seeds = records.groupby(list(by), dropna=False)["seed"].nunique()
    return told if seeds.max() <= 1 else f"{span(seeds)} seeds x {told}"


def span(numbers: pd.Series) -> str:
    """Such as 50 or 40 to 50."""
    low, high = numbers.min(), numbers.max()
    return str(low) if low == high else f"{low} to {high}"
