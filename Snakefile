# Index of the workflow. The suite is chosen in workflow/config/config.yaml or with `--config suite=NAME`.
from snakemake.utils import min_version

min_version("9.27")


configfile: "workflow/config/config.yaml"


# Built from workflow/container.def; used only when asked for with `--software-deployment-method apptainer`.
container: "workflow/container.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        suite_targets(),
