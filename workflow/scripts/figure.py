"""Adapter of rule figure."""

from pathlib import Path

from mmv2.job import job
from mmv2.reporting.of_runs import render_run_figure
from mmv2.reporting.render import render_figure

with job(snakemake.log[0]):
    name, stem = snakemake.wildcards.figure, Path(snakemake.output[0]).with_suffix("")
    records, metrics, runs = ([Path(file) for file in snakemake.input[key]] for key in ("records", "metrics", "runs"))
    if runs:
        render_run_figure(name, runs, stem)
    else:
        render_figure(name, records, metrics, stem)
