"""In-context learning of other things than labels: examples with their answers, then a question of the same kind.

More than the paper's: ``icl_reasoning`` and ``icl_code`` ask whether what holds for classification holds here.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple, Self, TypeVar

from numpy.random import default_rng
from pydantic import Field, model_validator

from mmv2.data.tokenizer import open_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.classification import Row, nearest
from mmv2.evaluation.frozen import Encoder, FrozenExample, check_corpus_files, freeze_examples, summarise
from mmv2.evaluation.prompts import known_ids
from mmv2.evaluation.tasks import TaskSettings

T = TypeVar("T")
SEPARATOR = "\n\n"
"""Between an example and what follows."""


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
    left_out: int
    """Rows of its files that can be neither examples nor questions, and questions that stand among the examples."""


def shuffled(items: Sequence[T], seed: tuple[int, ...]) -> list[T]:
    """The items in an order that the seed draws."""
    return [items[place] for place in default_rng(seed).permutation(len(items))]


def freeze_problems(
    task: str,
    settings: InContextSettings,
    problems: Sequence[Problems],
    corpus_folder: Path,
    names: Sequence[str],
    tokenizer_file: Path,
    output: Path,
) -> None:
    """Make all examples and write them.

    Args:
        task, settings: its name and settings.
        problems: what is asked.
        corpus_folder: a corpus as data preparation leaves it, or any folder.
        names: the files that the problems were read from, relative to it.
        tokenizer_file: tokenizer.json of the models to evaluate.
        output: JSON lines, see ``mmv2.evaluation.frozen``; its header's summary has the sum of rows left out.

    Raises:
        UserError: a file is not as the corpus manifest records it, too few examples for the shots, a prompt that does
            not fit or has words that the tokenizer does not know, or a token that reaches across a boundary.
    """
    check_corpus_files(corpus_folder, tokenizer_file, names)
    encoder = Encoder(open_tokenizer(tokenizer_file))
    prefixes: dict[str, str] = {}
    examples: list[FrozenExample] = []
    for these in problems:
        _check_pool(task, settings, these)
        for shots in sorted(settings.shots):
            name = f"{these.subtask}/{these.style}/{shots}"
            text = SEPARATOR.join(f"{item.question} {item.shown}" for item in these.pool[:shots])
            kept, lead = _cut(text, [item.question for item in these.asked[: settings.examples_per_length]], encoder)
            prefixes[name] = text + kept
            examples += _examples(task, settings, these, shots, _Prefix(name, prefixes[name], lead), encoder)
    left_out = {these.subtask: float(these.left_out) for these in problems}
    summary = {length: {**row, "left_out": sum(left_out.values())} for length, row in summarise(examples).items()}
    sources = {name: corpus_folder / name for name in names}
    freeze_examples(output, task, settings, tokenizer_file, sources, examples, summary, prefixes)


class _Prefix(NamedTuple):
    """The examples before questions."""

    name: str
    text: str
    lead: str
    """What of the separator begins a question."""


def _cut(text: str, questions: Sequence[str], encoder: Encoder) -> tuple[str, str]:
    """What of the separator ends the shared prefix, and what begins the questions, so that no token reaches across.

    Where that is depends on the tokenizer: of two line breaks before a letter Llama 3's makes one token, GPT-2's two,
    of which the first joins the other where nothing follows.
    """
    cuts = [(SEPARATOR[:place], SEPARATOR[place:]) for place in range(len(SEPARATOR), -1, -1)]
    fitting = (
        (kept, lead)
        for kept, lead in cuts
        if all(encoder.splits(encoder.ending(text + kept), lead + question) for question in questions)
    )
    return next(fitting, cuts[0])


def _check_pool(task: str, settings: InContextSettings, problems: Problems) -> None:
    most, have = max(settings.shots), len(problems.pool)
    if have < most or not problems.asked:
        raise UserError(
            f"{task}: shots: {most}: {problems.subtask} has {have} rows for examples and {len(problems.asked)} to ask, "
            f"needed are {most} and at least 1; use fewer shots or a larger file"
        )


def _examples(
    task: str, settings: InContextSettings, problems: Problems, shots: int, prefix: _Prefix, encoder: Encoder
) -> Iterator[FrozenExample]:
    """One for each question, after so many examples."""
    shown = [Row(number, item.question, item.reference) for number, item in enumerate(problems.pool[:shots])]
    guess = most_frequent([item.reference for item in problems.pool])
    before = len(known_ids(encoder.tokenizer, prefix.text, f"{task}: {problems.subtask}"))
    for item in problems.asked[: settings.examples_per_length]:
        prompt = prefix.lead + item.question
        choices = tuple(f" {choice}" for choice in item.choices)
        after = max([settings.max_new_tokens, *(len(encoder.remembered(choice)) for choice in choices)])
        length = 1 + before + len(known_ids(encoder.tokenizer, prompt, f"{task}: row {item.id}")) + after
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
            prefix=prefix.name,
            prompt=prompt,
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
