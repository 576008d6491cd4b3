"""Table 11: RULER question answering of public base models, as published, beside what was measured here."""

import pandas as pd

from mmv2.reporting.selection import compared, fine_tuned, of_task
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._over_length import over_length

OURS = "mmv2_"
"""How the paper's own models begin in its file."""


def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) on RULER question answering of public base models, over the context length.

    Rows of public models are the paper's numbers and nothing else: none of these models was run here. The length in
    their name is the context that they claim. By what the paper says they had up to 128 new tokens to answer in, its
    own models 32; an answer counts wherever it stands among them, so that more of them help. Measured rows, and the
    columns, are those of Table 4: columns are headed by the context length in units of the training context, then by
    its tokens as measured / as published, for a training context of 32k; rows of public models belong to the published
    tokens alone. Cells of measured rows hold the mean over examples with its 95 % interval: bootstrap, or exact
    (Clopper-Pearson) where all examples score the same. An empty cell was not measured, or is not reported in the
    paper.
    """
    ours = published["model"].str.startswith(OURS)
    own = published[ours].rename(columns={"claimed_length": "context_length"})
    found = over_length(of_task(compared(fine_tuned(records)), "ruler_qa"), records, own)
    public = [_row(row, [str(name) for name in found]) for _, row in published[~ours].iterrows()]
    rows = [*found.to_dict("records"), *public]
    return pd.DataFrame(rows, columns=list(found), dtype=object)


def _row(row: pd.Series, columns: list[str]) -> dict[str, str | float | None]:
    heads = {column.rpartition(" / ")[2]: column for column in columns if " / " in column}
    cells = {heads[name]: float(row[name]) for name in row.index if name in heads and pd.notna(row[name])}
    told = {"model": f"{row['model']}, claimed context {row['claimed_length']}", "source": "published"}
    return {**dict.fromkeys(columns), **told, "score": "official", **cells}


TABLE = TableSpec(
    title="RULER question answering of public base models (Table 11)",
    published="table11_public_base_models_ruler_qa.csv",
    build=build,
)
