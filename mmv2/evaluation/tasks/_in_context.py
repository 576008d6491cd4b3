"""In-context learning of other things than labels: examples with their answers, then a question of the same kind.

More than the paper's: ``icl_reasoning`` and ``icl_code`` ask whether what holds for classification holds here.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self, TypeVar

from numpy.random import default_rng
from pydantic import Field, model_validator

from mmv2.data.tokenizer import open_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.classification import Row, nearest
from mmv2.evaluation.frozen import Encoder, FrozenExample, freeze_examples, summarise
from mmv2.evaluation.prompts import known_ids
from mmv2.evaluation.tasks import TaskSettings

T = TypeVar("T")


class InContextSettings(TaskSettings):
    """What the tasks of this form can be set to."""

    context_lengths: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, max_length=1)
    """One length in tokens, which every prompt must fit with its generation budget."""
    examples_per_length: int = Field(default=500, ge=1)
    """Questions of every kind, asked after each number of examples; at most."""
    shots: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(1, 4, 16, 64), min_length=1)
    """Numbers of examples; fewer are the first of more."""

    @model_validator(mode="after")
    def _shots_differ(self) -> Self:
        if len(set(self.shots)) < len(self.shots):
            raise ValueError(f"shots: {list(self.shots)}: a number stands twice; name each once")
        return self


@dataclass(frozen=True, kw_only=True)
class Item:
    """A question and its answer."""

    id: str
    question: str
    """All that stands before the answer, without the blank between them."""
    shown: str
    """The answer as an example shows it: the reference, or a solution that ends with it."""
    reference: str
    choices: tuple[str, ...] = ()
    """Answers to choose from, if they are known."""


@dataclass(frozen=True, kw_only=True)
class Problems:
    """Items of one kind, in one style."""

    subtask: str
    style: str
    pool: Sequence[Item]
    """Examples, and what the blind guess is taken from."""
    asked: Sequence[Item]
    stops: tuple[str, ...]
    """What ends an answer."""


def shuffled(items: Sequence[T], seed: tuple[int, ...]) -> list[T]:
    """The items in an order that the seed draws."""
    return [items[place] for place in default_rng(seed).permutation(len(items))]


def freeze_problems(
    task: str,
    settings: InContextSettings,
    problems: Sequence[Problems],
    tokenizer_file: Path,
    sources: Mapping[str, Path],
    output: Path,
) -> None:
    """Make all examples and write them.

    Raises:
        UserError: too few examples for the shots, a prompt that does not fit or has words that the tokenizer does not
            know, or a token that reaches across a boundary.
    """
    encoder = Encoder(open_tokenizer(tokenizer_file))
    prefixes: dict[str, str] = {}
    examples: list[FrozenExample] = []
    for these in problems:
        _check_pool(task, settings, these)
        for shots in sorted(settings.shots):
            name = f"{these.subtask}/{these.style}/{shots}"
            prefixes[name] = "".join(f"{item.question} {item.shown}\n\n" for item in these.pool[:shots])
            examples += _examples(task, settings, these, shots, (name, prefixes[name]), encoder)
    freeze_examples(output, task, settings, tokenizer_file, sources, examples, summarise(examples), prefixes)


def _check_pool(task: str, settings: InContextSettings, problems: Problems) -> None:
    most, have = max(settings.shots), len(problems.pool)
    if have < most or not problems.asked:
        raise UserError(
            f"{task}: shots: {most}: {problems.subtask} has {have} rows for examples and {len(problems.asked)} to ask, "
            f"needed are {most} and at least 1; use fewer shots or a larger file"
        )


def _examples(
    task: str, settings: InContextSettings, problems: Problems, shots: int, prefix: tuple[str, str], encoder: Encoder
) -> Iterator[FrozenExample]:
    """One for each question, after so many examples; ``prefix``: their name and text."""
    shown = [Row(number, item.question, item.reference) for number, item in enumerate(problems.pool[:shots])]
    guess = most_frequent([item.reference for item in problems.pool])
    before = len(known_ids(encoder.tokenizer, prefix[1], f"{task}: {problems.subtask}"))
    for item in problems.asked[: settings.examples_per_length]:
        choices = tuple(f" {choice}" for choice in item.choices)
        after = max([settings.max_new_tokens, *(len(encoder.remembered(choice)) for choice in choices)])
        length = 1 + before + len(known_ids(encoder.tokenizer, item.question, f"{task}: row {item.id}")) + after
        if length > settings.context_lengths[0]:
            raise UserError(
                f"{task}: context_lengths: {settings.context_lengths[0]}: row {item.id} of {problems.subtask} with "
                f"{shots} examples needs {length} tokens (begin-of-text, prompt, and max_new_tokens "
                f"{settings.max_new_tokens} or its longest choice); use a longer length or fewer shots"
            )
        yield FrozenExample(
            id=item.id,
            subtask=problems.subtask,
            context_length=settings.context_lengths[0],
            num_shots=shots,
            prompt_style=problems.style,
            prefix=prefix[0],
            prompt=item.question,
            references=(item.reference,),
            choices=choices,
            stops=problems.stops,
            num_tokens=length,
            baselines={
                "most_frequent_answer": guess,
                "nearest_match": nearest(Row(0, item.question, ""), shown).label,
            },
        )


def most_frequent(answers: Sequence[str]) -> str:
    """Of equally frequent ones the first in the alphabet."""
    return min(Counter(answers).items(), key=lambda pair: (-pair[1], pair[0]))[0]
