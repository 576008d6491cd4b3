"""What the parameters of a model are before training, measured on the model itself and compared with Table 6.

Imports torch only where a model is made. Large models are made part by part, so that one block's weights are in memory.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mmv2.layers.initial_bandwidth import THETA_ALPHA, THETA_BETA
from mmv2.model import build
from mmv2.model.config import MosaicConfig

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mmv2.model.memory import AssociativeMemory

SEED = 0
"""Of the draw; it is of no run."""
PARAMETERS = {
    "theta_beta_0": "beta_0",
    "theta_beta_1": "beta_1",
    "theta_alpha": "alpha",
    "theta_alpha_psi": "alpha_psi",
    "gamma": "gamma",
    "value_projection": "W_psi",
    "key_projection": "W_phi",
    "gain_projection": "W_g",
    "decay_projection": "W_lambda",
    "output": "W_o",
    "w1": "W_1",
    "w3": "W_3",
    "w2": "W_2",
    "embedding": "W_e",
    "classifier": "W_c",
}
"""Last part of a parameter's name in the code, without ``.weight`` -> its name in Table 6."""
THETAS = (-20.0, -2.0, -THETA_ALPHA, 0.0, THETA_ALPHA, 1.0, THETA_BETA, 9.0, 11.0, 16.0)
"""Where forms are compared: between and beyond all their bounds."""
CLAMPED_SD = math.sqrt(
    math.erf(3 / math.sqrt(2)) - 6 * math.exp(-4.5) / math.sqrt(2 * math.pi) + 9 * math.erfc(3 / math.sqrt(2))
)
"""Standard deviation of a normal of sigma 1 clamped to 3."""


@dataclass
class Sample:
    """Numbers of one parameter, of all layers and memories, as sums."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    scaled: "Sample | None" = None
    """The same numbers over the sigma that the paper states for their layer."""

    def add(self, numbers: "Tensor", sigma: float | None) -> None:
        """Take in the numbers of one layer."""
        wide = numbers.detach().double()
        self.count += wide.numel()
        self.total += float(wide.sum())
        self.squares += float(wide.square().sum())
        self.least, self.most = min(self.least, float(wide.min())), max(self.most, float(wide.max()))
        if sigma is not None:
            self.scaled = self.scaled or Sample()
            self.scaled.add(wide / sigma, None)

    @property
    def mean(self) -> float:
        return self.total / self.count

    @property
    def sd(self) -> float:
        return math.sqrt(max(0.0, self.squares / self.count - self.mean**2))

    @property
    def furthest(self) -> float:
        """The greatest absolute value."""
        return max(-self.least, self.most)


def evaluated(formula: str, **values: float) -> float:
    """The value of a formula as the paper prints it, such as ``exp(min(theta, 10))``, of its own names only."""
    names: dict[str, Any] = {"exp": math.exp, "sqrt": math.sqrt, "min": min, "abs": abs, **values}
    return float(eval(formula.replace("d'", "d_prime"), {"__builtins__": {}}, names))


def sample(config: MosaicConfig, sigmas: Mapping[str, str]) -> dict[str, Sample]:
    """Numbers of a freshly initialised model, by the names of Table 6; those of others by their names in the code.

    Args:
        config: of the model.
        sigmas: name -> formula of sigma in d, d' and l.
    """
    found: dict[str, Sample] = {}
    widths = {"d": config.hidden_size, "d_prime": config.intermediate_size}
    for layer, code_name, numbers in _parameters(config):
        name = PARAMETERS.get(code_name, code_name)
        sigma = evaluated(sigmas[name], **widths, l=layer) if name in sigmas else None
        found.setdefault(name, Sample()).add(numbers, sigma)
    return found


def _parameters(config: MosaicConfig) -> Iterator[tuple[int, str, "Tensor"]]:
    """Layer, name in the code and numbers of every parameter, made by the model's own initialisation part by part."""
    import torch

    from mmv2.layers.decoder import Block

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        with torch.device("meta"):
            model = build(config)
        blocks, model.blocks = model.blocks, torch.nn.ModuleList()
        model.to_empty(device="cpu").reset_parameters()  # what is outside the blocks
        yield from ((0, *named) for named in _named(model))
        for layer, block in enumerate(blocks):
            cast(Block, block.to_empty(device="cpu")).reset_parameters(layer)
            yield from ((layer, *named) for named in _named(block))
            block.to("meta")


def _named(module: "nn.Module") -> Iterator[tuple[str, "Tensor"]]:
    for name, numbers in module.named_parameters():
        yield name.removesuffix(".weight").rsplit(".", 1)[-1], numbers


def deviation(config: MosaicConfig, name: str, form: str) -> float:
    """The largest relative difference between the paper's form of a number and the code's, over ``THETAS``."""
    import torch

    from mmv2.model.memory import AssociativeMemory

    with torch.no_grad():
        with torch.device("meta"):  # where nothing is drawn
            memory = AssociativeMemory(config.model_copy(update=_SMALL), "short_term")
        memory.to_empty(device="cpu").double()
        code, theta_H = _form(memory, name)
        found = []
        for theta in THETAS:
            theta_H.fill_(theta)
            printed = evaluated(form, theta=theta)
            found.append(float((code() - printed).abs().max()) / printed if printed else float(code().abs().max()))
    return float(np.max(found))


_SMALL = {"hidden_size": 4, "num_heads": 1, "intermediate_size": 4}
"""A memory's forms do not depend on sizes."""


def _form(memory: "AssociativeMemory", name: str) -> tuple[Callable[[], "Tensor"], "Tensor"]:
    """The function by which the code finds a number, and the theta that it reads."""
    if name == "alpha_psi":
        return memory.value_scale, memory.theta_alpha_psi
    return lambda: memory.learnt()[name].values_H, getattr(memory, f"theta_{name}")
