"""Eq. 8: the gated time-variant key extractor.

    kbar_t = g_t (W_phi x_t) + lambda_t kbar_{t-1}      g_t = exp(W_g x_t)      lambda_t = exp(-|W_lambda x_t|)
    k_t = kbar_t / |kbar_t|

Only the direction of kbar_t matters, so both forms carry kbar_t divided by its largest weight, and that weight's
logarithm beside it: nothing overflows, whatever the gates.

``gated_means`` are for keys whose norm matters, where exp(W_g x) would let it grow without bound: kbar_t divided by the
sum of its weights, which obeys the same recurrence over ones. A mean is no longer than the longest W_phi x_s.

    m_t = kbar_t / c_t      c_t = g_t + lambda_t c_{t-1}
"""

from typing import NamedTuple

from torch import Tensor


class KeyState(NamedTuple):
    """The recurrence after some tokens: kbar = exp(log_scale) * sum.

    Attributes:
        sum_BHK: float32, largest weight 1; of ``gated_means`` one number longer, which is the sum of the weights.
        log_scale_BH: logarithm of the factor taken out; -inf before the first token.
    """

    sum_BHK: Tensor
    log_scale_BH: Tensor
