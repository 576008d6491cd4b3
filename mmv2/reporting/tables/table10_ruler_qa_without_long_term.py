"""Table 10: RULER question answering after the long-term memory was removed."""

import pandas as pd

from mmv2.reporting.selection import compared, fine_tuned, with_reductions
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._over_length import over_length


def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) on RULER question answering over the context length, with and without long-term memory.

    Rows without long-term memory are the same trained model as the row that is named by the same run, the memory and
    its half of the output projection taken out after training, nothing trained after that. Columns are headed by the
    context length in units of the training context, then by its tokens as measured / as published. Measured rows are
    runs fine-tuned on long contexts, with data budget 1. Cells hold the mean over examples with its 95 % interval:
    bootstrap, or exact (Clopper-Pearson) where all examples score the same. Published rows are the paper's, at its own
    scale: they compare with measured ones by architecture and ratio of lengths, not by the number itself. The official
    score counts an answer that occurs anywhere in the generated text, the strict one an answer that begins it. Chance
    and copying need no model; chance is that of a word of the right kind drawn from the documents, where word lists
    tell the kinds, and else of the most frequent answer to questions with the same ending in the development file. An
    empty cell was not measured, or is not reported in the paper.
    """
    measured = with_reductions(compared(fine_tuned(records)), "ruler_qa")
    reduced = measured["arch"][measured["reduction"].notna()]
    measured = measured[measured["arch"].isin(reduced)]
    return over_length(measured, records, published)


TABLE = TableSpec(
    title="RULER question answering without long-term memory (Table 10)",
    published="table10_ruler_qa_without_long_term.csv",
    build=build,
)
