"""Runs Python programs that a model wrote, with tests, contained by the kernel; see docs/sandbox.md.

Nothing here runs a program without the container: where that cannot be had, it raises UserError.
"""

import functools
import os
import platform
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mmv2.errors import UserError
from mmv2.sandbox.run import ContainmentError, Limits, run

__all__ = ["Limits", "Outcome", "available", "passes", "require"]

_NEEDED = (
    "needed: Linux 5.14 or newer on x86_64 or aarch64, and user namespaces, where user.max_user_namespaces is above 0 "
    "and neither AppArmor nor an outer container forbids them; see docs/sandbox.md"
)

Reason = Literal["passed", "failed", "exited", "killed", "time", "output"]


@dataclass(frozen=True)
class Outcome:
    """What came of a program and its tests."""

    reason: Reason
    """``passed``; ``failed``: an exception, a wrong answer or lack of memory included; ``exited``: the program ended
    itself before its tests were through; ``killed``: by a signal, such as that of a stack overflow; ``time`` and
    ``output``: stopped at that limit."""
    detail: str
    """One line on it for people: the exception, the exit status, the signal. Empty where passed."""

    @property
    def passed(self) -> bool:
        """Whether every line of program and tests ran without error."""
        return self.reason == "passed"


def require(asked: bool, packages: Sequence[str] = ()) -> None:
    """Raise UserError unless running code written by models was asked for and can be contained here."""
    if not asked:
        raise UserError(
            "running code that a model wrote is off; switch it on with execute_code: true "
            "(lm-eval: --confirm_run_unsafe_code), or leave out the tasks that need it"
        )
    _require_containment(packages)


def _require_containment(packages: Sequence[str]) -> None:
    missing = available(tuple(packages))
    if missing:
        raise UserError(missing)


@functools.cache
def available(packages: tuple[str, ...] = ()) -> str | None:
    """Why programs cannot be contained and run here, in one line; None where they can."""
    if platform.system() != "Linux":
        return f"programs written by models cannot be contained on {platform.system()}; {_NEEDED}"
    source = "".join(f"import {package}\n" for package in packages)
    try:
        outcome = _contained(source, Limits(), packages)
    except UserError as error:
        return str(error)
    if not outcome.passed:
        return f"no program runs in the sandbox: {outcome.reason}: {outcome.detail}; see docs/sandbox.md"
    return None


def passes(program: str, tests: str, limits: Limits | None = None, packages: Sequence[str] = ()) -> Outcome:
    """Run a program and then its tests, both Python text, in one contained interpreter.

    Whether that was asked for is the caller's to ``require`` beforehand. Raises UserError where programs cannot be
    contained. ``packages`` are installed packages, by name, that may be imported beside the standard library.
    """
    _require_containment(packages)
    return _contained(f"{program}\n{tests}\n", limits or Limits(), packages)


def _contained(source: str, limits: Limits, packages: Sequence[str]) -> Outcome:
    try:
        ended = run(source, limits, packages)
    except ContainmentError as error:
        raise UserError(f"programs written by models cannot be contained here: {error}; {_NEEDED}") from None
    if ended.stopped is not None:
        return Outcome(ended.stopped, f"stopped at the limit of {ended.stopped}")
    if ended.said == "passed":
        return Outcome("passed", "")
    code = os.waitstatus_to_exitcode(ended.status)
    if code == -signal.SIGXCPU:
        return Outcome("time", "stopped at the limit of processor time")
    if code < 0:
        return Outcome("killed", signal.strsignal(-code) or f"signal {-code}")
    if ended.said == "failed":  # an exception that nobody caught; its last line names it
        lines = ended.output.decode("utf-8", errors="replace").split("\n")
        return Outcome("failed", next((line[:200] for line in reversed(lines) if line.strip()), ""))
    return Outcome("exited", f"exit status {code} before the tests were through")
