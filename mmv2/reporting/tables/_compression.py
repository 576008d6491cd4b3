"""Tables 7 and 8: compression methods as published, beside models of the transformers library trained here."""

from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.reporting.accuracies import counts, distinct_examples, reference, references
from mmv2.reporting.fields import field
from mmv2.reporting.selection import MAIN_BUDGET, drawn_delay, last_stage, where
from mmv2.reporting.tables._rows import NO_MODEL, Row, assembled, checkpoints, measured_row


def beside_compression(records: pd.DataFrame) -> pd.DataFrame:
    """Runs with data budget 1 of models of transformers, of the transformer and of Memory Mosaics, all of one stage.

    The stage is fine-tuning, or training from scratch where no model of transformers was fine-tuned.

    Raises:
        UserError: no model of transformers was trained.
    """
    found = where(records, budget=MAIN_BUDGET)
    library = found[field(found, "setting_model_type").notna()]
    if library.empty:
        raise UserError(
            "records: none of runs of arch huggingface; give the suite one, such as model_type mamba2, "
            "or leave this result out"
        )
    both = pd.concat([library, drawn_delay(found)])
    return last_stage(both) if library["init_from"].notna().any() else both[both["init_from"].isna()]


def compression_table(
    measured: pd.DataFrame,
    records: pd.DataFrame,
    published: pd.DataFrame,
    column: str,
    head: Callable[[float], str],
    value: Callable[[pd.DataFrame], Interval],
    asked: pd.DataFrame,
) -> pd.DataFrame:
    """Measured rows, the paper's, and what needs no model; columns are apart, as the paper's are of other tasks.

    Args:
        measured: comparable records of one task, one per cell and example.
        records: all there are.
        published: the paper's numbers.
        column: of the records, in which measured columns differ.
        head: of a measured column.
        value: of one cell.
        asked: one record per model and example; they tell what needs no model.
    """
    names = [str(name) for name in published.columns if name != "model"]
    not_theirs = {f"published: {name}": None for name in names}
    heads = {float(place): f"measured: {head(float(place))}" for place in sorted(measured[column].unique())}
    rows: list[tuple[str, Row]] = []
    for of_checkpoint in checkpoints(measured):
        for subtask, these in of_checkpoint.groupby("subtask"):
            cells: Mapping[float, Interval] = {float(str(place)): value(cell) for place, cell in these.groupby(column)}
            row = {**measured_row(these, records, counts(these, [column])), "subtask": str(subtask)}
            row |= {name: cells.get(place) for place, name in heads.items()}
            rows.append((str(these["arch"].iloc[0]), row | not_theirs))
    theirs: list[Row] = []
    for _, paper in published.iterrows():
        numbers = {f"published: {name}": None if pd.isna(paper[name]) else float(paper[name]) for name in names}
        theirs.append({"model": str(paper["model"]), "source": "published", **dict.fromkeys(heads.values()), **numbers})
    return assembled(rows, [], [*theirs, *(row | not_theirs for row in _no_model(asked, column, heads))])


def _no_model(asked: pd.DataFrame, column: str, heads: Mapping[float, str]) -> Iterator[Row]:
    """A row per subtask and trivial answer."""
    for subtask, of_subtask in asked.groupby("subtask"):
        number = counts(distinct_examples(of_subtask), [column])
        for answer, name in references(of_subtask).items():
            found = {float(str(place)): reference(cell, answer) for place, cell in of_subtask.groupby(column)}
            told: Row = {"model": name, "source": NO_MODEL, "subtask": str(subtask), "examples per number": number}
            yield told | {head: found.get(place) for place, head in heads.items()}
