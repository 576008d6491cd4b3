# The suite and its runs, checked before any job starts, and what rules ask about them.
import sys
from pathlib import Path

from mmv2.config import validate
from mmv2.errors import UserError, choices
from mmv2.provenance import source_hash
from mmv2.registry import entry
from mmv2.runs import WorkflowConfig, load_suite
from mmv2.training.identity import CODE

CONFIG = Path("workflow/config")
RUN_FILES = CONFIG / "runs"


def checked_suite():
    """The suite that the workflow config names; what is wrong with it is told in one line."""
    try:
        settings = validate(WorkflowConfig, config, CONFIG / "config.yaml")
        file = CONFIG / "suites" / f"{settings.suite}.yaml"
        if not file.exists():
            names = [path.stem for path in file.parent.glob("*.yaml")]
            raise UserError(
                f"{CONFIG / 'config.yaml'}: suite: no suite {settings.suite!r}; {choices(settings.suite, names)}"
            )
        return file, *load_suite(file, RUN_FILES)
    except UserError as error:
        sys.exit(f"error: {error}")


SUITE_FILE, SUITE, RUNS = checked_suite()
RESULTS = f"results/{SUITE.name}"
CORPORA = {run.corpus_name: run.corpus for run in RUNS.values()}


wildcard_constraints:
    run="|".join(RUNS),
    corpus="|".join(CORPORA),
    task="|".join(SUITE.tasks),


def suite_targets():
    """Every table and figure of the suite."""
    tables = expand(
        f"{RESULTS}/tables/{{name}}.{{form}}",
        name=SUITE.tables,
        form=["csv", "md", "tex"],
    )
    figures = expand(
        f"{RESULTS}/figures/{{name}}.{{form}}",
        name=SUITE.figures,
        form=["png", "pdf", "txt"],
    )
    return tables + figures


def final_files(run):
    """The files of a trained run that evaluation and fine-tuning read."""
    return [
        f"{RESULTS}/runs/{run}/final/{name}"
        for name in ("model.safetensors", "config.json", "tokenizer.json")
    ]


def initial_weights(wildcards):
    """final/ of the run named by init_from."""
    source = RUNS[wildcards.run].init_from
    return final_files(source) if source else []


def training_sources(run):
    """Hash of the code that determines a run's weights and what is left of them."""
    return source_hash((*run.spec.packages, *CODE, "mmv2.training.export"))


def evaluation_sources(run, task):
    """Hash of the code that determines a run's answers and their scores."""
    general = (
        "mmv2.evaluation.evaluate",
        "mmv2.evaluation.generation",
        "mmv2.final",
        "mmv2.records",
    )
    return source_hash((*run.spec.packages, *entry("task", task).packages, *general))


def all_records():
    """The records of every run and task."""
    return expand(
        f"{RESULTS}/records/{{run}}/{{task}}.jsonl", run=RUNS, task=SUITE.tasks
    )
