"""The learnt numbers per unit: the bandwidth, which is the same for every number of pairs, and the norm of values.

H memory units (heads).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mmv2.layers.bandwidth import Thetas
from mmv2.layers.decoder import LearntNumber
from mmv2.ops.memory_read import ConstantBandwidth

LOG_BETA, MOST_LOG_BETA = 2.0, 10.0
"""Logarithms of the initial and of the greatest beta."""
LOG_NORM = -0.5
"""Logarithm of the initial norm of values."""


@dataclass(frozen=True)
class ScaledConstantForm:
    """One learned beta for every number of pairs: exp(min(2 s theta, 10)).

    The 2: the authors' code multiplies key and query each by the root of beta.

    Attributes:
        theta_scale: s, see the config.
    """

    theta_scale: float

    @property
    def initial(self) -> Mapping[str, float]:
        return {"theta_beta": LOG_BETA / (2 * self.theta_scale)}

    def bandwidth(self, thetas_H: Thetas, like: Tensor) -> ConstantBandwidth:
        return ConstantBandwidth(self.beta(thetas_H["theta_beta"]))

    def learnt(self, thetas_H: Thetas) -> Mapping[str, LearntNumber]:
        return {"beta": LearntNumber(self.beta(thetas_H["theta_beta"]), math.exp(LOG_BETA))}

    def beta(self, theta_H: Tensor) -> Tensor:
        """beta of every unit (H,)."""
        return (2 * self.theta_scale * theta_H).clamp(max=MOST_LOG_BETA).exp()


def value_norm(theta_H: Tensor, theta_scale: float) -> Tensor:
    """The norm of every unit's values (H,): exp(s theta)."""
    return (theta_scale * theta_H).exp()
