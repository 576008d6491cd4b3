"""Table 4: RULER question answering after fine-tuning on long contexts, at and beyond the training context."""

import pandas as pd

from mmv2.reporting.selection import compared, fine_tuned, of_task
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._over_length import over_length


def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) on RULER question answering over the context length of the task.

    Columns are headed by the context length in units of the training context, then by its tokens as measured / as
    published. Measured rows are runs fine-tuned on long contexts whose pre-training had data budget 1; training tokens
    are those of the run that it started from, where that was evaluated too, fine-tuning tokens those of fine-tuning
    alone. Cells hold the mean over examples with its 95 % interval: bootstrap, or exact (Clopper-Pearson) where all
    examples score the same. Published rows are the paper's, at its own scale: they compare with measured ones by
    architecture and ratio of lengths, not by the number itself. The official score counts an answer that occurs
    anywhere in the generated text, the strict one an answer that begins it. Chance and copying need no model; chance is
    that of a word of the right kind drawn from the documents, where word lists tell the kinds, and else of the most
    frequent answer to questions with the same ending in the development file. An empty cell was not measured, or is not
    reported in the paper.
    """
    measured = of_task(compared(fine_tuned(records)), "ruler_qa")
    return over_length(measured, records, published)


TABLE = TableSpec(
    title="RULER question answering after long-context fine-tuning (Table 4)",
    published="table04_ruler_qa_finetuned_32k.csv",
    build=build,
)
