"""Table 8: in-context learning of compression methods, as published, beside models of that kind trained here."""

import pandas as pd

from mmv2.reporting.accuracies import accuracy
from mmv2.reporting.fields import main_score
from mmv2.reporting.prompt_styles import best_style
from mmv2.reporting.selection import of_task, where
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._compression import beside_compression, compression_table

TASK = "many_shot"


def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) of models that compress their context into a state, over the number of shots, semantic labels.

    Published rows are the paper's numbers of public models on TACRED, which were not run here: F1, as LongICLBench
    reports it, which compares with no accuracy. Its qwen-1.5-7b and mistral-7b are attention models, to compare with.
    Measured rows are of other data sets, so their columns are apart: of models of the transformers library (state-space
    and recurrent models among them), the transformer and Memory Mosaics v2, all trained here on the same tokens; their
    sizes are in the column of parameters. They are of other generations than the published: RWKV-4 here, RWKV-5 there,
    Mamba-2 here, Mamba there. Learning rates were searched for the transformer and Memory Mosaics v2 alone; models of
    the library have the transformer's. All are of one stage: fine-tuned on long contexts, or trained from scratch where
    no model of that library was fine-tuned. Of the prompt styles it is for every number of shots the best on the test
    queries themselves, as the paper takes it, which is on average too high. Cells hold the mean over queries with its
    95 % interval: bootstrap, or exact (Clopper-Pearson) where all score the same. Chance and copying need no model;
    copying is the mean over the styles. An empty cell was not measured, or is not reported in the paper.
    """
    asked = where(of_task(beside_compression(records), TASK), label_kind="semantic")
    measured, score = best_style(asked, "best on test"), main_score(asked)
    return compression_table(
        measured,
        records,
        published,
        "num_shots",
        lambda shots: f"{shots:g}-shot",
        lambda cell: accuracy(cell, score),
        best_style(asked, "mean"),
    )


TABLE = TableSpec(
    title="In-context learning of compression methods (Table 8)",
    published="table08_compression_methods_tacred.csv",
    build=build,
)
