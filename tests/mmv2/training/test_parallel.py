import pytest
import torch

from mmv2.errors import UserError
from mmv2.training.parallel import World, find_device, join_world, shard
from tests.mmv2.training.helpers import tiny_run


def test_one_rank_is_a_world_without_process_group():
    with join_world("cpu") as world:
        assert (world.rank, world.size, world.is_main, world.device) == (0, 1, True, torch.device("cpu"))
        assert not torch.distributed.is_initialized()
        assert world.sum(1.5, 2, True) == [1.5, 2.0, 1.0]
        assert world.gather("alone") == ["alone"]


@pytest.mark.parametrize(
    ("gpus", "name", "expected"),
    [
        (0, None, "cpu"),
        (2, None, "cuda:1"),
        (2, "cpu", "cpu"),
        (2, "cuda", "cuda:1"),
        (2, "cuda:0", "cuda:0"),
    ],
)
def test_a_rank_finds_its_device(gpus: int, name: str | None, expected: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert find_device(name) == torch.device(expected)


@pytest.mark.parametrize(
    ("gpus", "name", "told"),
    [
        (1, "gpu", "--device gpu: unknown; use cpu, cuda or"),
        (1, "meta", "--device meta: unknown; use cpu, cuda or"),
        (1, "cuda:", "--device cuda:: unknown; use cpu, cuda or"),
        (0, "cuda", "--device cuda: GPU 0 is not there, torch sees 0 on this machine"),
        (1, "cuda:1", "--device cuda:1: GPU 1 is not there, torch sees 1 on this machine"),
    ],
)
def test_a_device_that_is_not_there_is_told(gpus: int, name: str, told: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(UserError, match=f"^{told}"), join_world(name):
        pass


def test_one_rank_leaves_the_model_as_it_is():
    model = tiny_run().spec.build(tiny_run().model)
    parameters = list(model.parameters())
    shard(model, World(torch.device("cpu")))
    assert all(found is expected for found, expected in zip(model.parameters(), parameters, strict=True))


@pytest.mark.parametrize("error", [UserError("told"), OSError(28, "full")])
def test_working_together_keeps_the_error(error: Exception):
    with pytest.raises(type(error)) as raised, World(torch.device("cpu")).together():
        raise error
    assert raised.value is error
