"""Adapter of rule corpus."""

from pathlib import Path

from mmv2.data.prepare import prepare_corpus
from mmv2.job import job
from mmv2.runs import parse_corpus

with job(snakemake.log[0]):
    config = parse_corpus(snakemake.params.corpus, "resolved run")
    prepare_corpus(config, Path(snakemake.output.manifest).parent, Path(snakemake.config["data_root"]))
