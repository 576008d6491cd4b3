"""Corpus sources, one module each. A module here defines SOURCE and imports without torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmv2.config import CorpusConfig


@dataclass(frozen=True)
class Inputs:
    """The user's files that a corpus is made from. Where they lie is no part of the corpus, what they hold is."""

    root: Path
    """``data_root``."""
    sha256: Mapping[str, str]
    """Path relative to ``root`` -> SHA-256."""


def no_inputs(config: Any, root: Path) -> Sequence[str]:
    """For sources that generate everything."""
    return ()


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """All that the rest of the suite needs to know of a source."""

    config: type[CorpusConfig]
    inputs: Callable[[Any, Path], Sequence[str]] = no_inputs
    """Config, ``data_root`` -> the files it is made from, relative to that; raises UserError where one is missing."""
    packages: tuple[str, ...]
    """Packages or modules whose code determines the corpus, besides those that write every corpus."""
    prepare: Callable[[Any, Path, Inputs], None]
    """Config, existing empty folder, inputs -> a complete corpus in it (``mmv2.data.shards.write_corpus``)."""
