"""RULER's question answering at one length: a prompt for every question, in each regime."""

import random
import zlib
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from mmv2.errors import UserError
from mmv2.evaluation.frozen import Encoder
from mmv2.evaluation.prompts import grow, shrink
from mmv2.evaluation.question_files import DocumentQuestion
from mmv2.evaluation.ruler.documents import (
    QaPrompt,
    own_documents,
    ruler_documents,
    ruler_order,
    short_documents,
    written,
)
from mmv2.evaluation.ruler.fitting import bisected, drawn, stepped
from mmv2.evaluation.ruler.settings import RulerQaSettings


class QaPrompts:
    """Makes the prompts of one subtask and length with one tokenizer."""

    def __init__(self, settings: RulerQaSettings, name: str, pool: Sequence[str], encoder: Encoder, length: int):
        """
        Args:
            settings: with their regime.
            name: of the subtask.
            pool: all documents, sorted.
            encoder: of the models to evaluate.
            length: in tokens.
        """
        assert settings.regime is not None, "settings are resolved"
        self.settings = settings
        self.name = name
        self.pool = pool
        self.encoder = encoder
        self.length = length
        self.step = settings.step(length)

    def of(self, questions: Sequence[DocumentQuestion]) -> Iterator[tuple[DocumentQuestion, QaPrompt]]:
        """Each question with its prompt; those that do not fit are left out, if so set.

        Raises:
            UserError: a question does not fit and is not to be left out, or none does.
        """
        anew = self.settings.regime == "random_depth"
        prompts = self._random_depth(questions) if anew else self._as_ruler(questions)
        found = 0
        for question, prompt in zip(questions, prompts, strict=True):
            if prompt is not None:
                found += 1
                yield question, prompt
            elif self.settings.unfit == "refuse":
                raise self._unfit(question)
        if not found:
            raise self._unfit(questions[0])

    def num_tokens(self, prompt: QaPrompt) -> int:
        """Tokens of begin-of-text, prompt and answer."""
        return 1 + len(prompt.ids) + self.settings.max_new_tokens

    def _room(self) -> int:
        """Tokens that a prompt may have without begin-of-text, for which NVIDIA's generator leaves no room."""
        return self.length - self.settings.max_new_tokens - (self.settings.regime != "bisect")

    def _fits(self, prompt: QaPrompt) -> bool:
        return len(prompt.ids) <= self._room()

    def _as_ruler(self, questions: Sequence[DocumentQuestion]) -> Iterator[QaPrompt | None]:
        """NVIDIA's generators: one stream of draws, which the fit begins and the questions go on with."""
        rng = random.Random(self.settings.seed)

        def build(question: DocumentQuestion, number: int) -> QaPrompt:
            if number < len(question.own):
                documents = short_documents(question, number, rng)
            else:
                most = number if self.settings.regime == "bisect" else len(self.pool)
                documents = ruler_documents(question, min(number, most), self.pool, rng)
            order = ruler_order(len(documents), self.settings.seed)
            return written(self.settings, question, documents, order, self.encoder)

        first = questions[0]
        if self.settings.regime == "bisect":
            size = bisected(lambda n: len(build(first, n).ids), self._room(), self.length, self.step)
        else:
            answers = f" {list(first.answers)}"

            def with_answers(number: int) -> int:
                return len(self.encoder.ids(build(first, number).text + answers))

            size = stepped(with_answers, self._room(), self._fewest(first), self.step, len(self.pool))
        for question in questions:
            yield drawn(partial(build, question), self._fits, size, self.step, self._least(question), rng)

    def _random_depth(self, questions: Sequence[DocumentQuestion]) -> Iterator[QaPrompt | None]:
        """A generator for every question: what it draws depends on seed, task, length and its number alone."""
        first = partial(self._anew, questions[0], 0)
        most = grow(lambda n: self._fits(first(n)), self._fewest(questions[0]), self.step, len(self.pool))
        for index, question in enumerate(questions):
            fewest = self._fewest(question)
            yield shrink(partial(self._anew, question, index), self._fits, fewest, self.step, max(most, fewest))

    def _least(self, question: DocumentQuestion) -> int:
        """How far a prompt shrinks: NVIDIA's keep all of the question's own documents, small steps those it needs."""
        ruler = self.settings.regime != "random_depth" and self.step > 1
        return len(question.own) if ruler else len(question.needed)

    def _fewest(self, question: DocumentQuestion) -> int:
        """With how many documents the fit begins."""
        return max(self.settings.fewest(self.length), self._least(question))

    def _anew(self, question: DocumentQuestion, index: int, number: int) -> QaPrompt:
        name = zlib.crc32(f"ruler_qa/{self.name}".encode())
        rng = np.random.default_rng((self.settings.seed, name, self.length, index))
        documents = own_documents(question, number, self.pool, rng)
        return written(self.settings, question, documents, rng.permutation(len(documents)).tolist(), self.encoder)

    def _unfit(self, question: DocumentQuestion) -> UserError:
        fewest = self._fewest(question)
        needed = self.num_tokens(self._anew(question, 0, fewest))
        named = "min_documents" if self.settings.min_documents is not None else "documents:"
        return UserError(
            f"ruler_qa: context_lengths: {self.length}: question {question.id} with {named} {fewest} needs {needed} "
            f"tokens (begin-of-text, prompt, max_new_tokens {self.settings.max_new_tokens}); use a longer length, "
            f"fewer documents, a shorter template, or unfit: leave_out"
        )
