"""What reporting needs to know of a table. One file in this folder with a constant ``TABLE`` is one table."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """One table: measured results beside the published ones."""

    title: str
    published: str | None = None
    """File below ``results/published`` with the paper's numbers; None: the paper has no such table."""
    decimals: int = 1
    """Of numbers in Markdown and LaTeX."""
    metrics: bool = False
    """Whether it shows the metrics that training leaves beside the checkpoints."""
    build: Callable[..., pd.DataFrame]
    """Records as from ``read_records``, then, if ``published``, those numbers as from ``read_published``, then, if
    ``metrics``, those as from ``read_metrics`` -> the table.

    Cells are text, numbers, ``Interval`` or None (empty). A pure function; its docstring is the caption.
    """

    @property
    def caption(self) -> str:
        text = inspect.getdoc(self.build)
        assert text, f"{self.title}: the docstring of its build function is the caption"
        return text
