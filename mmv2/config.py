"""Typed, frozen configs; the strict YAML loader; and the fingerprint that names a run's bytes.

Config files say WHAT is computed (science). WHERE it runs (cores, memory, partitions) lives in ``profiles/``.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from mmv2.errors import UserError, choices

Detail = str | int | float | bool | None
"""A value that fits into one field of a flat table."""


class Config(BaseModel):
    """Base of every config: frozen, keyword-only, no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class ModelConfig(Config):
    """What every decoder-only language model here has in common; architectures add their own fields."""

    vocab_size: int = Field(ge=2)
    hidden_size: int = Field(ge=1)
    num_layers: int = Field(ge=1)
    num_heads: int = Field(ge=1)
    intermediate_size: int = Field(ge=1)
    """Width of the SwiGLU feed-forward (d' in Table 6)."""
    max_seq_len: int = Field(ge=2)
    """Training context in tokens. Evaluation may go beyond it."""
    norm_eps: float = Field(default=1e-5, gt=0)
    tie_embeddings: bool = False

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"hidden_size: {self.hidden_size} is not divisible by num_heads {self.num_heads}; "
                f"use a multiple, such as {self.num_heads * max(1, round(self.hidden_size / self.num_heads))}"
            )
        return self


class CorpusConfig(Config):
    """A corpus that several runs share. Each source in ``mmv2/data/sources`` adds its own fields."""

    source: str
    """Name of a file in ``mmv2/data/sources``."""
    seed: int = Field(ge=0)
    unit_tokens: int = Field(ge=1)
    """Training tokens of data budget 1 (the paper's 1T)."""
    largest_budget: float = Field(default=8.0, gt=0)
    """The corpus holds this many units, so that every budget up to it is a prefix, seen once."""


Decay = Annotated[float, Field(ge=0, lt=1)]
"""How much of a running average one step keeps."""


class TrainingConfig(Config):
    """Optimisation of one run; Section 4 and Appendix B of the paper."""

    seed: int = Field(ge=0)
    global_batch_size: int = Field(ge=1)
    """Sequences per optimizer step, over all ranks."""
    micro_batch_size: int | None = Field(default=None, ge=1)
    """Sequences per forward pass on one rank; None: all of its share at once."""
    max_steps: int | None = Field(default=None, ge=1)
    """Optimizer steps; None: as many as the data budget fills."""
    learning_rate: float = Field(gt=0)
    """Peak learning rate."""
    min_lr_ratio: float = Field(default=0.01, ge=0, le=1)
    """Last over peak learning rate: the cosine decays by a factor of 100."""
    warmup_steps: int = Field(ge=0)
    weight_decay: float = Field(default=0.1, ge=0)
    betas: tuple[Decay, Decay] = (0.9, 0.95)
    max_grad_norm: float = Field(default=1.0, gt=0)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 autocast on a GPU, float32 on a CPU. Parameters are always float32."""
    threads: int = Field(default=1, ge=1)
    """CPU threads of one rank. The bytes of a CPU run depend on it, so it is part of the run."""
    checkpoint_interval: int = Field(default=100, ge=1)
    keep_last: int = Field(default=2, ge=1)
    """How many rotating checkpoints stay; milestones stay in any case."""
    milestones: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Steps whose weights are kept and exported beside the final ones (Figure 8)."""
    log_interval: int = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _batch_divides(self) -> Self:
        if self.micro_batch_size and self.global_batch_size % self.micro_batch_size:
            raise ValueError(
                f"micro_batch_size: {self.micro_batch_size} does not divide "
                f"global_batch_size {self.global_batch_size}; use one of its divisors"
            )
        if self.max_steps is not None and self.warmup_steps > self.max_steps:
            raise ValueError(f"warmup_steps: {self.warmup_steps} exceeds max_steps {self.max_steps}; use at most that")
        return self


OPERATIONAL = frozenset({"checkpoint_interval", "keep_last", "log_interval", "milestones"})
"""Training keys that say what is kept and told, and change no weight: left out of the fingerprint."""


def fingerprint(content: Any) -> str:
    """Hash what determines a result's bytes: 16 hexadecimal digits of the canonical JSON of ``content``."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML lets a repeated key win silently; here it is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands twice; keep one", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; raises UserError for a missing file, bad syntax, a repeated key or another type."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; there are: {_neighbours(path)}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UserError(f"{path}: line {line}: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as YAML text in UTF-8: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds {type(content).__name__}; a mapping of keys to values is needed")
    return content


def _neighbours(path: Path) -> str:
    return ", ".join(sorted(p.name for p in path.parent.glob("*.yaml"))) or "no YAML files"


C = TypeVar("C", bound=BaseModel)
Source = Path | str | Callable[[str], Path]
"""The file that a value comes from, or a function from its dotted key to the file."""


def source_of(file: Source, key: str) -> Path | str:
    """The file to name in an error about a key."""
    return file(key) if callable(file) else file


def validate(cls: type[C], content: Any, file: Source, prefix: str = "") -> C:
    """Build a config from parsed YAML or JSON.

    Args:
        cls: the config class.
        content: plain mappings, lists and scalars.
        file: named in the error.
        prefix: the key under which ``content`` stands in the file, such as ``model``.

    Raises:
        UserError: one line with file, key and what is allowed, for the first problem found.
    """
    try:
        # Through JSON, so that strict mode takes YAML's lists for tuples but no string for a number.
        return cls.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        details = error.errors()
        # A misspelt key explains the "missing" one beside it, so it is told first.
        first = min(details, key=lambda d: d["type"] != "extra_forbidden")
        key, message = _explain(cls, first, prefix)
        raise UserError(f"{source_of(file, key)}: {key}: {message}") from None


def _explain(cls: type[BaseModel], error: ErrorDetails, prefix: str) -> tuple[str, str]:
    """The key at fault, dotted, and what is wrong with it."""
    location = [str(part) for part in error["loc"]]
    key = ".".join(([prefix] if prefix else []) + location)
    if error["type"] == "extra_forbidden":
        return key, f"unknown key; {choices(location[-1], _fields_at(cls, location[:-1]))}"
    if error["type"] == "missing":
        return key, "missing; this key is required"
    if error["type"] == "value_error":  # raised by our own validators, which name the field themselves
        field, colon, message = str(error["ctx"]["error"]).partition(": ")
        if not colon:  # of one field, which the location names
            return key, field
        return (f"{key}.{field}" if key else field), message
    hint = "; in YAML write a number such as 1.0e-4, with a point" if _is_number_text(error["input"]) else ""
    return key, f"{error['msg'][0].lower()}{error['msg'][1:]}, not {error['input']!r}{hint}"


def _is_number_text(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)


def _fields_at(cls: type[BaseModel], location: list[str]) -> list[str]:
    """The keys allowed at a nested place of a config class."""
    names = iter(location)
    for name in names:
        field = cls.model_fields.get(name)
        if field is None or not (candidates := _classes(field.annotation)):
            return []
        if get_origin(field.annotation) is dict:
            next(names)  # a key of the user's own, such as the name of a data set
        cls = candidates[0]
    return [name for name in cls.model_fields if name != "name"]  # a file's name is no key of it


def _classes(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [cls for part in get_args(annotation) for cls in _classes(part)]
