"""Adapter of rule claims."""

from pathlib import Path

from mmv2.job import job
from mmv2.reporting.claims_page import render_claims

with job(snakemake.log[0]):
    records = [Path(file) for file in snakemake.input.records]
    render_claims(snakemake.params.names, records, Path(snakemake.output[0]).with_suffix(""))
