"""Instances of the classes of the tiny world: a few keywords of the class among words that say nothing."""

import numpy as np
from numpy.random import Generator, default_rng

from mmv2.data.sources._language import FORMS
from mmv2.data.sources._world import EVALUATION, World

Instance = tuple[str, ...]
Classes = list[list[str]]
"""Of each class its keywords."""
UNFAMILIAR = "unfamiliar"
"""Classes in the form of service queries that occur in no training document: their keywords do, in other company."""


class Instances:
    """Draws instances, and holds out those of the evaluation files.

    Attributes:
        held_out: per form, and for UNFAMILIAR, and per split (train, dev, test) the rows (instance, class) of its file,
            contiguous by class.
    """

    def __init__(self, world: World):
        self.world = world
        self._reserved: set[Instance] = set()
        rng = default_rng((world.config.seed, EVALUATION, 0))
        self.held_out = {form: self._hold_out(rng, world.keywords[form]) for form in FORMS}
        self.held_out[UNFAMILIAR] = self._hold_out(rng, self.fresh_classes(rng, "banking", world.config.classes))

    def _hold_out(self, rng: Generator, keywords: Classes) -> dict[str, list[tuple[Instance, int]]]:
        sizes = self.world.config.evaluation
        rows = {
            "train": sizes.train_rows_per_class,
            "dev": sizes.test_rows_per_class,
            "test": sizes.test_rows_per_class,
        }
        return {split: self._reserve(rng, keywords, per_class) for split, per_class in rows.items()}

    def _reserve(self, rng: Generator, keywords: Classes, per_class: int) -> list[tuple[Instance, int]]:
        rows = []
        for label in np.repeat(np.arange(len(keywords)), per_class):
            (instance,) = self.draw(rng, keywords, np.array([label]))
            self._reserved.add(instance)
            rows.append((instance, int(label)))
        return rows

    def fresh_classes(self, rng: Generator, form: str, count: int) -> Classes:
        """Classes that exist only here: keywords of the form dealt anew, so that nothing but examples tells them."""
        words = [word for keywords in self.world.keywords[form] for word in keywords]
        dealt = rng.permutation(len(words))[: count * self.world.config.keywords_per_class].reshape(count, -1)
        return [[words[place] for place in row] for row in dealt.tolist()]

    def draw(self, rng: Generator, keywords: Classes, classes: np.ndarray) -> list[Instance]:
        """One instance per entry of ``classes``, none of the held-out ones.

        Args:
            keywords: of each class its words.
            classes: indices into it.
        """
        instances = self._draw_any(rng, keywords, classes)
        for place, instance in enumerate(instances):
            while instance in self._reserved:
                (instance,) = self._draw_any(rng, keywords, classes[place : place + 1])
            instances[place] = instance
        return instances

    def _draw_any(self, rng: Generator, keywords: Classes, classes: np.ndarray) -> list[Instance]:
        config, fillers = self.world.config, self.world.fillers
        shape = (len(classes), config.keywords_per_class)
        chosen = rng.random(shape).argsort(axis=1)[:, : config.instance_keywords].tolist()
        blanks = rng.integers(len(fillers), size=(len(classes), config.instance_fillers)).tolist()
        orders = rng.random((len(classes), config.instance_words)).argsort(axis=1).tolist()
        instances = []
        for label, own, rest, order in zip(classes.tolist(), chosen, blanks, orders, strict=True):
            words = [keywords[label][index] for index in own] + [fillers[index] for index in rest]
            instances.append(tuple(words[place] for place in order))
        return instances
