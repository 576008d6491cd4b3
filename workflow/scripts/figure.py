"""Adapter of rule figure."""

from pathlib import Path

from mmv2.job import job
from mmv2.reporting.render import render_figure

with job(snakemake.log[0]):
    shown, metrics = ([Path(file) for file in snakemake.input[key]] for key in ("shown", "metrics"))
    render_figure(snakemake.wildcards.figure, shown, metrics, Path(snakemake.output[0]).with_suffix(""))
