"""Code after many examples: what does a call of a function return? Nothing is executed.

More than the paper's. The task is CRUXEval's output prediction (Gu et al. 2024) on the programs of MBPP: an example is
a program and one of its own tests, ``assert f(x) == y``, of which the question leaves out y. MBPP's problems 601 to 974
serve as examples, 11 to 510 are asked, as in its official split, but for questions that stand among the examples: two
do, under other names.
"""

import ast
import re
import zlib
from pathlib import Path
from typing import Any

from mmv2.errors import UserError
from mmv2.evaluation import rows
from mmv2.evaluation.frozen import FrozenExample
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.persistent.rows import Mbpp
from mmv2.evaluation.tasks import TaskSpec
from mmv2.evaluation.tasks._in_context import InContextSettings, Item, Problems, freeze_problems, shuffled

MBPP = rows.DataSet(
    name="MBPP",
    file="mbpp/mbpp.jsonl",
    source="https://github.com/google-research/google-research",
    licence="CC BY 4.0",
)
EXAMPLES, ASKED = range(601, 975), range(11, 511)
"""Numbers of problems: MBPP's training and test split."""
LONGEST = 1000
"""Characters of an answer that is read as a value: the longest that MBPP's tests have is shorter."""


class CodeSettings(InContextSettings):
    """The defaults fit a corpus that has MBPP's file."""

    file: str = "evaluation/mbpp.jsonl"
    """MBPP's official JSON lines, relative to the corpus folder."""
    max_program: int = 500
    """Longest program in characters; problems with a longer one are left out."""


def read_items(file: Path, longest: int) -> dict[int, Item | None]:
    """By problem, its program with the call of its first test that compares one with a literal value.

    None where there is no such test, or the program is too long.

    Raises:
        UserError: the file is absent or damaged, a row lacks a field, or a number stands twice.
    """
    found: dict[int, Item | None] = {}
    for place, row in rows.parse_rows(Mbpp, rows.read_content(file, MBPP), file):
        if row.task_id in found:
            raise UserError(f"{file}: {place}: task_id: {row.task_id} stands twice; keep one")
        parts = next(filter(None, map(call_and_value, row.test_list)), None)
        program = row.code.replace("\r\n", "\n").strip()
        found[row.task_id] = None
        if parts and len(program) <= longest:
            call, value = parts
            question = f"{program}\nassert {call} =="
            found[row.task_id] = Item(id=str(row.task_id), question=question, shown=value, reference=value)
    return found


def call_and_value(test: str) -> tuple[str, str] | None:
    """Both sides of ``assert call == value``, each on one line; None for a test of another form."""
    try:
        (statement,) = ast.parse(test.strip()).body
    except (SyntaxError, ValueError):
        return None
    compared = statement.test if isinstance(statement, ast.Assert) else None
    if not isinstance(compared, ast.Compare) or [type(one) for one in compared.ops] != [ast.Eq]:
        return None
    sides = [ast.get_source_segment(test.strip(), side) or "" for side in (compared.left, compared.comparators[0])]
    call, value = (" ".join(side.split()) for side in sides)
    return (call, value) if isinstance(compared.left, ast.Call) and _value(value) is not None else None


def _value(text: str) -> tuple[Any] | None:
    """The value of a literal; None for anything else. Nothing is executed."""
    if len(text) > LONGEST:
        return None
    try:
        return (ast.literal_eval(text),)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def nameless(item: Item) -> str:
    """Its question, whatever its functions are called and however it is laid out."""
    text = item.question
    for number, name in enumerate(dict.fromkeys(re.findall(r"\bdef\s+(\w+)", text))):
        text = re.sub(rf"\b{name}\b", f"function_{number}", text)
    return " ".join(text.split())


def freeze(settings: CodeSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Make all examples and write them; arguments and errors are those of ``freeze_problems`` and ``read_items``."""
    items = read_items(corpus_folder / settings.file, settings.max_program)
    seed = (settings.seed, zlib.crc32(b"icl_code"))
    pool, asked = (
        shuffled([item for number in numbers if (item := items.get(number))], (*seed, place))
        for place, numbers in enumerate((EXAMPLES, ASKED))
    )
    known = set(map(nameless, pool))
    new = [item for item in asked if nameless(item) not in known]
    left_out = sum(items.get(number, ...) is None for number in (*EXAMPLES, *ASKED)) + len(asked) - len(new)
    problems = Problems(subtask="mbpp_outputs", style="direct", pool=pool, asked=new, stops=("\n",), left_out=left_out)
    freeze_problems("icl_code", settings, [problems], corpus_folder, [settings.file], tokenizer_file, output)


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """Both 0 or 1.

    accuracy: the first line, stripped, is a literal that Python's == finds equal to the answer, as 'a' is "a" and 5.0
    is 5: what CRUXEval's assert does.
    exact: it is the answer as it stands in the test.
    """
    right, answer = example.references[0], outcome.text.strip().partition("\n")[0].strip()
    return {"accuracy": float(answer == right or _value(answer) == _value(right)), "exact": float(answer == right)}


def chance(example: FrozenExample) -> float:
    """The score of the most frequent answer among the problems that serve as examples."""
    return score(example, Outcome.of_text(example.baselines["most_frequent_answer"]))["accuracy"]


TASK = TaskSpec(
    label="Output of programs in context",
    settings=CodeSettings,
    freeze=freeze,
    score=score,
    main_score="accuracy",
    packages=(
        "mmv2.evaluation.classification",
        "mmv2.evaluation.frozen",
        "mmv2.evaluation.persistent.rows",
        "mmv2.evaluation.prompts",
        "mmv2.evaluation.rows",
        "mmv2.evaluation.tasks._in_context",
        "mmv2.evaluation.tasks.icl_code",
        "mmv2.evaluation.word_lists",
    ),
    chance=chance,
)
