"""Adapter of rule table."""

from pathlib import Path

from mmv2.job import job
from mmv2.reporting.of_runs import render_run_table
from mmv2.reporting.render import render_table

with job(snakemake.log[0]):
    name, stem = snakemake.wildcards.table, Path(snakemake.output[0]).with_suffix("")
    records, metrics, runs = ([Path(file) for file in snakemake.input[key]] for key in ("records", "metrics", "runs"))
    if runs:
        render_run_table(name, runs, stem)
    else:
        render_table(name, records, metrics, stem)
