"""One line of JSON per step: loss, learning rate, gradient norm, tokens seen, tokens per second.

The file grows beside the checkpoints, where an interrupted run finds it again, and is copied to <output>/metrics.jsonl
when the run is finished. On resuming, lines after the resumed step are taken back: those steps are made anew.
"""

import json
import os
from pathlib import Path
from typing import Any, Self

from mmv2.files import write_text


class Metrics:
    """The metrics file of a run that goes on after ``step``."""

    def __init__(self, path: Path, step: int):
        write_text(path, "".join(_lines_until(path, step)))
        self._file = path.open("a", encoding="utf-8")

    def append(self, line: dict[str, Any], durable: bool) -> None:
        """Add one step's line; ``durable`` before a checkpoint, so that none of its steps can lack its line."""
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()
        if durable:
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _lines_until(path: Path, step: int) -> list[str]:
    """Whole lines of steps up to ``step``; the first line that is torn or later ends them."""
    kept: list[str] = []
    if not path.exists():
        return kept
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n") or json.loads(line)["step"] > step:
            break
        kept.append(line)
    return kept
