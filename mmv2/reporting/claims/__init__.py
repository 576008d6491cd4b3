"""What reporting needs to know of a claim of the paper. One file here with a constant ``CLAIM`` is one claim."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mmv2.reporting.evidence import Evidence
from mmv2.reporting.verdict import Verdict

Dimension = Literal["persistent knowledge", "new knowledge", "in-context learning", "architecture"]
"""The paper's three dimensions of evaluation, and what needs none."""


@dataclass(frozen=True, kw_only=True)
class ClaimSpec:
    """One claim of the paper, and the rule by which it is judged."""

    title: str
    statement: str
    """What the paper says, in one sentence."""
    place: str
    """Where it says so, such as Table 3."""
    dimension: Dimension
    published: tuple[str, ...]
    """Files below ``results/published`` with its numbers; none where the paper has only a picture."""
    judge: Callable[[Evidence], Verdict]
    """A pure function of the records and the published numbers; its docstring is the rule.

    Raises UserError where the records lack what it compares.
    """
    open_question: bool = False
    """The paper asks and leaves it open: the statement is an answer that is tried here, none of the paper's claims."""

    @property
    def rule(self) -> str:
        text = inspect.getdoc(self.judge)
        assert text, f"{self.title}: the docstring of its judge function is the rule"
        return text
