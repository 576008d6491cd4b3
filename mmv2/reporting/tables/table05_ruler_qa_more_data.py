"""Table 5: RULER question answering of models with more and with less training data."""

import pandas as pd

from mmv2.reporting.selection import fine_tuned, more_data, of_task, several_budgets
from mmv2.reporting.sizes import largest
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._over_length import over_length


def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) on RULER question answering over the context length, of models with more and less training data.

    A data budget of 1 stands for the paper's 1T tokens, 0.2 for 200B and 8 for 8T. Columns are headed by the context
    length in units of the training context, then by its tokens as measured / as published. Measured rows are runs
    fine-tuned on long contexts, each architecture in its largest size; training tokens are those of the run that it
    started from. Cells hold the mean over examples with its 95 % interval: bootstrap, or exact (Clopper-Pearson) where
    all examples score the same. Published rows are the paper's, at its own scale: they compare with measured ones by
    architecture and ratio of lengths, not by the number itself. Its transformer with 8T tokens also has grouped-query
    attention and twice the training context; measured runs differ in their training data alone, but for one named by
    grouped-query attention, whose context and documents are twice as long, too. The official score counts an answer
    that occurs anywhere in the generated text, the strict one an answer that begins it. Chance and copying need no
    model; chance is that of a word of the right kind drawn from the documents, where word lists tell the kinds, and
    else of the most frequent answer to questions with the same ending in the development file. An empty cell was not
    measured, or is not reported in the paper.
    """
    measured = of_task(largest(more_data(fine_tuned(records))), "ruler_qa")
    return over_length(several_budgets(measured), records, published)


TABLE = TableSpec(
    title="RULER question answering with more training data (Table 5)",
    published="table05_ruler_qa_more_data.csv",
    build=build,
)
