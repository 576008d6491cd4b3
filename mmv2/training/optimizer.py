"""AdamW (Section 4), which parameters it decays, and the clipping of the gradient."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from mmv2.config import TrainingConfig
from mmv2.layers.decoder import LanguageModel


def build_optimizer(model: LanguageModel, training: TrainingConfig) -> torch.optim.AdamW:
    """AdamW over all parameters, in two groups.

    Weight decay pulls the matrices (embedding and classifier included) towards zero. It leaves out what has one
    dimension, others of size 1 not counted: gains of norms and scalars per head, for which zero is no neutral value;
    and what the model calls ``undecayed``. The paper does not say.
    """
    spared = set(model.undecayed())
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (decayed if _is_matrix(parameter) and name not in spared else others).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": training.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=training.learning_rate, betas=training.betas, fused=True)


def _is_matrix(parameter: nn.Parameter) -> bool:
    return sum(size > 1 for size in parameter.shape) >= 2


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the rate of the coming step."""
    for group in optimizer.param_groups:
        group["lr"] = rate


@torch.no_grad()
def average_and_clip_(parameters: Iterable[nn.Parameter], num_targets: float, max_norm: float) -> float:
    """Turn gradients of the summed loss into clipped gradients of the mean loss, in place.

    Args:
        parameters: with gradients summed over all micro-batches and ranks; sharded or whole.
        num_targets: the global number of targets.
        max_norm: the largest norm that all gradients together may have.

    Returns:
        The norm of the mean loss's gradient before clipping, over all ranks. Where it is not finite, the gradients are
        not to be used.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    total: Tensor = torch.nn.utils.get_total_norm(gradients)
    if isinstance(total, DTensor):
        total = total.full_tensor()
    norm = total.item() / num_targets
    scale = min(1.0, max_norm / (norm + 1e-6)) / num_targets
    for gradient in gradients:
        gradient.mul_(scale)
    return norm
