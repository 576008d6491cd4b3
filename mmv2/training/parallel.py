"""Several ranks on one model: the world of a run, what its ranks agree on, and the sharding of parameters (FSDP2).

One rank is the ordinary case and needs no process group. Several ranks are started by ``torchrun``, which sets RANK,
WORLD_SIZE and LOCAL_RANK. Each holds a part of every parameter and works on its part of the rows of a batch.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard

from mmv2.errors import UserError
from mmv2.layers.decoder import LanguageModel

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The ranks that train one model together, seen from one of them."""

    device: torch.device
    rank: int = 0
    size: int = 1
    mesh: DeviceMesh | None = None

    @property
    def is_main(self) -> bool:
        """Whether this rank writes the files and speaks to the user."""
        return self.rank == 0

    def sum(self, *numbers: float | torch.Tensor) -> list[float]:
        """Sums over all ranks, in double precision: one small collective, after which all ranks know the same."""
        values = torch.stack([torch.as_tensor(number, dtype=torch.float64, device=self.device) for number in numbers])
        if self.size > 1:
            dist.all_reduce(values)
        return cast(list[float], values.tolist())

    def gather(self, item: T) -> list[T]:
        """The items of all ranks, on all ranks."""
        if self.size == 1:
            return [item]
        items: list[T | None] = [None] * self.size
        dist.all_gather_object(items, item)
        return cast(list[T], items)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Around work without collectives: what fails on one rank fails on all, else the others would wait forever.

        Raises:
            UserError, OSError: the first that any rank met.
        """
        failure: UserError | OSError | None = None
        try:
            yield
        except (UserError, OSError) as error:
            failure = error
        for found in self.gather(failure):
            if found is not None:
                raise found


def find_device(name: str | None = None) -> torch.device:
    """The device of this rank.

    Args:
        name: ``cpu``, ``cuda`` (this rank's GPU) or such as ``cuda:1``; None: this rank's GPU, or the CPU where there
            is none.

    Raises:
        UserError: another name, or there is no such GPU.
    """
    gpus = torch.cuda.device_count()
    name = name or ("cuda" if gpus else "cpu")
    known = re.fullmatch(r"cpu|cuda(?::(\d+))?", name)
    if known is None:
        raise UserError(f"--device {name}: unknown; use cpu, cuda or, for one of several GPUs, such as cuda:0")
    if name == "cpu":
        return torch.device("cpu")
    index = int(known[1] or os.environ.get("LOCAL_RANK", 0))
    if index >= gpus:
        raise UserError(f"--device {name}: GPU {index} is not there, torch sees {gpus} on this machine; or use cpu")
    return torch.device("cuda", index)


@contextmanager
def join_world(device: str | None = None) -> Iterator[World]:
    """The world that the environment describes; its process group ends with the context.

    ``device`` and what it raises: see ``find_device``.
    """
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    place = find_device(device)
    if place.type == "cuda":
        torch.cuda.set_device(place)
    if size == 1:
        yield World(place)
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo")
    try:
        yield World(place, rank, size, init_device_mesh(place.type, (size,)))
    finally:
        dist.destroy_process_group()


def shard(model: LanguageModel, world: World) -> None:
    """Divide every parameter over the ranks, layer by layer. Nothing happens in a world of one.

    After every micro-batch its gradients go to the ranks that hold their part, so that no rank ever keeps all of them.
    They are summed over ranks, not averaged as FSDP does by itself: the loss is a sum over targets, which may fall
    unequally on the ranks, and is divided by their global number in one place (``average_and_clip_``).
    """
    if world.size == 1:
        return
    for layer in model.layers_to_shard():
        fully_shard(layer, mesh=world.mesh)
    fully_shard(model, mesh=world.mesh)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # else a multiplied sum, which gloo does not know
