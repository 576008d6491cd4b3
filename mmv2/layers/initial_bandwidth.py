"""What Eq. 6's beta is before training, in the mean over a context. Imports no torch."""

import math
from functools import cache

THETA_BETA, THETA_ALPHA = 1.5, 1 / 3
"""Initial theta of beta_0 and beta_1, and of alpha (Table 6)."""


@cache
def mean_initial_bandwidth(theta_beta: float, first: int, end: int | None, context: int) -> float:
    """Mean of beta = exp(theta) n^alpha + exp(theta) over the positions of a context at which a memory holds a pair.

    A constant bandwidth starts here, so that it differs from an adaptive one in not growing, and not in its size.

    Args:
        theta_beta: initial theta of beta_0 and beta_1.
        first, end: ages of the pairs that the memory holds: first <= age < end (None: no upper limit).
        context: tokens, more than ``first``.
    """
    held = (min(position - first + 1, context if end is None else end - first) for position in range(first, context))
    return math.exp(theta_beta) * (1 + math.fsum(n**THETA_ALPHA for n in held) / (context - first))
