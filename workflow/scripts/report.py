"""Adapter of rule report."""

from pathlib import Path

from mmv2.job import job
from mmv2.reporting.report import render_report

with job(snakemake.log[0]):
    claims = snakemake.input.get("claims")
    render_report(
        snakemake.params.suite,
        claims_file=Path(claims) if claims else None,
        table_files=[Path(file) for file in snakemake.input.tables],
        figure_files=[Path(file) for file in snakemake.input.figures],
        run_folders=[Path(file).parent for file in snakemake.input.metrics],
        decisions_file=Path(snakemake.input.decisions),
        output=Path(snakemake.output[0]),
    )
