"""One optimizer step: the global batch in micro-batches, the mean loss over all its targets, clipping, AdamW.

With the schedule, the optimizer, the sharding and the data loader this is all that determines a run's weights; the loop
around it (``trainer``) only decides when to write what.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mmv2.data.loader import load_batch, rows_of_step
from mmv2.data.shards import Corpus
from mmv2.errors import UserError
from mmv2.layers.decoder import LanguageModel
from mmv2.runs import RunConfig
from mmv2.training.optimizer import average_and_clip_, set_learning_rate
from mmv2.training.parallel import World
from mmv2.training.schedule import learning_rate


@dataclass(frozen=True)
class StepResult:
    """What one step came to, the same on all ranks."""

    loss: float
    """Mean cross entropy per target of the global batch, in nats, before the update."""
    learning_rate: float
    grad_norm: float
    """Before clipping."""
    stop: bool
    """Whether any rank was asked to stop."""


def train_step(
    model: LanguageModel,
    optimizer: torch.optim.Optimizer,
    run: RunConfig,
    corpus: Corpus,
    world: World,
    step: int,
    stop: Callable[[], bool] = lambda: False,
) -> StepResult:
    """Make step number ``step``, which counts from 1.

    Args:
        stop: tells whether this rank was asked to stop; asked after the passes, and agreed on along with the loss.

    Raises:
        UserError: the loss or its gradient is not finite. The weights are then as before the step.
    """
    training = run.training
    loss_sum, num_targets, stops = world.sum(*_accumulate(model, run, corpus, world, step), stop())
    loss = loss_sum / num_targets if num_targets else math.nan
    _check_finite(loss, "loss", run, step)
    grad_norm = average_and_clip_(model.parameters(), num_targets, training.max_grad_norm)
    _check_finite(grad_norm, "gradient norm", run, step)
    rate = learning_rate(step, run.max_steps, training)
    set_learning_rate(optimizer, rate)
    optimizer.step()
    optimizer.zero_grad()
    return StepResult(loss, rate, grad_norm, stops > 0)


def _accumulate(model: LanguageModel, run: RunConfig, corpus: Corpus, world: World, step: int) -> tuple[Tensor, int]:
    """Add up this rank's gradients; returns its summed cross entropy and its number of targets."""
    training, device = run.training, world.device
    inputs = run.spec.step_inputs(run.model, training.seed, step)
    rows = rows_of_step(step - 1, training.global_batch_size, world.rank, world.size)
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    num_targets = 0
    size = training.micro_batch_size or len(rows)
    for first in range(0, len(rows), size):
        micro_rows = rows[first : first + size]
        batch = load_batch(corpus, micro_rows, run.model.max_seq_len, device)
        with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(run, device)):
            loss = model(batch.tokens_BT, batch.documents, batch.targets_BT, **inputs)
        loss.backward()
        loss_sum += loss.detach()
        num_targets += batch.num_targets
    return loss_sum, num_targets


def uses_bfloat16(run: RunConfig, device: torch.device) -> bool:
    """Whether matrix products are in bfloat16; parameters and sums are float32 in any case."""
    precision = run.training.precision
    return precision == "bfloat16" or (precision == "auto" and device.type == "cuda")


def _check_finite(value: float, name: str, run: RunConfig, step: int) -> None:
    if not math.isfinite(value):
        raise UserError(
            f"run {run.name}: the {name} is {value} at step {step}; nothing of that step was kept. "
            f"Lower training.learning_rate or raise training.warmup_steps"
        )
