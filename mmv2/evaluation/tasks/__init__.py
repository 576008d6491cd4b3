"""What evaluation needs to know of a task. One file in this folder with a constant ``TASK`` is one task.

Nothing here imports torch, so that a workflow plan is quick.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from mmv2.config import Config
from mmv2.evaluation.frozen import FrozenExample, FrozenHeader
from mmv2.evaluation.outcome import Outcome


class TaskSettings(Config):
    """What every task can be set to; each task adds its own."""

    seed: int = Field(default=42, ge=0)
    """Of everything drawn; every example has its own generator, seeded by this, task, length and number."""
    context_lengths: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)
    """In tokens: begin-of-text, prompt, and the generation budget or the longest choice together."""
    examples_per_length: int = Field(default=500, ge=1)
    """At most; fewer where the source has fewer."""
    max_new_tokens: int = Field(default=32, ge=1)
    """Generation budget. Tasks that generate nothing (choices alone, or reading) declare it as ``Literal[0] = 0``."""


def no_inputs(settings: Any, root: Path) -> Iterable[Path]:
    """A task that reads the corpus alone."""
    return ()


def nothing_needed(header: FrozenHeader) -> None:
    """A task whose answers can be scored anywhere."""


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """One task: how its data is frozen and how answers are scored."""

    label: str
    """The name in tables and figures."""
    settings: type[TaskSettings]
    freeze: Callable[[Any, Path, Path, Path], None]
    """Settings, corpus folder, tokenizer file, output file -> writes the frozen examples."""
    score: Callable[[FrozenExample, Outcome], Mapping[str, float]]
    """Example, what a model made of it -> every score, each between 0 and 1."""
    main_score: str
    """The score that the paper reports."""
    packages: tuple[str, ...]
    """Packages or modules whose code determines the frozen examples and the scores."""
    chance: Callable[[FrozenExample], float]
    """Main score to be expected on this example of an answer that does not depend on what is asked for in the prompt.

    Where answers come from a known set, such as the labels of a classification, that is one over their number; where
    the prompt tells the set, as documents tell homes, the share of the right one in it. Where they are free text there
    is no such number: it is then the score, 0 or 1, of a fixed blind guess that was chosen on development data, never
    on the examples scored. Its mean over examples is an estimate from these very examples and is shown with its
    interval, as a model's is.
    """
    inputs: Callable[[Any, Path], Iterable[Path]] = no_inputs
    """Settings, ``data_root`` -> the user's own files that freezing reads, besides the corpus.

    Raises UserError where one is missing.
    """
    before: Callable[[FrozenHeader], None] = nothing_needed
    """Called with the header of a frozen file before any of its examples is answered.

    Raises UserError where the answers could not be scored here.
    """
