"""Adapter of rule evaluate."""

from pathlib import Path

from mmv2.evaluation.evaluate import evaluate
from mmv2.job import job

with job(snakemake.log[0]):
    final, examples, output = snakemake.input.final[0], snakemake.input.examples, snakemake.output[0]
    batch_size, device = snakemake.config["evaluation_batch_size"], None if snakemake.resources.gpu else "cpu"
    evaluate(Path(final).parent, Path(examples), Path(output), batch_size, device)
