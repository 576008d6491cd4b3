"""Reads what training wrote per step: loss, learning rate, tokens seen."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmv2.errors import UserError

COLUMNS = ("step", "tokens_seen", "loss", "learning_rate", "tokens_per_second")


def read_metrics(files: Sequence[Path]) -> pd.DataFrame:
    """Read metrics files into one table, a row per step.

    Args:
        files: ``<run>/metrics.jsonl``, the run named by its folder.

    Returns:
        ``run`` and ``COLUMNS``, in the order of steps.

    Raises:
        UserError: no files, a missing, empty or damaged one, or a run named twice.
    """
    if not files:
        raise UserError("metrics: no file; name the metrics.jsonl of the runs to draw")
    tables = {}
    for file in files:
        run = file.resolve().parent.name
        if run in tables:
            raise UserError(f"{file}: a second file of run {run}; name each run once")
        tables[run] = pd.DataFrame(_rows(file)).assign(run=run)
    return pd.concat(tables.values(), ignore_index=True)


def _rows(file: Path) -> list[dict[str, float]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; train the run") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            content = json.loads(line)
            rows.append({name: content[name] for name in COLUMNS})
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{file}: line {number}: no metrics of a step ({error!r}); train the run again") from None
    if not rows:
        raise UserError(f"{file}: no step in it; train the run")
    return rows
