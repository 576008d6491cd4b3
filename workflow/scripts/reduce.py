"""Adapter of rule reduce."""

import shutil
from pathlib import Path

from mmv2.convert import reduce_final
from mmv2.job import job

with job(snakemake.log[0]):
    final, output = Path(snakemake.input[0]).parent, Path(snakemake.output[0]).parent
    shutil.rmtree(output)  # made by Snakemake for the outputs; a reduced model never takes the place of something else
    reduce_final(final, snakemake.wildcards.reduction, output)
