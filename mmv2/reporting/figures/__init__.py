"""What reporting needs to know of a figure. One file in this folder with a constant ``FIGURE`` is one figure."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class FigureSpec:
    """One figure."""

    title: str
    draw: Callable[[pd.DataFrame], Figure]
    """Records as from ``read_records`` -> the drawing. A pure function; its docstring is the caption."""

    @property
    def caption(self) -> str:
        text = inspect.getdoc(self.draw)
        assert text, f"{self.title}: the docstring of its draw function is the caption"
        return text
