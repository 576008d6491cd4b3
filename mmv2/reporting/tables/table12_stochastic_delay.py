"""Table 12: RULER question answering with the long-term delay fixed or drawn in training."""

import pandas as pd

from mmv2.reporting.selection import both_delays, of_task, pretrained
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._over_length import over_length


def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) on RULER question answering over the context length, long-term delay m fixed or drawn in training.

    Drawn: m anew at every training step. Columns are headed by the context length in units of the training context,
    then by its tokens as measured / as published. Measured rows are runs of architectures with a long-term memory,
    trained from scratch with data budget 1, in sizes that have both. Cells hold the mean over examples with its 95 %
    interval: bootstrap, or exact (Clopper-Pearson) where all examples score the same. Published rows are the paper's,
    at its own scale: they compare with measured ones by architecture and ratio of lengths, not by the number itself.
    The official score counts an answer that occurs anywhere in the generated text, the strict one an answer that begins
    it. Chance and copying need no model; chance is that of a word of the right kind drawn from the documents, where
    word lists tell the kinds, and else of the most frequent answer to questions with the same ending in the development
    file. An empty cell was not measured, or is not reported in the paper.
    """
    measured = of_task(both_delays(pretrained(records)), "ruler_qa")
    return over_length(measured, records, published, delays=True)


TABLE = TableSpec(
    title="RULER question answering with fixed and drawn long-term delay (Table 12)",
    published="table12_stochastic_long_term_delay.csv",
    build=build,
)
