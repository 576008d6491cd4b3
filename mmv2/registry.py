"""Finds architectures, corpus sources, tasks, tables, figures and claims by name.

There is no list to edit: a module in the right folder that defines the right constant is found. The folders are
``mmv2/model`` and ``baselines/*`` (MODEL_SPEC), ``mmv2/data/sources`` (SOURCE), ``mmv2/evaluation/tasks`` (TASK),
``mmv2/reporting/tables`` (TABLE), ``mmv2/reporting/figures`` (FIGURE) and ``mmv2/reporting/claims`` (CLAIM).
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from mmv2.config import ModelConfig
from mmv2.errors import UserError, choices

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mmv2.layers.decoder import LanguageModel

StepInputs = Mapping[str, Sequence[int]]
"""Arguments of one training step besides the tokens: per name, one value for each layer."""


def no_step_inputs(config: ModelConfig, seed: int, step: int) -> StepInputs:
    """For architectures whose forward pass is the same at every step."""
    return {}


def no_attention_maps(config: ModelConfig) -> tuple[str, ...]:
    """For architectures whose tokens do not look at other positions one by one, or which do not tell where."""
    return ()


@dataclass(frozen=True, kw_only=True)
class ArchitectureSpec:
    """All that training, evaluation and ``mmv2 info`` need to know of an architecture.

    The module that defines it must import without torch, so that a workflow plan is quick: ``build`` imports the model.
    """

    name: str
    """The value of ``arch:`` in a run file."""
    label: str
    """The name in tables and legends."""
    label_of: Callable[[Any], str] | None = None
    """Config -> the name of that model, where one architecture has several; see ``label_for``."""
    config: type[ModelConfig]
    build: "Callable[[Any], LanguageModel]"
    """Config -> model on the default device, initialised (on the meta device: shapes only)."""
    flops_per_token: Callable[[Any, int], int]
    """Config, context length -> forward FLOPs per token, as Table 2 counts them."""
    cache_bytes: Callable[[Any, int, int], int]
    """Config, context length, bytes per number -> bytes of decoding state for one sequence."""
    step_inputs: Callable[[Any, int, int], StepInputs] = no_step_inputs
    """Config, seed, step -> what is drawn anew at every training step, the same on all ranks."""
    attention_maps: Callable[[Any], tuple[str, ...]] = no_attention_maps
    """Config -> names of the attention maps that every layer has; its mixers tell them by ``Mixer.attention``. Without:
    the task ``attention`` and its figures say that the architecture has none."""
    sizes: Mapping[str, ModelConfig] = field(default_factory=dict)
    """The paper's named sizes."""
    tiny: ModelConfig
    """A few thousand parameters, for tests: the contract tests run on it, longer than every window and delay it has."""
    more_tinies: Sequence[ModelConfig] = ()
    """Others, for what ``tiny`` does not have: the contract tests run on each of them too."""
    packages: tuple[str, ...]
    """Packages whose code determines the weights (hashed into a run's fingerprint): its own, and what it builds on."""
    reductions: "Mapping[str, Callable[[Any], LanguageModel]]" = field(default_factory=dict)
    """What may be taken out of a trained model (``mmv2 reduce``): name -> a smaller model with weights of the given."""
    to_transformers: "Callable[[Any], PreTrainedModel] | None" = None
    """The same model for transformers (``mmv2 export``, ``mmv2 generate``); None: it has no such model."""

    def label_for(self, config: ModelConfig) -> str:
        """The name of one model in tables and legends."""
        return self.label_of(config) if self.label_of else self.label


def architectures() -> dict[str, ArchitectureSpec]:
    """Every architecture by name; raises UserError when two have the same."""
    packages: dict[str, str] = {}
    found = {}
    for package, spec in architecture_packages().items():
        if spec.name in found:
            raise UserError(
                f"{package}: MODEL_SPEC: name {spec.name!r} is that of {packages[spec.name]} too; give it another"
            )
        packages[spec.name], found[spec.name] = package, spec
    return found


def architecture_packages() -> dict[str, ArchitectureSpec]:
    """Every architecture by the package that defines it."""
    return {package: _constant(package, "MODEL_SPEC") for package in ("mmv2.model", *_modules_in("baselines"))}


def architecture(name: str) -> ArchitectureSpec:
    """The architecture of that name; raises UserError with the choices."""
    return _pick(architectures(), name, "architecture")


def entry(kind: str, name: str) -> Any:
    """A source, task, table, figure or claim by name; raises UserError with the choices.

    Args:
        kind: ``source``, ``task``, ``table``, ``figure`` or ``claim``.
        name: the name of its module.
    """
    return _pick(entries(kind), name, kind)


@cache
def entries(kind: str) -> dict[str, Any]:
    """Everything of one kind, by the name of its module."""
    package, constant = _PLACES[kind]
    names = _modules_in(package)
    return {name.rsplit(".", 1)[1]: _constant(name, constant) for name in names}


_PLACES = {
    "source": ("mmv2.data.sources", "SOURCE"),
    "task": ("mmv2.evaluation.tasks", "TASK"),
    "table": ("mmv2.reporting.tables", "TABLE"),
    "figure": ("mmv2.reporting.figures", "FIGURE"),
    "claim": ("mmv2.reporting.claims", "CLAIM"),
}


def _modules_in(package: str) -> list[str]:
    paths = importlib.import_module(package).__path__
    return sorted(f"{package}.{info.name}" for info in pkgutil.iter_modules(paths) if not info.name.startswith("_"))


def _constant(module: str, name: str) -> Any:
    loaded = importlib.import_module(module)
    if not hasattr(loaded, name):
        raise UserError(f"{module}: has no {name}; define it, or begin the module's name with _ if it is none of these")
    return getattr(loaded, name)


def _pick(found: Mapping[str, Any], name: str, kind: str) -> Any:
    if name not in found:
        raise UserError(f"{kind} {name!r} is unknown; {choices(name, found)}")
    return found[name]
