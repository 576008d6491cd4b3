"""Adapter of rule freeze."""

from pathlib import Path

from mmv2.config import validate
from mmv2.job import job
from mmv2.registry import entry

with job(snakemake.log[0]):
    task = entry("task", snakemake.wildcards.task)
    settings = validate(task.settings, snakemake.params.settings, "resolved suite")
    corpus = Path(snakemake.input[0]).parent
    task.freeze(settings, corpus, corpus / "tokenizer.json", Path(snakemake.output[0]))
