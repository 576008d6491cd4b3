"""Adapter of rule table."""

from pathlib import Path

from mmv2.job import job
from mmv2.reporting.render import render_table

with job(snakemake.log[0]):
    shown, metrics = ([Path(file) for file in snakemake.input[key]] for key in ("shown", "metrics"))
    render_table(snakemake.wildcards.table, shown, metrics, Path(snakemake.output[0]).with_suffix(""))
