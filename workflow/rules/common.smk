# The suite and its runs, checked before any job starts, and what rules ask about them.
import re
import sys
from pathlib import Path

from mmv2.config import validate
from mmv2.errors import UserError, choices
from mmv2.provenance import source_hash
from mmv2.registry import architecture, entries, entry
from mmv2.reporting.seeds import without_seed
from mmv2.suites import WorkflowConfig, load_suite, made_of, record_files, step_name
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


FINAL_FILES = ("model.safetensors", "config.json", "tokenizer.json")


def one_of(names):
    """Pattern of a wildcard; of a name that cannot be where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    run=one_of(RUNS),
    corpus=one_of(CORPORA),
    task=one_of(SUITE.tasks),
    reduction=one_of(SUITE.reductions),
    checkpoint=one_of(["final", *SUITE.reductions]) + r"|step-\d{8}",


def suite_targets():
    """Every table, figure and claim of the suite, and the page that shows them."""
    tables = expand(
        f"{RESULTS}/tables/{{name}}.{{form}}",
        name=SUITE.tables,
        form=["csv", "md", "tex"],
    )
    figures = expand(
        f"{RESULTS}/figures/{{name}}.{{form}}",
        name=SUITE.figures,
        form=["png", "pdf", "svg", "txt"],
    )
    claims = (
        multiext(f"{RESULTS}/claims", ".csv", ".md", ".tex", ".json")
        if SUITE.claims
        else []
    )
    return [*tables, *figures, *claims, f"{RESULTS}/report.html"]


def final_files(run):
    """The files of a trained run that evaluation and fine-tuning read."""
    return [f"{RESULTS}/runs/{run}/final/{name}" for name in FINAL_FILES]


def checkpoint_folder(run, checkpoint):
    """Where the weights of a checkpoint are: of the whole run, of a milestone, or of a reduced model."""
    places = {
        "final": "final",
        **{name: f"reduced/{name}" for name in SUITE.reductions},
    }
    return f"{RESULTS}/runs/{run}/{places.get(checkpoint, f'milestones/{checkpoint}')}"


def check_milestone(run, checkpoint):
    """End the plan with one line where a step is none of the run's milestones."""
    steps = list(map(step_name, run.training.milestones))
    if checkpoint.startswith("step-") and checkpoint not in steps:
        sys.exit(
            f"error: run {run.name}: {checkpoint} is no milestone; its training.milestones: {', '.join(steps) or 'none'}"
        )


def checkpoint_files(wildcards):
    """What has to be there before a checkpoint is evaluated; milestones appear together with final/."""
    check_milestone(RUNS[wildcards.run], wildcards.checkpoint)
    if wildcards.checkpoint in SUITE.reductions:
        folder = checkpoint_folder(wildcards.run, wildcards.checkpoint)
        return [f"{folder}/{name}" for name in FINAL_FILES]
    return final_files(wildcards.run)


def lengths_asked(wildcards):
    """Context lengths at which a checkpoint answers a task; None: all."""
    if wildcards.checkpoint.startswith("step-"):
        return SUITE.milestones.get(wildcards.task)
    return None


def initial_weights(wildcards):
    """final/ of the run named by init_from."""
    source = RUNS[wildcards.run].init_from
    return final_files(source) if source else []


def corpus_sources(corpus):
    """Hash of the code that determines a corpus."""
    general = ("mmv2.data.shards", "mmv2.data.tokenizer")
    return source_hash((*entry("source", corpus.source).packages, *general))


def training_sources(run):
    """Hash of the code that determines a run's weights and what is left of them."""
    return source_hash((*run.spec.packages, *CODE, "mmv2.training.export"))


def evaluation_sources(run, task):
    """Hash of the code that determines a run's answers and their scores."""
    general = (
        "mmv2.evaluation.answering",
        "mmv2.evaluation.attention",
        "mmv2.evaluation.evaluate",
        "mmv2.evaluation.generation",
        "mmv2.evaluation.outcome",
        "mmv2.evaluation.ranking",
        "mmv2.evaluation.reading",
        "mmv2.final",
        "mmv2.records",
    )
    return source_hash((*run.spec.packages, *entry("task", task).packages, *general))


def all_records():
    """The records of the whole suite."""
    return [
        f"{RESULTS}/{file}"
        for run in RUNS.values()
        for file in record_files(SUITE, run)
    ]


def all_metrics():
    """What every run told while it was trained."""
    return expand(f"{RESULTS}/runs/{{run}}/metrics.jsonl", run=RUNS)


def corpus_inputs(wildcards):
    """The user's files that a corpus is made from; none where one is missing, which the job tells."""
    corpus = CORPORA[wildcards.corpus]
    root = Path(config["data_root"])
    try:
        names = entry("source", corpus.source).inputs(corpus, root)
    except UserError:
        return []
    return [str(root / name) for name in names]


def task_settings(task):
    """What a task is frozen with; the files of those that read the user's own are below data_root."""
    settings = SUITE.tasks[task].model_dump(mode="json")
    if "data_root" in settings and settings["data_root"] is None:
        settings["data_root"] = config["data_root"]
    return settings


def task_inputs(wildcards):
    """The user's own files that a task is frozen from; none where one is missing, which the job tells."""
    settings = SUITE.tasks[wildcards.task]
    root = Path(task_settings(wildcards.task).get("data_root", "."))
    try:
        return [
            str(file) for file in entry("task", wildcards.task).inputs(settings, root)
        ]
    except UserError:
        return []


def shared_reporting():
    """Modules of mmv2.reporting that are no table, figure or claim themselves."""
    package = Path("mmv2/reporting")
    own = {
        package / f"{kind}s" / f"{name}.py"
        for kind in ("table", "figure", "claim")
        for name in entries(kind)
    }
    files = sorted(set(package.rglob("*.py")) - own)
    return tuple(".".join(file.with_suffix("").parts) for file in files)


def published_numbers(wildcards):
    """The paper's numbers that stand beside a table."""
    file = entry("table", wildcards.table).published
    return f"results/published/{file}" if file else []


def metrics_shown(kind):
    """Metrics of all runs, for a table or figure that shows them."""
    return lambda wildcards: (
        all_metrics() if entry(kind, wildcards[kind]).metrics else []
    )


def contexts_of(corpus):
    """Training context of each run that reads a corpus; those that differ in their seed alone are one."""
    return {
        without_seed(run.name, run.training.seed): run.model.max_seq_len
        for run in RUNS.values()
        if run.corpus_name == corpus
    }


def what_is_shown(kind):
    """What a table or figure is made of: records of all runs, or what the runs themselves are, models or documents."""
    files = {
        "records": all_records,
        "models": lambda: expand(f"{RESULTS}/runs/{{run}}/final/config.json", run=RUNS),
        "documents": lambda: expand(
            f"{RESULTS}/document_lengths/{{corpus}}.json", corpus=CORPORA
        ),
    }
    return lambda wildcards: files[made_of(kind, wildcards[kind])]()


def model_sources(kind):
    """Hash of the code that makes models, for a table or figure that is made of them."""
    return lambda wildcards: (
        source_hash(architecture("mmv2").packages)
        if made_of(kind, wildcards[kind]) == "models"
        else None
    )
