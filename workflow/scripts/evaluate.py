"""Adapter of rule evaluate."""

from pathlib import Path

from mmv2.evaluation.evaluate import evaluate
from mmv2.job import job

with job(snakemake.log[0]):
    evaluate(
        Path(snakemake.params.folder),
        Path(snakemake.input.examples),
        Path(snakemake.output[0]),
        batch_size=snakemake.config["evaluation_batch_size"],
        device=None if snakemake.resources.gpu else "cpu",
        context_lengths=snakemake.params.context_lengths,
    )
