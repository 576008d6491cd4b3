"""What a person sees of a training run: a progress bar on a terminal, plain lines elsewhere. Both go to stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Report = Callable[[dict[str, Any]], None]
"""Takes the metrics of each step."""


def say(message: str) -> None:
    """Tell the user one line."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def progress(name: str, start: int, max_steps: int, log_interval: int) -> Iterator[Report]:
    """A way to report each step's metrics.

    Args:
        name: of the run.
        start: steps made before.
        max_steps: the last step.
        log_interval: steps between plain lines.
    """
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(name, total=max_steps, completed=start, figures="")
            yield lambda metrics: bar.update(task, completed=metrics["step"], figures=_figures(metrics))
    else:
        yield _line_writer(name, start, max_steps, log_interval)


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    return Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True))


def _line_writer(name: str, start: int, max_steps: int, log_interval: int) -> Report:
    began = time.monotonic()

    def report(metrics: dict[str, Any]) -> None:
        step = metrics["step"]
        if step % log_interval == 0 or step == max_steps:
            left = (time.monotonic() - began) / (step - start) * (max_steps - step)
            say(f"{name}: step {step}/{max_steps}  {_figures(metrics)}  {timedelta(seconds=round(left))} left")

    return report


def _figures(metrics: dict[str, Any]) -> str:
    return f"loss {metrics['loss']:.4f}  {metrics['tokens_per_second']:,.0f} tokens/s"
