"""What reporting needs to know of a figure. One file in this folder with a constant ``FIGURE`` is one figure."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure


def no_remark(*inputs: pd.DataFrame) -> str:
    """Of a figure that its caption tells all about."""
    return ""


@dataclass(frozen=True, kw_only=True)
class FigureSpec:
    """One figure."""

    title: str
    shown: Callable[..., pd.DataFrame]
    """Of what ``draw`` takes those records that it draws. Raises UserError where there are none."""
    draw: Callable[..., Figure]
    """Records as from ``read_records`` and, if ``metrics``, those as from ``read_metrics`` -> the drawing. A pure
    function; its docstring begins the caption."""
    shared: str = ""
    """How the caption goes on, where that of several figures does alike."""
    remark: Callable[..., str] = no_remark
    """Of what ``draw`` takes, a sentence to stand below the caption, such as the result of a check; or nothing."""
    metrics: bool = False
    """Whether it draws the metrics that training leaves beside the checkpoints."""

    @property
    def caption(self) -> str:
        text = inspect.getdoc(self.draw)
        assert text, f"{self.title}: the docstring of its draw function begins the caption"
        return f"{text} {self.shared}".rstrip()
