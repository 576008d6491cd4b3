"""Run files: what is trained, and on which data.

A run file (``workflow/config/runs/<suite>/<run>.yaml``) is one training recipe. Its ``base:`` names a file, or a list
of files, whose values it overrides key by key; of the files of a list the later override the earlier.
"""

from collections.abc import Callable, Mapping
from functools import reduce
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
    """Training tokens in units of ``corpus.unit_tokens``: 0.2, 1 and 8 in the paper. Records of a run that starts from
    another one's weights hold that one's budget instead."""
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


def load_run(path: Path) -> RunConfig:
    """Read one run file with its bases; raises UserError naming the file and the key at fault."""
    content, file_of = read_run(path)
    return parse_run(content, file_of, name=path.stem)


def read_run(path: Path) -> tuple[dict[str, Any], Callable[[str], Path]]:
    """The values of a run file over those of its bases, and a function from a dotted key to the file that sets it."""
    own = read_yaml(path)
    named = own.pop("base", [])
    layers: dict[Path, dict[str, Any]] = {
        path.parent / str(name): {} for name in (named if isinstance(named, list) else [named])
    }
    for base_path in layers:
        layers[base_path] = read_yaml(base_path)
        if "base" in layers[base_path]:
            raise UserError(f"{base_path}: base: a base cannot have a base itself; name files of values only")
    layers[path] = own

    def file_of(key: str) -> Path:
        return next((file for file in reversed(layers) if _holds(layers[file], key)), path)

    for file, values in layers.items():
        if "name" in values:
            raise UserError(f"{file}: name: not a key; the run is called like its file")
    return reduce(merge, layers.values()), file_of


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


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, key by key at any depth."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged
