import json
from pathlib import Path

import pytest

from mmv2.training.metrics import Metrics


def write(path: Path, start: int, *steps: int) -> None:
    with Metrics(path, start) as metrics:
        for step in steps:
            metrics.append({"step": step, "loss": 1.0}, durable=step % 2 == 0)


def steps_of(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_lines_after_the_resumed_step_are_taken_back(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    write(path, 0, 1, 2, 3, 4)
    write(path, 2, 3, 4, 5)
    assert steps_of(path) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("torn", ['{"step": 3, "lo', '{"step": 3, "loss": 1.0}'])
def test_a_torn_last_line_is_taken_back(tmp_path: Path, torn: str):
    path = tmp_path / "metrics.jsonl"
    write(path, 0, 1, 2)
    path.write_text(path.read_text() + torn)
    write(path, 3, 4)
    assert steps_of(path) == [1, 2, 4]


def test_a_new_run_starts_a_new_file(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    write(path, 0, 1, 2)
    write(path, 0, 1)
    assert steps_of(path) == [1]


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path):
    with Metrics(tmp_path / "metrics.jsonl", 0) as metrics, pytest.raises(ValueError, match="Out of range"):
        metrics.append({"step": 1, "loss": float("nan")}, durable=False)
