"""Corpus sources, one module each. A module here defines SOURCE and imports without torch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmv2.config import CorpusConfig


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """All that the rest of the suite needs to know of a source."""

    config: type[CorpusConfig]
    prepare: Callable[[Any, Path], None]
    """Config, existing empty folder -> a complete corpus in it (``mmv2.data.shards.write_corpus``)."""
