"""Adapter of rule train."""

from pathlib import Path

from mmv2.job import job
from mmv2.suites import planned_run
from mmv2.training.launch import launch

with job(snakemake.log[0]):
    name, gpus = snakemake.wildcards.run, snakemake.resources.gpu
    launch(
        planned_run(Path(snakemake.params.suite), Path(snakemake.params.runs), name, snakemake.params.scientific),
        corpus_folder=Path(snakemake.input.manifest).parent,
        output_folder=Path(snakemake.output[0]).parent.parent,
        init_folder=Path(snakemake.input.initial[0]).parent if snakemake.input.initial else None,
        processes=max(1, gpus),
        device=None if gpus else "cpu",
    )
