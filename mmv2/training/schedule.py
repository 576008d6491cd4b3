"""The learning rate of every step: linear warm-up, then a cosine down to a fraction of the peak (Section 4)."""

import math

from mmv2.config import TrainingConfig


def learning_rate(step: int, max_steps: int, training: TrainingConfig) -> float:
    """The rate of one optimizer step.

    Args:
        step: counts from 1. The warm-up's last step and, without one, the first has the peak rate.
        max_steps: the run's last step, which has ``min_lr_ratio`` times the peak.
        training: peak, warm-up and ratio. Where the warm-up fills the whole run, the rate ends at the peak.
    """
    warmup = training.warmup_steps
    if step <= warmup:
        return training.learning_rate * step / warmup
    start = max(warmup, 1)
    progress = (step - start) / max(max_steps - start, 1)
    cosine = (1 + math.cos(math.pi * progress)) / 2
    return training.learning_rate * (training.min_lr_ratio + (1 - training.min_lr_ratio) * cosine)
