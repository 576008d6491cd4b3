import sys

import pytest

from mmv2.training.progress import progress

FIGURES = {"loss": 2.5, "tokens_per_second": 12_345.6}


def report(steps: range, max_steps: int) -> None:
    with progress("small", steps.start - 1, max_steps, log_interval=4) as report_step:
        for step in steps:
            report_step({"step": step, **FIGURES})


def test_plain_lines_come_at_the_interval_and_at_the_end(capfd: pytest.CaptureFixture[str]):
    report(range(3, 11), max_steps=10)
    lines = capfd.readouterr().err.splitlines()
    assert [line.split()[2] for line in lines] == ["4/10", "8/10", "10/10"]
    assert "loss 2.5000  12,346 tokens/s" in lines[0]
    assert lines[-1].endswith("0:00:00 left")


def test_a_terminal_gets_a_bar(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    report(range(1, 11), max_steps=10)
    written = capfd.readouterr().err
    assert "small" in written
    assert "10/10" in written
    assert "loss 2.5000" in written
