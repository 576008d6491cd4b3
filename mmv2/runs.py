"""Run and suite files: what is trained, on which data, and what is evaluated and drawn.

A run file (``workflow/config/runs/<suite>/<run>.yaml``) is one training recipe with at most one ``base:``, whose values
it overrides key by key. A suite file (``workflow/config/suites/<suite>.yaml``) names runs, tasks, tables and figures.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, SerializeAsAny

from mmv2.config import (
    OPERATIONAL,
    Config,
    CorpusConfig,
    ModelConfig,
    Source,
    TrainingConfig,
    fingerprint,
    read_yaml,
    source_of,
    validate,
)
from mmv2.errors import UserError, choices
from mmv2.registry import ArchitectureSpec, architecture, entry


class RunConfig(Config):
    """One training run, fully resolved."""

    name: str
    """The run file's name without its ending."""
    arch: str
    """Name of an architecture."""
    model: SerializeAsAny[ModelConfig]
    corpus: SerializeAsAny[CorpusConfig]
    budget: float = Field(gt=0)
    """Training tokens in units of ``corpus.unit_tokens``: 0.2, 1 and 8 in the paper."""
    training: TrainingConfig
    init_from: str | None = None
    """Name of the run of the same suite whose final weights are the starting point (long-context fine-tuning)."""

    @property
    def spec(self) -> ArchitectureSpec:
        return architecture(self.arch)

    @property
    def corpus_name(self) -> str:
        """Folder name of the corpus: equal settings share one."""
        return f"{self.corpus.source}-{fingerprint(self.corpus.model_dump(mode='json'))[:8]}"

    @property
    def tokens_per_step(self) -> int:
        return self.training.global_batch_size * self.model.max_seq_len

    @property
    def max_steps(self) -> int:
        """Optimizer steps: ``training.max_steps``, or as many as the data budget fills (each token seen once)."""
        return self.training.max_steps or round(self.budget * self.corpus.unit_tokens) // self.tokens_per_step

    def scientific(self) -> dict[str, Any]:
        """The part of the config that determines the weights, with what follows from it."""
        content = self.model_dump(mode="json", exclude={"name"})
        content["training"] = {k: v for k, v in content["training"].items() if k not in OPERATIONAL}
        return {**content, "max_steps": self.max_steps, "tokens_per_step": self.tokens_per_step}


class SuiteConfig(Config):
    """Which runs, tasks, tables and figures make up one scale of the replication."""

    name: str
    runs: tuple[str, ...] = Field(min_length=1)
    """Run files below ``workflow/config/runs``, without ``.yaml``."""
    tasks: dict[str, SerializeAsAny[Config]]
    """Task name -> its settings."""
    tables: tuple[str, ...]
    figures: tuple[str, ...]


class WorkflowConfig(Config):
    """``workflow/config/config.yaml``: what a call of snakemake builds."""

    suite: str
    """Name of a file in ``workflow/config/suites``."""
    evaluation_batch_size: int = Field(ge=1)
    """Prompts decoded together. Answers do not depend on it."""


def load_run(path: Path) -> RunConfig:
    """Read one run file with its base; raises UserError naming the file and the key at fault."""
    own, parent, base_path = read_yaml(path), {}, path
    if "base" in own:
        base_path = path.parent / str(own.pop("base"))
        parent = read_yaml(base_path)
        if "base" in parent:
            raise UserError(f"{base_path}: base: a base cannot have a base itself; name one file of values only")

    def file_of(key: str) -> Path:
        return base_path if _holds(parent, key) and not _holds(own, key) else path

    if "name" in own or "name" in parent:
        raise UserError(f"{file_of('name')}: name: not a key; the run is called like its file")
    return parse_run(_merge(parent, own), file_of, name=path.stem)


def parse_run(content: Mapping[str, Any], file: Source, name: str) -> RunConfig:
    """Validate a resolved run: each section by the class that its ``arch`` or ``source`` names."""
    content = {"name": name, **content}
    checked = validate(_PlainRun, content, file)
    for key in ("model", "corpus"):
        if not isinstance(content[key], dict):
            raise UserError(f"{source_of(file, key)}: {key}: must be a mapping of keys to values")
    try:
        model_class = architecture(checked.arch).config
    except UserError as error:
        raise UserError(f"{source_of(file, 'arch')}: arch: {error}") from None
    model = validate(model_class, content["model"], file, "model")
    corpus = parse_corpus(content["corpus"], file)
    run = RunConfig(**{**dict(checked), "model": model, "corpus": corpus})
    _check_fit(run, file)
    return run


def parse_corpus(content: Mapping[str, Any], file: Source) -> CorpusConfig:
    """Validate a corpus section by the class that its ``source`` names."""
    try:
        corpus_class = entry("source", str(content.get("source"))).config
    except UserError as error:
        raise UserError(f"{source_of(file, 'corpus.source')}: corpus.source: {error}") from None
    return validate(corpus_class, content, file, "corpus")


class _PlainRun(RunConfig):
    """A run whose open sections are checked elsewhere, by the classes they name."""

    model: Any
    corpus: Any


def _check_fit(run: RunConfig, file: Source) -> None:
    """What only the sections together can tell."""
    available = round(run.corpus.largest_budget * run.corpus.unit_tokens)
    needed = run.max_steps * run.tokens_per_step
    if run.budget > run.corpus.largest_budget or needed > available:
        needed = max(needed, round(run.budget * run.corpus.unit_tokens))
        raise UserError(
            f"{source_of(file, 'budget')}: budget: the run needs {needed} tokens, the corpus "
            f"holds {available}; lower budget or max_steps, or raise corpus.largest_budget"
        )
    if run.max_steps < max(1, run.training.warmup_steps):
        raise UserError(
            f"{source_of(file, 'training.warmup_steps')}: training.warmup_steps: {run.training.warmup_steps} exceeds "
            f"the run's {run.max_steps} steps "
            f"({run.tokens_per_step} tokens each); use fewer, or a larger budget"
        )
    late = [step for step in run.training.milestones if step > run.max_steps]
    if late:
        raise UserError(
            f"{source_of(file, 'training.milestones')}: training.milestones: {late[0]} comes after the run's last step "
            f"{run.max_steps}; leave it out"
        )


def _holds(content: Any, key: str) -> bool:
    """Whether nested mappings hold a dotted key."""
    for part in key.split("."):
        if not isinstance(content, Mapping) or part not in content:
            return False
        content = content[part]
    return True


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def load_suite(path: Path, runs_folder: Path) -> tuple[SuiteConfig, dict[str, RunConfig]]:
    """Read a suite and all its runs.

    Args:
        path: the suite file.
        runs_folder: ``workflow/config/runs``.

    Returns:
        The suite, and its runs by short name (the run file's name).

    Raises:
        UserError: anything wrong in any of the files, before any job starts.
    """
    content = read_yaml(path)
    if "name" in content:
        raise UserError(f"{path}: name: not a key; the suite is called like its file")
    content["name"] = path.stem
    if not isinstance(content.get("tasks"), dict):
        raise UserError(f"{path}: tasks: missing or not a mapping; name at least one task with its settings")
    tasks = {}
    for name, settings in content["tasks"].items():
        tasks[name] = validate(_named(path, "tasks", "task", name).settings, settings or {}, path, f"tasks.{name}")
    plain = validate(_PlainSuite, content, path)
    for kind, key in (("table", "tables"), ("figure", "figures")):
        for name in getattr(plain, key):
            _named(path, key, kind, name)
    suite = SuiteConfig(**{**dict(plain), "tasks": tasks})
    return suite, _runs_of(suite, path, runs_folder)


class _PlainSuite(SuiteConfig):
    tasks: Any


def _named(path: Path, key: str, kind: str, name: str) -> Any:
    try:
        return entry(kind, name)
    except UserError as error:
        raise UserError(f"{path}: {key}: {error}") from None


def _runs_of(suite: SuiteConfig, path: Path, folder: Path) -> dict[str, RunConfig]:
    runs: dict[str, RunConfig] = {}
    for reference in suite.runs:
        run = load_run(folder / f"{reference}.yaml")
        if run.name in runs:
            raise UserError(f"{path}: runs: two files are called {run.name}; rename one, results go by that name")
        runs[run.name] = run
    for run in runs.values():
        if run.init_from is not None:
            _check_init(run, runs, path)
    return runs


SHAPES = ("vocab_size", "hidden_size", "num_layers", "num_heads", "intermediate_size", "tie_embeddings")
"""Model keys in which a run must agree with the one whose weights it starts from; training compares all shapes."""


def _check_init(run: RunConfig, runs: Mapping[str, RunConfig], path: Path) -> None:
    """Whether the weights that a run starts from are there, come from a run of their own, and fit."""
    place = f"{path}: runs: {run.name} has init_from {run.init_from!r}"
    before, passed = run, [run.name]
    while before.init_from is not None:
        if before.init_from not in runs:
            raise UserError(f"{place}, which is not in this suite; {choices(before.init_from, set(runs) - {run.name})}")
        before = runs[before.init_from]
        if before.name in passed:
            raise UserError(f"{place}, which leads into a circle through {before.name}; break it")
        passed.append(before.name)
    source = runs[passed[1]]
    if source.arch != run.arch:
        raise UserError(f"{place}, whose arch is {source.arch}, not {run.arch}; start from a run of the same arch")
    for key in SHAPES:
        theirs, ours = getattr(source.model, key), getattr(run.model, key)
        if theirs != ours:
            raise UserError(f"{place}, whose model.{key} is {theirs}, not {ours}; use the same sizes")


def planned_run(suite: Path, runs_folder: Path, name: str, planned: Mapping[str, Any]) -> RunConfig:
    """The run that a workflow planned, with the keys that change no weight as its file has them now.

    Those are left out of what a plan records, so that changing them retrains nothing.

    Args:
        suite: the suite file.
        runs_folder: ``workflow/config/runs``.
        name: of the run.
        planned: its ``scientific`` settings when the plan was made.

    Raises:
        UserError: the file has been changed in other keys since then.
    """
    run = load_suite(suite, runs_folder)[1][name]
    if run.scientific() != planned:
        raise UserError(f"{suite}: runs: {name} was changed while the workflow was running; start it again")
    return run
