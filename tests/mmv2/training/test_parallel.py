import pytest
import torch

from mmv2.errors import UserError
from mmv2.training.parallel import World, join_world, shard
from tests.mmv2.training.helpers import tiny_run


def test_one_rank_is_a_world_without_process_group():
    with join_world("cpu") as world:
        assert (world.rank, world.size, world.is_main, world.device) == (0, 1, True, torch.device("cpu"))
        assert not torch.distributed.is_initialized()
        assert world.sum(1.5, 2, True) == [1.5, 2.0, 1.0]
        assert world.gather("alone") == ["alone"]


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
