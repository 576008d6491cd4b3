import numpy as np
import pytest

from mmv2.data.sources._episodes import Instances
from mmv2.data.sources._world import World
from tests.mmv2.data.conftest import world_config


@pytest.fixture(scope="module")
def instances(config):
    return Instances(World(config))


def test_an_instance_tells_its_class_by_its_own_words(instances):
    world = instances.world
    classes = np.arange(10).repeat(20)
    for instance, label in zip(instances.draw(np.random.default_rng(0), "banking", classes), classes, strict=True):
        own = set(world.keywords["banking"][label])
        assert len(own & set(instance)) == 2
        assert sum(word in world.fillers for word in instance) == 2


def test_keywords_belong_to_one_class():
    world = World(world_config())
    words = [word for form in world.keywords.values() for pool in form for word in pool]
    assert len(set(words)) == len(words) == 2 * 10 * 12


def test_held_out_rows_are_distinct_and_balanced(instances):
    rows = [row for splits in instances.held_out.values() for split in splits.values() for row in split]
    assert len({instance for instance, _ in rows}) == len(rows) == 2 * 10 * (8 + 6 + 6)
    classes = [label for _, label in instances.held_out["banking"]["test"]]
    assert classes == [label for label in range(10) for _ in range(6)]


def test_held_out_instances_are_never_drawn():
    """So few instances that many draws would hit them."""
    config = world_config(keywords_per_class=4, instance_keywords=1, fillers=10, instance_fillers=1)
    instances = Instances(World(config))
    held_out = {instance for split in instances.held_out["banking"].values() for instance, _ in split}
    drawn = instances.draw(np.random.default_rng(0), "banking", np.zeros(2000, dtype=int))
    assert not held_out & set(drawn)
    assert len(set(drawn)) == 4 * 20 * 2 - 20
