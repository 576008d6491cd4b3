"""Takes one accuracy out of the four prompt styles of in-context learning, in three ways.

The paper reports, for every number of shots, the best of the four styles on the test examples: a maximum of four
estimates, which is on average too high, the more so the fewer the examples. Beside it stand the mean of the four, and
the style that was best on development examples, which test examples had no part in.
"""

from typing import Literal

import pandas as pd

from mmv2.errors import UserError
from mmv2.records import CHECKPOINT
from mmv2.reporting.fields import main_score

Way = Literal["best on test", "mean", "best on dev"]
CELL = [*CHECKPOINT, "seed", "subtask", "label_kind", "num_shots"]
"""What a style is chosen for: checkpoint, training seed, data set, kind of labels, shots."""


def best_style(records: pd.DataFrame, how: Way, score: str | None = None) -> pd.DataFrame:
    """One record per test query in place of one for each prompt style.

    Args:
        records: of one task that has prompt styles, of the splits that are needed.
        how: best on test: in every cell (see ``CELL``) the style of greatest mean main score there; best on dev: the
            style of greatest mean main score on the cell's development records; mean: scores, chance and baselines are
            means over the styles. Of equally good styles the first in the alphabet is taken.
        score: column to judge by; None: the main score.

    Returns:
        Test records, one per cell and ``example_id``, so that resampling records resamples queries. ``prompt_style``
        holds ``how``, the same for all, so that two checkpoints can be paired; ``chosen_style`` the style taken (None
        for the mean).

    Raises:
        UserError: the styles of a cell asked different queries, or a cell has no development records.
    """
    test = records[records["split"] == "test"]
    _check_same_queries(test)
    if how == "mean":
        scores = [name for name in test if str(name).startswith(("score_", "baseline_")) or name == "chance"]
        query = [*CELL, "example_id"]
        found = test.assign(**test.groupby(query, dropna=False)[scores].transform("mean")).drop_duplicates(query)
        return found.assign(prompt_style=how, chosen_style=None)
    judged = test if how == "best on test" else records[records["split"] == "dev"]
    best = _best(judged, score)
    keys = pd.MultiIndex.from_frame(_keys(test))
    if not keys.isin(best.index).all():
        cell = dict(zip(CELL, keys[~keys.isin(best.index)][0], strict=True))
        raise UserError(
            f"records: {cell['run']}: no development records of {cell['subtask']}, {cell['label_kind']} labels, "
            f"{cell['num_shots']} shots to choose a prompt style on; freeze some, or leave this result out"
        )
    chosen = best.loc[keys].to_numpy()
    found = test.assign(chosen_style=chosen)
    return found[found["prompt_style"] == found["chosen_style"]].assign(prompt_style=how)


def _best(records: pd.DataFrame, score: str | None) -> pd.Series:
    """Per cell its best style."""
    if records.empty:
        return pd.Series(dtype=object, index=pd.MultiIndex.from_arrays([[]] * len(CELL), names=CELL))
    values = _keys(records).assign(prompt_style=records["prompt_style"], value=records[score or main_score(records)])
    means = values.groupby([*CELL, "prompt_style"])["value"].mean().reset_index()
    # Rounded, so that a style is not better by the order in which its scores were added.
    means["value"] = means["value"].round(9)
    means = means.sort_values(["value", "prompt_style"], ascending=[False, True])
    return means.drop_duplicates(CELL).set_index(CELL)["prompt_style"]


def _keys(records: pd.DataFrame) -> pd.DataFrame:
    """The cell of each record, empty values as text: missing values are no keys."""
    return records[CELL].assign(reduction=records["reduction"].map(lambda name: "" if pd.isna(name) else name))


def _check_same_queries(test: pd.DataFrame) -> None:
    queries = test.groupby([*CELL, "prompt_style"], dropna=False)["example_id"].agg(frozenset)
    differing = queries.groupby(CELL, dropna=False).nunique() > 1
    if differing.any():
        run = differing.index[differing][0][0]
        raise UserError(f"records: {run}: prompt styles asked different queries; freeze all styles with the same ones")
