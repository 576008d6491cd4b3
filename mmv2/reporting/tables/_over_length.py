"""Tables of RULER accuracy over the context length: 3, 4, 5, 10, 12 and 13 of the paper.

Measured and published lengths share a column where they are the same multiple of the training context of the checkpoint
that answered.
"""

from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from mmv2.evaluation.contrasts import contrast
from mmv2.evaluation.statistics import Interval
from mmv2.reporting.accuracies import SEED, accuracy, counts, distinct_examples, reference, references
from mmv2.reporting.answers import mean_terms
from mmv2.reporting.fields import FIXED_DELAY, field, ratio_name
from mmv2.reporting.published import count, published_model, tokens
from mmv2.reporting.tables._rows import NO_MODEL, Cell, Row, assembled, checkpoints, measured_row, published_row
from mmv2.reporting.variants import is_fixed

SCORES = ("official", "strict")
AVERAGED = "ruler_qa"
"""The task of which the paper reports one number over its subtasks."""
DELAYS = {"no": "fixed", "yes": "drawn"}
"""Table 12's column stochastic_long_term, in words."""
_DELAY = "setting_long_term_delay"


def over_length(
    measured: pd.DataFrame, records: pd.DataFrame, published: pd.DataFrame, delays: bool = False
) -> pd.DataFrame:
    """The table.

    Args:
        measured: comparable records of one RULER task, of the checkpoints to show.
        records: all there are.
        published: the paper's numbers, columns of lengths such as 4k.
        delays: whether a column tells how the long-term delay was trained.
    """
    measured = measured.assign(ratio=measured["context_length"] / measured["training_context"])
    (context,) = published["context_length"].unique()
    lengths = [name for name in published.columns if name[:-1].isdigit() and name.endswith("k")]
    reported = {tokens(name) / tokens(context): name for name in lengths}
    heads = {ratio: _head(ratio, measured, reported) for ratio in sorted({*measured["ratio"], *reported})}
    return assembled(
        _measured(measured, records, heads, delays),
        [_published(row, reported, heads) for _, row in published.iterrows()],
        _no_model(measured, heads),
    )


def _head(ratio: float, measured: pd.DataFrame, reported: Mapping[float, str]) -> str:
    lengths = sorted(measured.loc[measured["ratio"] == ratio, "context_length"].unique())
    here = ", ".join(str(length) for length in lengths) or "-"
    return f"{ratio_name(ratio)}: {here} / {reported.get(ratio, '-')}"


def _measured(
    measured: pd.DataFrame, records: pd.DataFrame, heads: Mapping[float, str], delays: bool
) -> Iterator[tuple[str, Row]]:
    fixed = measured[field(measured, FIXED_DELAY).eq(True)]
    several = field(fixed, _DELAY).nunique() > 1
    for of_checkpoint in checkpoints(measured):
        first = of_checkpoint.iloc[0]
        for subtask, these, mean in _subtasks(of_checkpoint):
            number = counts(these, ["context_length", "subtask"])
            row = {**measured_row(these, records, number), "subtask": subtask}
            if delays:
                row["long-term delay"] = DELAYS["no" if is_fixed(first) else "yes"]
                if several and is_fixed(first):
                    row["long-term delay"] = f"{DELAYS['no']}, {first[_DELAY]:g}"
            for score in SCORES:
                groups = {ratio: mean(group, f"score_{score}") for ratio, group in these.groupby("ratio")}
                cells = {head: groups.get(ratio) for ratio, head in heads.items()}
                yield str(first["arch"]), {**row, "score": score, **cells}


def _subtasks(
    of_checkpoint: pd.DataFrame,
) -> Iterator[tuple[str, pd.DataFrame, Callable[[pd.DataFrame, str], Interval]]]:
    """The records of each subtask and how they are averaged; where question answering has several, all of them too.

    One number per length in the paper is taken as the mean of its two tasks, SQuAD and HotpotQA (protocols.md, 0).
    """
    by_subtask = [(str(name), these) for name, these in of_checkpoint.groupby("subtask")]
    for name, these in by_subtask:
        yield name, these, accuracy
    if len(by_subtask) > 1 and of_checkpoint["task"].iloc[0] == AVERAGED:
        yield f"mean of {' and '.join(name for name, _ in by_subtask)}", of_checkpoint, _mean_of_subtasks


def _mean_of_subtasks(records: pd.DataFrame, score: str) -> Interval:
    """Mean over subtasks of accuracies in percent; examples are resampled within each."""
    found = contrast(mean_terms(records, "", score), SEED)
    return Interval(100 * found.mean, 100 * found.low, 100 * found.high, found.num_examples)


def _published(row: pd.Series, reported: Mapping[float, str], heads: Mapping[float, str]) -> tuple[str, Row]:
    model = published_model(row["model"])
    scale: dict[str, Cell] = {
        "score": "official",
        "training context": tokens(row["context_length"]),
        "training tokens": count(row["train_tokens"]) if "train_tokens" in row else None,
        "long-term delay": DELAYS[row["stochastic_long_term"]] if "stochastic_long_term" in row else None,
    }
    values = {ratio: float(row[name]) for ratio, name in reported.items()}
    return model.arch, published_row(model, scale, {head: values.get(ratio) for ratio, head in heads.items()})


def _no_model(measured: pd.DataFrame, heads: Mapping[float, str]) -> Iterator[Row]:
    """A row per baseline; a row per training context where contexts put different numbers into the same column."""
    for subtask, of_subtask in measured.groupby("subtask"):
        for column, name in references(of_subtask).items():
            rows: dict[int | None, dict[str, Cell]] = {}
            for context, these in of_subtask.groupby("training_context"):
                found = {ratio: reference(group, column) for ratio, group in these.groupby("ratio")}
                rows[int(str(context))] = {head: found.get(ratio) for ratio, head in heads.items()}
            together = _together(list(rows.values()))
            number = counts(distinct_examples(of_subtask), ["context_length"])
            for place, cells in rows.items() if together is None else [(None, together)]:
                yield {
                    "model": name,
                    "source": NO_MODEL,
                    "subtask": str(subtask),
                    "score": "official",
                    "training context": place,
                    "examples per number": number,
                    **cells,
                }


def _together(rows: list[dict[str, Cell]]) -> dict[str, Cell] | None:
    """One row of all cells that are given in any, None where two differ."""
    found: dict[str, Cell] = dict.fromkeys(rows[0])
    for row in rows:
        for head, cell in row.items():
            if cell is not None and found[head] not in (None, cell):
                return None
            found[head] = found[head] if cell is None else cell
    return found
