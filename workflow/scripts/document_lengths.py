"""Adapter of rule document_lengths."""

from pathlib import Path

from mmv2.data.document_lengths import write_document_lengths
from mmv2.job import job

with job(snakemake.log[0]):
    corpus = Path(snakemake.input[0]).parent
    write_document_lengths(corpus, snakemake.params.contexts, Path(snakemake.output[0]))
