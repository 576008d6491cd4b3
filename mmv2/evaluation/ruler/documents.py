"""Prompts of documents and a question: which documents are shown, in which order, and the text (protocols.md, 1.2)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmv2.evaluation.frozen import Encoder
from mmv2.evaluation.prompts import fill, known_ids
from mmv2.evaluation.question_files import DocumentQuestion
from mmv2.evaluation.ruler.settings import RulerQaSettings


@dataclass(frozen=True)
class QaPrompt:
    """A prompt, and what is recorded of it."""

    text: str
    ids: Sequence[int]
    num_documents: int
    first_depth: float
    """Where the first document stands that the answer needs: 0 first, 1 last."""
    last_depth: float
    """Where the last one stands that it needs."""
    context: str
    """The documents alone, as the text shows them."""


def ruler_documents(question: DocumentQuestion, number: int, pool: Sequence[str], rng: random.Random) -> list[str]:
    """NVIDIA's choice of so many documents, drawn as there; not fewer than the question's own.

    Those of the article go first, drawn from; where they do not suffice all of them and some of the others; where the
    pool does not suffice all of it, again and again.
    """
    if number >= len(pool):
        return (list(pool) * -(-number // len(pool)))[:number]
    lacking = number - len(question.own)
    if lacking > len(question.more):
        near = {*question.own, *question.more}
        others = [text for text in pool if text not in near]
        return [*question.own, *question.more, *rng.sample(others, lacking - len(question.more))]
    return [*question.own, *rng.sample(question.more, lacking)]


def short_documents(question: DocumentQuestion, number: int, rng: random.Random) -> list[str]:
    """Fewer documents than the question's own: those it needs, and some of the others."""
    spare = [text for text in question.own if text not in question.needed]
    return [*question.needed, *rng.sample(spare, min(number - len(question.needed), len(spare)))]


def own_documents(question: DocumentQuestion, number: int, pool: Sequence[str], rng: np.random.Generator) -> list[str]:
    """The choice of regime random_depth: as NVIDIA's, each document once, at most all there are.

    Below the number of the question's own: those it needs, and some of the others.
    """
    own, more = list(dict.fromkeys(question.own)), list(dict.fromkeys(question.more))
    if number < len(own):
        spare = [text for text in own if text not in question.needed]
        return [*question.needed, *_sample(spare, number - len(question.needed), rng)]
    lacking = number - len(own)
    if lacking <= len(more):
        return [*own, *_sample(more, lacking, rng)]
    near = {*own, *more}
    others = [text for text in pool if text not in near]
    return [*own, *more, *_sample(others, min(lacking - len(more), len(others)), rng)]


def _sample(texts: Sequence[str], number: int, rng: np.random.Generator) -> list[str]:
    return [texts[place] for place in rng.choice(len(texts), size=number, replace=False)]


def ruler_order(number: int, seed: int) -> list[int]:
    """NVIDIA's order of so many documents: the same for every example."""
    order = list(range(number))
    random.Random(seed).shuffle(order)
    return order


def written(
    settings: RulerQaSettings,
    question: DocumentQuestion,
    documents: Sequence[str],
    order: Sequence[int],
    encoder: Encoder,
) -> QaPrompt:
    """The prompt of these documents in this order; it ends with what follows the question in the template.

    Raises:
        UserError: it has words that the tokenizer does not know.
    """
    shown = [documents[which] for which in order]
    filled = [
        fill(settings.document_template, number=str(place), text=text) for place, text in enumerate(shown, start=1)
    ]
    context = settings.document_joiner.join(filled)
    text = fill(settings.prompt_template, context=context, query=question.text)
    assert text.endswith(question.text + settings.prompt_template.partition("{query}")[2])
    needed = set(question.needed)
    depths = [place / max(1, len(shown) - 1) for place, document in enumerate(shown) if document in needed]
    ids = known_ids(encoder.tokenizer, text, f"ruler_qa: question {question.id}")
    return QaPrompt(text, ids, len(shown), depths[0], depths[-1], context)
