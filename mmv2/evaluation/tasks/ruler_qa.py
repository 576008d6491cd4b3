"""RULER's multi-document question answering: one document holds the answer, the others are distractors.

Follows NVIDIA/RULER's ``qa`` tasks at the time of the paper: its prompt for base models, its choice of distractors, its
linear fit of the number of documents to a length. Two things differ by default: the order of documents is drawn afresh
for every example (there it depends on their number alone, so that length and depth are confounded), and a length that
does not fit, or that the documents cannot fill, is an error.

Instruction, documents, steps and budget are settings: the same code fits any length, tokenizer and SQuAD-format file.
"""

import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, field_validator
from tokenizers import Tokenizer

from mmv2.data.tokenizer import load_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.baselines import FrequentAnswers, nearest_match
from mmv2.evaluation.frozen import FrozenExample, check_corpus_files, freeze_examples, summarise
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.prompts import fill, grow, holding, shrink
from mmv2.evaluation.scoring import official, strict
from mmv2.evaluation.squad import Question, read_squad
from mmv2.evaluation.tasks import TaskSettings, TaskSpec

INSTRUCTION = (
    "Answer the question based on the given documents. Only give me the answer and do not output any other words."
)
PROMPT = (
    f"{INSTRUCTION}\n\nThe following are given documents.\n\n{{context}}\n\n{INSTRUCTION}\n\n"
    "Question: {query} Answer:"
)
"""RULER's prompt for base models, byte for byte."""


class RulerQaSettings(TaskSettings):
    """The defaults are RULER's; corpora of short texts need other templates and steps."""

    subtask: str = "squad"
    """Name of the source in records."""
    file: str = "evaluation/squad_test.json"
    """SQuAD-format questions and documents, relative to the corpus folder."""
    dev_file: str = "evaluation/squad_dev.json"
    """SQuAD-format questions for the blind guess, relative to the corpus folder."""
    questions: Literal["first", "sampled"] = "first"
    """first: in file order, as RULER, which may mean from a few articles only; sampled: drawn from the whole file."""
    prompt_template: str = PROMPT
    """Holds {context} once and {query} once; what follows {query} is the last the model reads."""
    document_template: str = "Document {number}:\n{text}"
    """Holds {text} once; {number} counts from 1 in the order shown."""
    document_joiner: str = "\n\n"
    min_documents: int = Field(default=10, ge=1)
    """Fewest documents of a prompt, the one with the answer included."""
    document_step: int = Field(default=10, ge=1)
    """Their number grows and shrinks by this: 10 is RULER's fit; below 4k tokens use 1."""
    depth: Literal["random", "official"] = "random"
    """random: a fresh order for every example; official: RULER's one permutation for each number of documents."""
    min_fill: float = Field(default=0.5, ge=0, le=1)
    """Share of a length that the examples must use on average; below it the file has too few documents."""

    @field_validator("prompt_template")
    @classmethod
    def _prompt_holds_both(cls, template: str) -> str:
        return holding(template, "context", "query")

    @field_validator("document_template")
    @classmethod
    def _document_holds_text(cls, template: str) -> str:
        return holding(template, "text")


@dataclass(frozen=True)
class _Prompt:
    text: str
    ids: Sequence[int]
    num_documents: int
    depth: float


class _Builder:
    """Makes prompts of one source with one tokenizer."""

    def __init__(self, settings: RulerQaSettings, pool: Sequence[str], tokenizer: Tokenizer):
        self.settings = settings
        self.pool = pool
        self.tokenizer = tokenizer

    def longest(self, question: Question, index: int, length: int, most: int) -> _Prompt:
        """The prompt of the largest number of documents up to ``most`` that fits; always ends.

        Raises UserError where even the fewest do not fit.
        """
        fewest = self.settings.min_documents
        prompt = shrink(
            lambda number: self.build(question, index, length, number),
            lambda made: self.num_tokens(made) <= length,
            fewest,
            self.settings.document_step,
            most,
        )
        if prompt is not None:
            return prompt
        needed = self.num_tokens(self.build(question, index, length, fewest))
        raise UserError(
            f"ruler_qa: context_lengths: {length}: question {question.id} with min_documents {fewest} needs {needed} "
            f"tokens (begin-of-text, prompt, max_new_tokens {self.settings.max_new_tokens}); use a longer length, "
            f"fewer documents or a shorter template"
        )

    def fit(self, question: Question, length: int) -> int:
        """RULER's linear fit: the number of documents grows in steps while the first question's prompt fits."""
        return grow(
            lambda number: self.num_tokens(self.build(question, 0, length, number)) <= length,
            self.settings.min_documents,
            self.settings.document_step,
            len(self.pool),
        )

    def num_tokens(self, prompt: _Prompt) -> int:
        return 1 + len(prompt.ids) + self.settings.max_new_tokens

    def build(self, question: Question, index: int, length: int, number: int) -> _Prompt:
        """One prompt. What is drawn depends on seed, task, length and index alone, not on what was built before."""
        settings = self.settings
        name = zlib.crc32(f"ruler_qa/{settings.subtask}".encode())
        rng = np.random.default_rng((settings.seed, name, length, index))
        documents = [question.gold, *self._distractors(question, number - 1, rng)]
        order = _official_order(len(documents)) if settings.depth == "official" else rng.permutation(len(documents))
        shown = [
            fill(settings.document_template, number=str(place), text=documents[which])
            for place, which in enumerate(order, start=1)
        ]
        text = fill(settings.prompt_template, context=settings.document_joiner.join(shown), query=question.text)
        assert text.endswith(question.text + settings.prompt_template.partition("{query}")[2])
        depth = list(order).index(0) / max(1, len(order) - 1)
        return _Prompt(text, self.tokenizer.encode(text, add_special_tokens=False).ids, len(order), depth)

    def _distractors(self, question: Question, number: int, rng: np.random.Generator) -> list[str]:
        """From the same article as long as that suffices, then from all others, at most all there are."""
        if number <= len(question.more):
            return _sample(question.more, number, rng)
        near = {question.gold, *question.more}
        others = [text for text in self.pool if text not in near]
        return [*question.more, *_sample(others, min(number - len(question.more), len(others)), rng)]


def _sample(texts: Sequence[str], number: int, rng: np.random.Generator) -> list[str]:
    return [texts[place] for place in rng.choice(len(texts), size=number, replace=False)]


def _official_order(number: int) -> list[int]:
    order = list(range(number))
    random.Random(42).shuffle(order)
    return order


def freeze(settings: RulerQaSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Make all examples of all lengths and write them.

    Args:
        settings: their file names are relative to ``corpus_folder``.
        corpus_folder: a corpus as data preparation leaves it, or any folder with SQuAD-format files.
        tokenizer_file: tokenizer.json of the models to evaluate.
        output: JSON lines, see ``mmv2.evaluation.frozen``; the same bytes whatever the order of lengths.

    Raises:
        UserError: a source or the tokenizer is damaged or not as the corpus manifest records it, a length does not
            fit or cannot be filled.
    """
    check_corpus_files(corpus_folder, tokenizer_file, (settings.file, settings.dev_file))
    tokenizer = load_tokenizer(tokenizer_file)
    files = {name: corpus_folder / name for name in (settings.file, settings.dev_file)}
    source = read_squad(files[settings.file])
    guesses = FrequentAnswers(read_squad(files[settings.dev_file]).questions)
    if len(source.pool) < settings.min_documents:
        raise UserError(
            f"{files[settings.file]}: {len(source.pool)} documents, ruler_qa needs min_documents "
            f"{settings.min_documents}; use a larger file or fewer documents"
        )
    builder = _Builder(settings, source.pool, tokenizer)
    examples = []
    for length in sorted(set(settings.context_lengths)):
        examples += _examples(builder, _chosen(source.questions, settings), guesses, length)
    summary = summarise(examples, documents="num_documents")
    _check_filled(summary, len(source.pool), settings.min_fill, files[settings.file])
    freeze_examples(output, "ruler_qa", settings, tokenizer_file, files, examples, summary)


def _chosen(questions: Sequence[Question], settings: RulerQaSettings) -> list[Question]:
    """The questions asked, the same at every length."""
    number = min(settings.examples_per_length, len(questions))
    if settings.questions == "first":
        return list(questions[:number])
    rng = np.random.default_rng((settings.seed, zlib.crc32(f"ruler_qa/{settings.subtask}/questions".encode())))
    return [questions[place] for place in rng.choice(len(questions), size=number, replace=False)]


def _examples(
    builder: _Builder, questions: Sequence[Question], guesses: FrequentAnswers, length: int
) -> list[FrozenExample]:
    most = builder.fit(questions[0], length)
    examples = []
    for index, question in enumerate(questions):
        prompt = builder.longest(question, index, length, most)
        copied = nearest_match(prompt.ids, builder.settings.max_new_tokens)
        example = FrozenExample(
            id=question.id,
            subtask=builder.settings.subtask,
            context_length=length,
            prompt=prompt.text,
            references=question.answers,
            num_tokens=builder.num_tokens(prompt),
            depth=prompt.depth,
            baselines={
                "most_frequent_answer": guesses.guess(question.text),
                "nearest_match": builder.tokenizer.decode(copied),
            },
            details={"num_documents": prompt.num_documents},
        )
        examples.append(example)
    return examples


def _check_filled(summary: Mapping[str, Mapping[str, float]], pool: int, least: float, file: Path) -> None:
    for length, values in summary.items():
        if values["fill"] < least:
            raise UserError(
                f"ruler_qa: context_lengths: {length}: its examples use {values['fill']:.0%} of it, min_fill is "
                f"{least:.0%} ({file.name} has {pool} documents); use a shorter length, a larger file, a smaller "
                f"document_step or a lower min_fill"
            )


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """RULER's substring score and a strict one, both 0 or 1."""
    return {"official": official(example.references, outcome.text), "strict": strict(example.references, outcome.text)}


def chance(example: FrozenExample) -> float:
    """Official score of the blind guess: the most frequent answer to questions of that kind in the dev file.

    0 or 1: the guess is fixed, so over few examples its mean is uncertain, as a model's is.
    """
    return official(example.references, example.baselines["most_frequent_answer"])


TASK = TaskSpec(
    label="RULER QA",
    settings=RulerQaSettings,
    freeze=freeze,
    score=score,
    main_score="official",
    packages=(
        "mmv2.evaluation.baselines",
        "mmv2.evaluation.frozen",
        "mmv2.evaluation.prompts",
        "mmv2.evaluation.scoring",
        "mmv2.evaluation.squad",
        "mmv2.evaluation.tasks.ruler_qa",
    ),
    chance=chance,
)
