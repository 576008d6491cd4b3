"""The forms that a memory's bandwidth can have: what it learns, from where it starts, and the beta that follows.

H memory units (heads).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from mmv2.layers.decoder import LearntNumber
from mmv2.layers.initial_bandwidth import THETA_ALPHA, THETA_BETA
from mmv2.ops.memory_read import AnyBandwidth, Bandwidth, ConstantBandwidth

Thetas = Mapping[str, Tensor]
"""A memory's learned numbers (H,) by the names of its parameters."""


class BandwidthForm(Protocol):
    """One form, the same for all heads of a memory."""

    @property
    def initial(self) -> Mapping[str, float]:
        """Names of its parameters (H,) and the value that each starts from."""

    def bandwidth(self, thetas_H: Thetas, like: Tensor) -> AnyBandwidth:
        """What the read needs; ``like`` has the memory's type and device."""

    def learnt(self, thetas_H: Thetas) -> Mapping[str, LearntNumber]:
        """The numbers of beta that are learned, by name."""


@dataclass(frozen=True)
class AdaptiveForm:
    """beta_0, beta_1 and alpha of Eq. 6 by Table 6's forms."""

    initial_theta: float = THETA_BETA
    scale: float = 1.0
    """A constant factor of beta: 1 for keys of unit norm."""

    @property
    def initial(self) -> Mapping[str, float]:
        return {"theta_beta_0": self.initial_theta, "theta_beta_1": self.initial_theta, "theta_alpha": THETA_ALPHA}

    def bandwidth(self, thetas_H: Thetas, like: Tensor) -> Bandwidth:
        beta_0_H, beta_1_H, alpha_H = self._numbers(thetas_H)
        return Bandwidth(beta_0_H * self.scale, beta_1_H * self.scale, alpha_H)

    def learnt(self, thetas_H: Thetas) -> Mapping[str, LearntNumber]:
        beta_0_H, beta_1_H, alpha_H = self._numbers(thetas_H)
        start = math.exp(self.initial_theta)
        return {
            "beta_0": LearntNumber(beta_0_H, start),
            "beta_1": LearntNumber(beta_1_H, start),
            "alpha": LearntNumber(alpha_H, THETA_ALPHA),
        }

    def _numbers(self, thetas_H: Thetas) -> tuple[Tensor, Tensor, Tensor]:
        beta_0_H, beta_1_H = (_bounded_exp(thetas_H[name]) for name in ("theta_beta_0", "theta_beta_1"))
        return beta_0_H, beta_1_H, thetas_H["theta_alpha"].abs().clamp(max=1)


@dataclass(frozen=True)
class ConstantForm:
    """One beta for every number of pairs, learned in Table 6's form of beta_0."""

    initial_beta: float

    @property
    def initial(self) -> Mapping[str, float]:
        return {"theta_beta": math.log(self.initial_beta)}

    def bandwidth(self, thetas_H: Thetas, like: Tensor) -> ConstantBandwidth:
        return ConstantBandwidth(_bounded_exp(thetas_H["theta_beta"]))

    def learnt(self, thetas_H: Thetas) -> Mapping[str, LearntNumber]:
        return {"beta": LearntNumber(_bounded_exp(thetas_H["theta_beta"]), self.initial_beta)}


@dataclass(frozen=True)
class FixedForm:
    """One beta that nothing learns."""

    beta: float

    @property
    def initial(self) -> Mapping[str, float]:
        return {}

    def bandwidth(self, thetas_H: Thetas, like: Tensor) -> ConstantBandwidth:
        return ConstantBandwidth(torch.full_like(like, self.beta))

    def learnt(self, thetas_H: Thetas) -> Mapping[str, LearntNumber]:
        return {}


def _bounded_exp(theta_H: Tensor) -> Tensor:
    return theta_H.clamp(max=10).exp()
