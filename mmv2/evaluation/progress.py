"""Answers so far, kept on disk while an evaluation runs, so that a killed one goes on where it stopped.

The file is JSON lines: the key of the evaluation, then one answer per line, appended as answers come. A line that a
kill cut off is dropped. Answers under another key (other weights, data, lengths, code, batches or device) are dropped
as a whole.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from mmv2.errors import UserError
from mmv2.evaluation.outcome import Answer
from mmv2.files import write_text


class Progress:
    """The answers of one evaluation by example number."""

    def __init__(self, path: Path, key: str):
        """Take up the file of that key, or begin it.

        Raises:
            UserError: a line other than the last is damaged, which no kill explains.
        """
        self.path = path
        self.answers: dict[int, Answer] = {}
        head = json.dumps({"key": key}) + "\n"
        whole = _whole_lines(path)
        if whole[:1] != [head.encode()]:
            if path.exists():
                print(
                    f"{path}: of another model, data, lengths, code, batch size or device; starting afresh",
                    file=sys.stderr,
                )
            write_text(path, head)
            return
        for number, line in enumerate(whole[1:], start=2):
            self._take(line, number)
        os.truncate(path, sum(map(len, whole)))

    def add(self, answers: Mapping[int, Answer]) -> None:
        """Append answers and flush them to disk."""
        rows = ({"example": index, **asdict(answer)} for index, answer in answers.items())
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row, allow_nan=False) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        self.answers.update(answers)

    def remove(self) -> None:
        """Delete the file, once the records are written."""
        self.path.unlink()

    def _take(self, line: bytes, number: int) -> None:
        try:
            row = json.loads(line)
            kept = Answer(tuple(row["ids"]), row["finished"], tuple(row["loglikelihoods"]), row["details"])
            self.answers[row["example"]] = kept
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{self.path}: line {number}: damaged; delete the file to start afresh") from None


def _whole_lines(path: Path) -> list[bytes]:
    """All lines that end with a line break, with it; none for a missing file."""
    content = path.read_bytes() if path.exists() else b""
    return [line for line in content.splitlines(keepends=True) if line.endswith(b"\n")]
