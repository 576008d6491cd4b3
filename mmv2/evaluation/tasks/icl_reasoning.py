"""Multi-step reasoning after many examples: tasks of BIG-Bench Hard and GSM8K.

More than the paper's. Examples and questions are rows of the same file (or of a file each), in an order that the seed
draws: of one file the first half serves as examples, the second is asked, but for questions that stand in the first.
Styles: ``direct``, whose examples show the answer alone, and ``worked``, whose examples show GSM8K's solutions, step by
step, which end with ``#### answer``. Both have been asked with many examples before (Agarwal et al. 2024, "Many-shot
in-context learning").
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from mmv2.config import Config
from mmv2.errors import UserError
from mmv2.evaluation import rows
from mmv2.evaluation.frozen import FrozenExample
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.persistent.rows import Bbh, Gsm8k
from mmv2.evaluation.scoring import until
from mmv2.evaluation.tasks import TaskSpec
from mmv2.evaluation.tasks._in_context import InContextSettings, Item, Problems, freeze_problems, shuffled

Style = Literal["direct", "worked"]
STOPS: dict[Style, tuple[str, ...]] = {"direct": ("\n",), "worked": ("\n\n",)}
BBH = rows.DataSet(
    name="BIG-Bench Hard",
    file="bbh/TASK.json",
    source="https://github.com/suzgunmirac/BIG-Bench-Hard",
    licence="MIT",
)
GSM8K = rows.DataSet(
    name="GSM8K",
    file="grade_school_math/data/test.jsonl",
    source="https://github.com/openai/grade-school-math",
    licence="MIT",
)
FEW = 2
"""Where all answers of a file are one of so many, such as yes and no, they are the choices of every question."""
_OPTION = re.compile(r"^(\([A-Z]\)|- (?P<text>.+))", re.MULTILINE)
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


class Problem(Config):
    """One kind of question."""

    format: Literal["bbh", "gsm8k"]
    """bbh: JSON, examples > input, target; gsm8k: JSON lines, question and answer."""
    file: str
    """Relative to the corpus folder."""
    examples_file: str | None = None
    """Rows for examples; null: the first half of file, of which the second alone is asked then."""
    styles: tuple[Style, ...] = Field(default=("direct",), min_length=1)
    """direct or worked; the latter of gsm8k alone."""

    @model_validator(mode="after")
    def _solutions_are_there(self) -> Self:
        if self.format == "bbh" and "worked" in self.styles:
            raise ValueError("styles: rows of bbh have no solution to show; use direct")
        return self


class ReasoningSettings(InContextSettings):
    """There is no default: the problems are those of the corpus."""

    problems: dict[str, Problem] = Field(min_length=1)
    """Name, which is the subtask in records -> what it is."""


def read_items(problem: Problem, file: Path) -> tuple[list[tuple[Item, str]], int]:
    """Every row with what its example shows in the style ``worked``, and how many rows are left out.

    Those are left out that have one option alone, or whose right answer is none of their options.

    Raises:
        UserError: the file is absent or damaged, or a row lacks a field.
    """
    if problem.format == "gsm8k":
        content = rows.read_content(file, GSM8K)
        return [_solved(place, row) for place, row in rows.parse_rows(Gsm8k, content, file)], 0
    content = rows.read_content(file, BBH)
    examples = content.get("examples") if isinstance(content, dict) else None
    if not isinstance(examples, list) or not examples:
        raise UserError(f"{file}: no list of examples; use a task file of BIG-Bench Hard")
    found = [(place, row.input.strip(), row.target.strip()) for place, row in rows.parse_rows(Bbh, examples, file)]
    answers = sorted({target for _, _, target in found})
    items = [_optional(place, text, target, answers) for place, text, target in found]
    sound = [item for item in items if not item.choices or (len(item.choices) > 1 and item.reference in item.choices)]
    return [(item, item.reference) for item in sound], len(items) - len(sound)


def _solved(place: str, row: Gsm8k) -> tuple[Item, str]:
    solution, _, answer = row.answer.rpartition("#### ")
    steps = re.sub(r"<<.*?>>", "", solution)  # a calculator's notes
    answer = answer.strip().replace(",", "")
    item = Item(id=place, question=f"Question: {row.question.strip()}\nAnswer:", shown=answer, reference=answer)
    return item, f"{steps.strip()}\n#### {answer}"


def _optional(place: str, text: str, target: str, answers: Sequence[str]) -> Item:
    _, told, options = text.partition("Options:")
    choices = [(match["text"] or match[0]).strip() for match in _OPTION.finditer(options)] if told else []
    if not choices and len(answers) <= FEW:
        choices = list(answers)
    return Item(id=place, question=f"Q: {text}\nA:", shown=target, reference=target, choices=tuple(choices))


def _problems(settings: ReasoningSettings, name: str, corpus_folder: Path) -> list[Problems]:
    problem = settings.problems[name]
    seed = (settings.seed, zlib.crc32(f"icl_reasoning/{name}".encode()))
    found, left_out = read_items(problem, corpus_folder / problem.file)
    asked = shuffled(found, seed)
    if problem.examples_file is None:
        half = (len(asked) + 1) // 2
        pool, asked = asked[:half], asked[half:]
    else:
        found, more = read_items(problem, corpus_folder / problem.examples_file)
        pool, left_out = shuffled(found, (*seed, 1)), left_out + more
    known = {item.question for item, _ in pool}
    new = [item for item, _ in asked if item.question not in known]
    return [
        Problems(
            subtask=name,
            style=style,
            pool=[replace(item, shown=solution) if style == "worked" else item for item, solution in pool],
            asked=new,
            stops=STOPS[style],
            left_out=left_out + len(asked) - len(new),
        )
        for style in problem.styles
    ]


def freeze(settings: ReasoningSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Make all examples and write them; arguments and errors are those of ``freeze_problems`` and ``read_items``."""
    named = [(one.file, one.examples_file) for one in settings.problems.values()]
    names = dict.fromkeys(name for pair in named for name in pair if name is not None)
    problems = [these for name in settings.problems for these in _problems(settings, name, corpus_folder)]
    freeze_problems("icl_reasoning", settings, problems, corpus_folder, list(names), tokenizer_file, output)


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """All 0 or 1.

    accuracy: the first line, stripped, is the answer; of a solution: the number after ``####``, or without that the
    last number, is, thousands unmarked.
    ranked: where there are choices, the answer is the most probable.
    """
    right = example.references[0]
    ranked = {"ranked": float(outcome.choice == right)} if example.choices else {}
    if example.prompt_style == "worked":
        return {"accuracy": float(_result(outcome.text) == right)}
    return {"accuracy": float(outcome.text.strip().partition("\n")[0].strip() == right), **ranked}


def _result(text: str) -> str | None:
    """The number that a solution ends with."""
    solution = until(text.strip(), STOPS["worked"])
    _, marked, after = solution.partition("####")
    numbers: list[str] = _NUMBER.findall(after if marked else solution)
    return (numbers[0] if marked else numbers[-1]).replace(",", "") if numbers else None


def chance(example: FrozenExample) -> float:
    """One over the number of choices; for free answers the score of the most frequent answer of the examples' rows."""
    if example.choices:
        return 1 / len(example.choices)
    return float(example.baselines["most_frequent_answer"] == example.references[0])


TASK = TaskSpec(
    label="Multi-step reasoning in context",
    settings=ReasoningSettings,
    freeze=freeze,
    score=score,
    main_score="accuracy",
    packages=(
        "mmv2.evaluation.classification",
        "mmv2.evaluation.frozen",
        "mmv2.evaluation.persistent.rows",
        "mmv2.evaluation.prompts",
        "mmv2.evaluation.rows",
        "mmv2.evaluation.scoring",
        "mmv2.evaluation.tasks._in_context",
        "mmv2.evaluation.tasks.icl_reasoning",
        "mmv2.evaluation.word_lists",
    ),
    chance=chance,
)
