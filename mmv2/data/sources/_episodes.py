"""Instances of the classes of the tiny world: a few keywords of the class among words that say nothing."""

import numpy as np
from numpy.random import Generator, default_rng

from mmv2.data.sources._language import FORMS
from mmv2.data.sources._world import EVALUATION, World

Instance = tuple[str, ...]


class Instances:
    """Draws instances, and holds out those of the evaluation files.

    Attributes:
        held_out: per form and split (train, dev, test) the rows (instance, class) of its file, contiguous by class.
    """

    def __init__(self, world: World):
        self.world = world
        self._reserved: set[Instance] = set()
        rng = default_rng((world.config.seed, EVALUATION, 0))
        sizes = world.config.evaluation
        rows = {
            "train": sizes.train_rows_per_class,
            "dev": sizes.test_rows_per_class,
            "test": sizes.test_rows_per_class,
        }
        self.held_out = {
            form: {split: self._reserve(rng, form, per_class) for split, per_class in rows.items()} for form in FORMS
        }

    def _reserve(self, rng: Generator, form: str, per_class: int) -> list[tuple[Instance, int]]:
        rows = []
        for label in np.repeat(np.arange(self.world.config.classes), per_class):
            (instance,) = self.draw(rng, form, np.array([label]))
            self._reserved.add(instance)
            rows.append((instance, int(label)))
        return rows

    def draw(self, rng: Generator, form: str, classes: np.ndarray) -> list[Instance]:
        """One instance per entry of ``classes``, none of the held-out ones."""
        instances = self._draw_any(rng, form, classes)
        for place, instance in enumerate(instances):
            while instance in self._reserved:
                (instance,) = self._draw_any(rng, form, classes[place : place + 1])
            instances[place] = instance
        return instances

    def _draw_any(self, rng: Generator, form: str, classes: np.ndarray) -> list[Instance]:
        config = self.world.config
        keywords, fillers = self.world.keywords[form], self.world.fillers
        shape = (len(classes), config.keywords_per_class)
        chosen = rng.random(shape).argsort(axis=1)[:, : config.instance_keywords].tolist()
        blanks = rng.integers(len(fillers), size=(len(classes), config.instance_fillers)).tolist()
        orders = rng.random((len(classes), config.instance_words)).argsort(axis=1).tolist()
        instances = []
        for label, own, rest, order in zip(classes.tolist(), chosen, blanks, orders, strict=True):
            words = [keywords[label][index] for index in own] + [fillers[index] for index in rest]
            instances.append(tuple(words[place] for place in order))
        return instances
