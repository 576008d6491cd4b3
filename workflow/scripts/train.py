"""Adapter of rule train."""

from pathlib import Path

from mmv2.job import job
from mmv2.runs import parse_run
from mmv2.training.launch import launch

with job(snakemake.log[0]):
    launch(
        parse_run(snakemake.params.run, "resolved run", snakemake.wildcards.run),
        corpus_folder=Path(snakemake.input.manifest).parent,
        output_folder=Path(snakemake.output[0]).parent.parent,
        init_folder=Path(snakemake.input.initial[0]).parent if snakemake.input.initial else None,
        processes=max(1, snakemake.resources.get("gpu", 0)),
    )
