"""Run and suite files: what is trained, on which data, and what is evaluated and drawn.

A run file (``workflow/config/runs/<suite>/<run>.yaml``) is one training recipe with at most one ``base:``, whose values
it overrides key by key. A suite file (``workflow/config/suites/<suite>.yaml``) names runs, tasks, tables and figures.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, SerializeAsAny

from mmv2.config import OPERATIONAL, Config, CorpusConfig, ModelConfig, TrainingConfig, fingerprint, read_yaml, validate
from mmv2.errors import UserError
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
        return self.training.max_steps or int(self.budget * self.corpus.unit_tokens) // self.tokens_per_step

    def scientific(self) -> dict[str, Any]:
        """The part of the config that determines the weights."""
        content = self.model_dump(mode="json", exclude={"name"})
        content["training"] = {k: v for k, v in content["training"].items() if k not in OPERATIONAL}
        return content


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
    return parse_run(_with_base(path), path, name=path.stem)


def parse_run(content: Mapping[str, Any], file: Path | str, name: str) -> RunConfig:
    """Validate a resolved run: each section by the class that its ``arch`` or ``source`` names."""
    content = {"name": name, **content}
    for key, kind in (("arch", str), ("model", dict), ("corpus", dict)):
        if not isinstance(content.get(key), kind):
            raise UserError(f"{file}: {key}: missing or not a {'mapping' if kind is dict else 'name'}; it is required")
    try:
        model_class = architecture(content["arch"]).config
    except UserError as error:
        raise UserError(f"{file}: arch: {error}") from None
    model = validate(model_class, content["model"], file, "model")
    corpus = parse_corpus(content["corpus"], file)
    checked = validate(_PlainRun, content, file)
    run = RunConfig(**{**dict(checked), "model": model, "corpus": corpus})
    _check_fit(run, file)
    return run


def parse_corpus(content: Mapping[str, Any], file: Path | str) -> CorpusConfig:
    """Validate a corpus section by the class that its ``source`` names."""
    try:
        corpus_class = entry("source", str(content.get("source"))).config
    except UserError as error:
        raise UserError(f"{file}: corpus.source: {error}") from None
    return validate(corpus_class, content, file, "corpus")


class _PlainRun(RunConfig):
    """A run whose open sections are checked elsewhere, by the classes they name."""

    model: Any
    corpus: Any


def _check_fit(run: RunConfig, file: Path | str) -> None:
    """What only the sections together can tell."""
    available = int(run.corpus.largest_budget * run.corpus.unit_tokens)
    needed = run.max_steps * run.tokens_per_step
    if run.budget > run.corpus.largest_budget or needed > available:
        raise UserError(
            f"{file}: budget: the run needs {max(needed, int(run.budget * run.corpus.unit_tokens))} tokens, the corpus "
            f"holds {available}; lower budget or max_steps, or raise corpus.largest_budget"
        )
    if run.max_steps < max(1, run.training.warmup_steps):
        raise UserError(
            f"{file}: training.warmup_steps: {run.training.warmup_steps} exceeds the run's {run.max_steps} steps "
            f"({run.tokens_per_step} tokens each); use fewer, or a larger budget"
        )
    late = [step for step in run.training.milestones if step > run.max_steps]
    if late:
        raise UserError(
            f"{file}: training.milestones: {late[0]} comes after the run's last step {run.max_steps}; leave it out"
        )


def _with_base(path: Path) -> dict[str, Any]:
    content = read_yaml(path)
    base = content.pop("base", None)
    if base is None:
        return content
    parent = read_yaml(path.parent / str(base))
    if "base" in parent:
        raise UserError(f"{path.parent / base}: base: a base cannot have a base itself; name one file of values only")
    return _merge(parent, content)


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
    content = {"name": path.stem, **read_yaml(path)}
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
        if run.init_from is not None and run.init_from not in runs:
            raise UserError(
                f"{path}: runs: {run.name} has init_from {run.init_from!r}, which is not in this suite; add it"
            )
    return runs
