"""Table 7: RULER of compression methods, as published, beside models of that kind trained here."""

import pandas as pd

from mmv2.reporting.accuracies import accuracy
from mmv2.reporting.selection import of_task
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._compression import beside_compression, compression_table

TASK = "ruler_qa"


def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) on RULER of models that compress their context into a state, over the context length.

    Published rows are the paper's numbers of public models, which were not run here; they are of other RULER tasks, of
    which the paper gives one number, so their columns are apart. Its llama2-7b is an attention model, to compare with.
    Measured rows are of RULER question answering: models of the transformers library (state-space and recurrent models
    among them), the transformer and Memory Mosaics v2, all trained here on the same tokens; their sizes are in the
    column of parameters. They are of other generations than the published: RWKV-4 here, RWKV-5 there, Mamba-2 here,
    Mamba there. Learning rates were searched for the transformer and Memory Mosaics v2 alone; models of the library
    have the transformer's. All are of one stage: fine-tuned on long contexts, or trained from scratch where no model of
    that library was fine-tuned. Cells hold the mean over examples with its 95 % interval: bootstrap, or exact
    (Clopper-Pearson) where all score the same. Chance and copying need no model. An empty cell was not measured, or is
    not reported in the paper.
    """
    measured = of_task(beside_compression(records), TASK)
    return compression_table(
        measured,
        records,
        published,
        "context_length",
        lambda length: f"{length:g} tokens",
        lambda cell: accuracy(cell, "score_official"),
        measured,
    )


TABLE = TableSpec(
    title="RULER of compression methods (Table 7)",
    published="table07_compression_methods_ruler.csv",
    build=build,
)
