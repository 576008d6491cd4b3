"""Adapter of rule figure."""

from pathlib import Path

from mmv2.job import job
from mmv2.reporting.render import render_figure

with job(snakemake.log[0]):
    records = [Path(file) for file in snakemake.input.records]
    metrics = [Path(file) for file in snakemake.input.metrics]
    render_figure(snakemake.wildcards.figure, records, metrics, Path(snakemake.output[0]).with_suffix(""))
