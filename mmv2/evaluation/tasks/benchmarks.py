"""The paper's 13 and 6 benchmarks (Tables 1, 2 and 9) in the form in which a small corpus can ask them.

A benchmark is a file of JSON lines, rows {id, prompt, references} with, where an answer is to be chosen, {choices}, and
optionally {baselines, depth}. Rows without choices are answered freely; choices are ranked by their log-likelihood, as
the paper's multiple-choice benchmarks are (protocols of lm-eval: ``acc``, the sum over the choice's tokens). Prompts do
not depend on the context length, which is only their upper limit.
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Self

from numpy.random import default_rng
from pydantic import Field, model_validator

from mmv2.config import Config, Detail
from mmv2.data.tokenizer import load_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.baselines import AnswerLists, FrequentAnswers, nearest_match, told_share
from mmv2.evaluation.frozen import Encoder, FrozenExample, check_corpus_files, freeze_examples, summarise
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.prompts import known_ids
from mmv2.evaluation.scoring import strict
from mmv2.evaluation.squad import Question
from mmv2.evaluation.tasks import TaskSettings, TaskSpec
from mmv2.evaluation.word_lists import WordList
from mmv2.jsonl import read_jsonl

# fmt: off
Published = Literal[
    "", "obqa", "arc_easy", "winogrande", "arc_challenge", "piqa", "boolq", "hellaswag", "nq", "siqa", "tqa", "gsm8k",
    "mmlu_alt", "humaneval_plus", "squad", "bbh", "math", "mbpp", "race_middle", "race_high",
]
# fmt: on
"""The benchmarks of Table 1, by their columns in results/published; empty: none of them."""


class Benchmark(Config):
    """One benchmark."""

    file: str
    """Rows to ask, relative to the corpus folder."""
    dev_file: str | None = None
    """Rows for the blind guess, relative to the corpus folder. Free answers need one."""
    group: Literal["persistent", "context"]
    """persistent: the model has to know the answer (Tables 1 and 2); context: it stands in the prompt (Table 9)."""
    published: Published = ""
    """The paper's benchmark whose form it has."""
    examples: int | None = Field(default=None, ge=1)
    """At most so many; None: ``examples_per_length``."""
    answer_lists: WordList | None = None
    """Of free answers that stand in the context: what they may be, a list of words or a mapping of kind -> list. Chance
    is then the share of the right one among the words of its kind that the context tells."""

    @property
    def files(self) -> list[str]:
        """All that its examples are made from."""
        lists = None if self.answer_lists is None else self.answer_lists.file
        return [name for name in (self.file, self.dev_file, lists) if name is not None]

    @model_validator(mode="after")
    def _lists_for_a_context(self) -> Self:
        if self.answer_lists is not None and self.group == "persistent":
            raise ValueError("answer_lists: no context tells answers of group persistent; leave it out, or use context")
        return self


class BenchmarksSettings(TaskSettings):
    """There is no default: the benchmarks are those of the corpus."""

    benchmarks: dict[str, Benchmark] = Field(min_length=1)
    """Name, which is the subtask in records -> what it is."""


class BenchmarkRow(Config):
    """One line of a benchmark's file."""

    id: str
    prompt: str = Field(min_length=1)
    references: tuple[str, ...] = Field(min_length=1)
    """Right answers; where there are choices exactly one."""
    choices: tuple[str, ...] = ()
    """Continuations of the prompt, each with the blank that separates it, if any."""
    baselines: dict[str, str] = Field(default_factory=dict)
    """Further trivial answers: name -> text."""
    depth: float | None = Field(default=None, ge=0, le=1)
    """Where in the prompt the needed information stands: 0 first, 1 last."""

    @property
    def candidates(self) -> list[str]:
        """The choices as they are scored and compared."""
        return [choice.strip() for choice in self.choices]

    @model_validator(mode="after")
    def _one_choice_is_right(self) -> Self:
        if self.choices and (len(set(self.candidates)) < max(2, len(self.choices)) or len(self.references) > 1):
            raise ValueError("choices: at least two different ones and a single reference are needed")
        if self.choices and self.references[0] not in self.candidates:
            raise ValueError("references: the right answer is none of the choices")
        return self


class _Source:
    """One benchmark's rows to ask, and its blind guess."""

    def __init__(self, name: str, settings: BenchmarksSettings, corpus_folder: Path):
        self.name = name
        self.benchmark = benchmark = settings.benchmarks[name]
        self.file = corpus_folder / benchmark.file
        rows = _read(self.file)
        rng = default_rng((settings.seed, zlib.crc32(f"benchmarks/{name}".encode())))
        chosen = rng.permutation(len(rows))[: benchmark.examples or settings.examples_per_length]
        self.rows = [rows[place] for place in chosen]
        self._dev = _read(corpus_folder / benchmark.dev_file) if benchmark.dev_file else []
        self._chosen_before = Counter(row.references[0] for row in self._dev)
        free = [row for row in self.rows if not row.choices]
        if free and not self._dev:
            raise UserError(
                f"benchmarks.{name}.dev_file: missing; row {free[0].id} of {self.file} has no choices, so the blind "
                f"guess is taken from development rows: name their file"
            )
        if free:
            self._answers = FrequentAnswers(
                [Question(row.id, _last_line(row), row.references, row.prompt, ()) for row in self._dev]
            )
        self._lists = AnswerLists.read(benchmark.answer_lists, corpus_folder)
        if self._lists is not None and not free:
            raise UserError(
                f"benchmarks.{name}.answer_lists: all rows of {self.file} have choices, whose chance is one over their "
                f"number; leave it out"
            )

    def guess(self, row: BenchmarkRow) -> str:
        """The blind guess: the answer, among the choices if there are any, that is most often right in the dev file."""
        if not row.choices:
            return self._answers.guess(_last_line(row))
        return min(row.candidates, key=lambda choice: (-self._chosen_before[choice], choice))

    def baselines(self, row: BenchmarkRow, prompt_ids: Sequence[int], encoder: Encoder, budget: int) -> dict[str, str]:
        """Trivial answers to one row."""
        found = dict(row.baselines)
        if self._dev:
            found["most_frequent_answer"] = self.guess(row)
        if self.benchmark.group == "context":
            found["nearest_match"] = _copied(row, nearest_match(prompt_ids, budget), encoder)
        return found

    def details(self, row: BenchmarkRow) -> dict[str, Detail]:
        """What records keep of one row."""
        found: dict[str, Detail] = {"group": self.benchmark.group, "published": self.benchmark.published}
        if self._lists is not None and not row.choices:
            found |= self._lists.told(row.references, _context(row), f"{self.file}: row {row.id}").details
        return found


def _read(file: Path) -> list[BenchmarkRow]:
    rows = read_jsonl(file, BenchmarkRow)
    lines: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if row.id in lines:
            raise UserError(f"{file}: line {number}: id: {row.id} is that of line {lines[row.id]} too; give it another")
        lines[row.id] = number
    if not rows:
        raise UserError(f"{file}: empty; it must hold at least one row")
    return rows


def _last_line(row: BenchmarkRow) -> str:
    """The question proper: what stands before it is context."""
    return row.prompt.rpartition("\n")[2]


def _context(row: BenchmarkRow) -> str:
    """All but the last line; where there is one line alone, such as a text told twice, all of it."""
    return row.prompt.rpartition("\n")[0] or row.prompt


def _copied(row: BenchmarkRow, ids: list[int], encoder: Encoder) -> str:
    """Copied tokens as an answer: the longest choice that they begin with (none: a wrong one), or their text."""
    if not row.choices:
        return str(encoder.tokenizer.decode(ids))
    fitting = [choice for choice in row.choices if (own := encoder.remembered(choice)) == ids[: len(own)]]
    return max(fitting, key=len, default="").strip()


def freeze(settings: BenchmarksSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Make the examples of all benchmarks and write them.

    Args:
        settings: their file names are relative to ``corpus_folder``.
        corpus_folder: a corpus as data preparation leaves it, or any folder with such files.
        tokenizer_file: tokenizer.json of the models to evaluate.
        output: JSON lines, see ``mmv2.evaluation.frozen``.

    Raises:
        UserError: a file is missing, damaged or not as the corpus manifest records it, a row lacks a field, does
            not fit a length or has a word unknown to the tokenizer, or free answers come without development rows.
    """
    names = [name for item in settings.benchmarks.values() for name in item.files]
    check_corpus_files(corpus_folder, tokenizer_file, names)
    encoder = Encoder(load_tokenizer(tokenizer_file))
    sources = [_Source(name, settings, corpus_folder) for name in settings.benchmarks]
    examples = [
        example
        for length in sorted(set(settings.context_lengths))
        for source in sources
        for example in _examples(source, encoder, length, settings.max_new_tokens)
    ]
    files = {name: corpus_folder / name for name in names}
    freeze_examples(output, "benchmarks", settings, tokenizer_file, files, examples, summarise(examples))


def _examples(source: _Source, encoder: Encoder, length: int, max_new_tokens: int) -> Iterator[FrozenExample]:
    for row in source.rows:
        place = f"{source.file}: row {row.id}"
        ids = known_ids(encoder.tokenizer, row.prompt, place)
        budget = max([max_new_tokens, *(len(known_ids(encoder.tokenizer, choice, place)) for choice in row.choices)])
        num_tokens = 1 + len(ids) + budget
        if num_tokens > length:
            raise UserError(
                f"benchmarks: context_lengths: {length}: row {row.id} of {source.file} needs {num_tokens} tokens "
                f"(begin-of-text, prompt, and max_new_tokens {max_new_tokens} or its longest choice); use a longer "
                f"length or shorter prompts"
            )
        yield FrozenExample(
            id=row.id,
            subtask=source.name,
            context_length=length,
            prompt=row.prompt,
            references=row.references,
            choices=row.choices,
            num_tokens=num_tokens,
            depth=row.depth,
            baselines=source.baselines(row, ids, encoder, budget),
            details=source.details(row),
        )


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """1 for the right choice, or for a first line that begins with a reference word by word, else 0."""
    if example.choices:
        return {"accuracy": float(outcome.choice == example.references[0])}
    return {"accuracy": strict(example.references, outcome.text)}


def chance(example: FrozenExample) -> float:
    """One over the number of choices; of free answers as RULER's questions: a draw among those told, or a blind guess.

    The former where ``answer_lists`` tell what answers may be; the latter, 0 or 1, is from the dev file.
    """
    if example.choices:
        return 1 / len(example.choices)
    return told_share(example.details, strict(example.references, example.baselines["most_frequent_answer"]))


TASK = TaskSpec(
    label="Benchmarks",
    settings=BenchmarksSettings,
    freeze=freeze,
    score=score,
    main_score="accuracy",
    packages=(
        "mmv2.evaluation.baselines",
        "mmv2.evaluation.frozen",
        "mmv2.evaluation.prompts",
        "mmv2.evaluation.rows",
        "mmv2.evaluation.scoring",
        "mmv2.evaluation.squad",
        "mmv2.evaluation.tasks.benchmarks",
        "mmv2.evaluation.word_lists",
    ),
    chance=chance,
)
