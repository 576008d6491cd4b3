"""Result records: one per model and example, what was asked, what was answered, how it scored, and where it comes from.

Evaluation writes them, reporting reads nothing else of a run. What varies between results is a field, never part of a
name.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field

from mmv2.config import Config, Detail
from mmv2.errors import UserError
from mmv2.jsonl import read_jsonl, write_jsonl

Score = Annotated[float, Field(ge=0, le=1)]


class ResultRecord(Config):
    """One model's answer to one example."""

    run: str
    """Name of the run, from its run file."""
    arch: str
    label: str
    """The architecture's name in tables and legends."""
    num_parameters: int = Field(ge=1)
    step: int = Field(ge=0)
    """Optimizer steps of this run."""
    tokens_seen: int = Field(ge=0)
    """Training tokens of this run."""
    training_context: int = Field(ge=1)
    """Tokens per training sequence of this run."""
    budget: float = Field(gt=0)
    """Pre-training tokens in units of the corpus: 0.2, 1 and 8 in the paper. Of a fine-tuned run: those of the run that
    it started from."""
    seed: int = Field(ge=0)
    """The run's training seed; that of the data is in the frozen file, which ``data_hash`` names."""
    init_from: str | None
    """The run whose weights this one started from (fine-tuning); None: from scratch."""
    reduction: str | None = None
    """What was taken out of the trained model, such as without_long_term_memory; run and step are the whole model's."""
    settings: dict[str, Detail] = Field(default_factory=dict)
    """The run's model and training settings by key, such as learning_rate, short_term_window and delay_is_fixed."""

    task: str
    subtask: str
    context_length: int = Field(ge=1)
    """Tokens the task allows for begin-of-text, prompt and answer."""
    num_shots: int | None = None
    label_kind: str | None = None
    """semantic, anonymous or novel."""
    prompt_style: str | None = None
    split: str = "test"
    """dev: only for choosing among prompt styles."""
    example_id: str
    """Names the example among those that agree in the other columns of ``EXAMPLE``."""
    references: tuple[str, ...]
    """Right answers; none where nothing is asked (reading tasks)."""
    prediction: str
    """Newly generated text, as decoded: no post-processing, nothing of the prompt, cut where the text ended."""
    choice: str | None = None
    """The most probable of the example's choices; None where it has none."""
    scores: dict[str, Score]
    """Name of the score -> this example's."""
    main_score: str
    """Which of ``scores`` the paper reports."""
    chance: Score
    """Main score to be expected of an answer that ignores the prompt's documents or examples."""
    baselines: dict[str, Score]
    """Main scores of trivial answers, computed from the frozen example."""
    num_tokens: int = Field(ge=1)
    """Length of begin-of-text, prompt and generation budget together; at most ``context_length``, in
    RULER's regime bisect one more."""
    depth: float | None = Field(default=None, ge=0, le=1)
    """Where in the prompt the needed information stands: 0 first, 1 last."""
    details: dict[str, Detail] = Field(default_factory=dict)
    """What one task has and others do not."""

    fingerprint: str
    """Of the run that trained the weights."""
    data_hash: str
    """SHA-256 of the frozen examples."""
    code_version: str
    """Git commit of the evaluating code."""
    device: str
    """Where the answers were computed: cpu or cuda."""


CHECKPOINT = ["run", "step", "reduction"]
"""The columns that name what was evaluated; ``reduction`` is None for a whole model."""
EXAMPLE = ["task", "subtask", "context_length", "num_shots", "label_kind", "prompt_style", "split", "example_id"]
"""The columns that name an example."""
_NESTED = {"scores": "score_", "baselines": "baseline_", "details": "detail_", "settings": "setting_"}


def write_records(path: Path, records: Iterable[ResultRecord]) -> None:
    """Write records as JSON lines, atomically."""
    write_jsonl(path, records)


def read_records(sources: Path | Sequence[Path]) -> pd.DataFrame:
    """Read record files into one table, a row per record.

    Args:
        sources: a folder, all of whose ``*.jsonl`` files (at any depth) are read, or the files themselves.

    Returns:
        The fields of ``ResultRecord`` as columns; nested ones are flat, such as ``score_official``,
        ``baseline_nearest_match``, ``detail_num_documents`` and ``setting_learning_rate``; ``file`` is where a
        record was read.

    Raises:
        UserError: nothing to read, a damaged line, or the same result twice (it would narrow every interval).
    """
    files = _files(sources)
    rows = [{**_flat(record), "file": str(file)} for file in files for record in read_jsonl(file, ResultRecord)]
    if not rows:
        raise UserError(f"{', '.join(map(str, files))}: no record in it; run the evaluation that writes it")
    table = pd.DataFrame(rows)
    twice = table.duplicated([*CHECKPOINT, *EXAMPLE])
    if twice.any():
        first = table[twice].iloc[0]
        raise UserError(
            f"{', '.join(map(str, files))}: {_checkpoint(first)}: {first['task']} example "
            f"{first['example_id']} at length {first['context_length']} stands twice; name each result once"
        )
    return table


def _checkpoint(row: pd.Series) -> str:
    reduced = f" {row['reduction']}" if isinstance(row["reduction"], str) else ""
    return f"{row['run']}{reduced}, step {row['step']}"


def _files(sources: Path | Sequence[Path]) -> list[Path]:
    if not isinstance(sources, Path):
        return list(sources)
    if not sources.is_dir():
        return [sources]
    files = sorted(sources.rglob("*.jsonl"))
    if not files:
        raise UserError(f"{sources}: no *.jsonl file in it; run the evaluation that writes them")
    return files


def _flat(record: ResultRecord) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, value in record:
        if name in _NESTED:
            row |= {_NESTED[name] + key: part for key, part in value.items()}
        else:
            row[name] = value
    return row
