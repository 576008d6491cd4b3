"""The paper's 13 and 6 benchmarks (Tables 1, 2 and 9) on real data, with lm-eval's prompts, stops and metrics.

Freezing lets lm-eval 0.4.13 make each request of the questions drawn, and keeps it: what it ranks becomes the choices
of an example, what it lets a model generate the budget and the stops. Scoring hands what a model made of an example
back to lm-eval's filters and metrics. Prompts do not depend on the context length, which is only their upper limit.
Metrics, shots and splits: ``mmv2.evaluation.persistent.table``; decisions: docs/benchmarks.md.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from mmv2.data.prepare import DATA_ROOT
from mmv2.data.tokenizer import open_tokenizer
from mmv2.errors import UserError, choices
from mmv2.evaluation.frozen import (
    Encoder,
    FrozenExample,
    FrozenHeader,
    check_corpus_files,
    freeze_examples,
    summarise,
)
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.persistent import local_data
from mmv2.evaluation.persistent.table import BENCHMARKS, PUBLISHED
from mmv2.evaluation.scoring import until
from mmv2.evaluation.tasks import TaskSettings, TaskSpec

_IMPOSSIBLE = -1.0e9
"""A log-likelihood that loses to 0 even when it is divided by a number of bytes."""


class PersistentSettings(TaskSettings):
    """The limit on questions is ``examples_per_length``: of each benchmark, over all its subsets."""

    benchmarks: tuple[str, ...] = Field(
        default=tuple(name for name in PUBLISHED if BENCHMARKS[name].measured and not BENCHMARKS[name].runs_code),
        min_length=1,
    )
    """Names as in Table 1; by default those that were measured with real files and run no code."""
    shots: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    """Demonstrations, where other than the table's; only of benchmarks that have a split to draw them from."""
    max_new_tokens: int = Field(default=1024, ge=1)
    """At most; benchmarks generate less where lm-eval says so. Less than its 1024 cuts bbh's reasoning."""
    data_root: str | None = None
    """Folder of the benchmarks' files; None: that of the user's own texts. It is no part of what is frozen."""
    hub: tuple[str, ...] = ()
    """Benchmarks whose rows are fetched from the Hub; no others are."""
    execute_code: bool = False
    """Whether humaneval_plus and mbpp may run the code that models write, confined."""

    @model_validator(mode="after")
    def _benchmarks_are_known(self) -> Self:
        for key in ("benchmarks", "shots", "hub"):
            for name in getattr(self, key):
                if name not in BENCHMARKS:
                    raise ValueError(f"{key}: no benchmark {name!r}; {choices(name, BENCHMARKS)}")
                if name not in self.benchmarks:
                    raise ValueError(f"{key}: {name} is not among benchmarks; add it there, or take it out here")
        if len(set(self.benchmarks)) < len(self.benchmarks):
            raise ValueError("benchmarks: one of them stands twice; name it once")
        return self


def freeze(settings: PersistentSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Make the examples of all benchmarks and write them.

    Args:
        settings: of the task.
        corpus_folder: its manifest is compared with the tokenizer; the rows are below ``settings.data_root``.
        tokenizer_file: tokenizer.json of the models to evaluate.
        output: JSON lines, see ``mmv2.evaluation.frozen``.

    Raises:
        UserError: a file is missing (which one, from where, under which licence), a row lacks a field (file and line),
            a prompt is longer than a context length, demonstrations cannot be drawn, or code may not be run.
    """
    from mmv2.evaluation.persistent import freezing

    check_corpus_files(corpus_folder, tokenizer_file, [])
    root = DATA_ROOT if settings.data_root is None else Path(settings.data_root)
    files = {file.relative_to(root).as_posix(): file for file in files_read(settings, root)}
    encoder = Encoder(open_tokenizer(tokenizer_file))
    prefixes: dict[str, str] = {}
    examples = []
    for name in settings.benchmarks:
        asked, shots, number = BENCHMARKS[name], shots_of(settings, name), settings.examples_per_length
        found = list(freezing.questions(asked, shots, number, settings.seed, root, name in settings.hub, encoder))
        prefixes |= freezing.prefixes(asked, found)
        examples += [
            freezing.example(asked, shots, one, length, settings.max_new_tokens, encoder)
            for length in sorted(set(settings.context_lengths))
            for one in found
        ]
    examples.sort(key=lambda example: example.context_length)
    frozen = settings.model_copy(update={"data_root": None})
    freeze_examples(output, "persistent", frozen, tokenizer_file, files, examples, summarise(examples), prefixes)


def files_read(settings: PersistentSettings, root: Path) -> Iterator[Path]:
    """The files below the data root that freezing reads; raises UserError where one is missing or not to be read."""
    require_code(settings.benchmarks, settings.execute_code)
    for name in settings.benchmarks:
        if name not in settings.hub:
            yield from local_data.input_files(BENCHMARKS[name], shots_of(settings, name), root)


def require_code(benchmarks: Sequence[str], execute_code: bool) -> None:
    """Raise UserError where a benchmark runs what models write, and that was not asked for or cannot be contained."""
    for name in benchmarks:
        if BENCHMARKS[name].runs_code:
            from mmv2.evaluation.persistent import code_problems

            try:
                code_problems.require(execute_code)
            except UserError as error:
                raise UserError(f"persistent: execute_code: {name} runs what the model writes: {error}") from None


def before(header: FrozenHeader) -> None:
    """Before the first answer, on the machine that will score it: whether code may run, and can be contained."""
    require_code(header.settings["benchmarks"], header.settings["execute_code"])


def shots_of(settings: PersistentSettings, name: str) -> int:
    """Demonstrations before each question; raises UserError where other than those of the task are asked for."""
    return local_data.shots_of(BENCHMARKS[name], settings.shots.get(name), f"persistent: shots.{name}")


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """What lm-eval scores, by metric and filter, and as accuracy the one that the table of benchmarks names."""
    from mmv2.evaluation.persistent.harness import score_name, scoring_task

    asked = BENCHMARKS[example.subtask]
    assert example.document is not None
    task = scoring_task(asked, str(example.details["subset"]), example.document)
    responses = _choices(example, outcome) if example.choices else [until(outcome.text, example.stops)]
    if asked.runs_code and not str(responses[0]).strip():
        return {"accuracy": 0.0, score_name(asked.metric): 0.0}
    scores = task.scores(task.document(example.document), responses)
    if example.choices and not outcome.loglikelihoods and outcome.choice not in _stripped(example):
        scores = dict.fromkeys(scores, 0.0)
    return {"accuracy": scores[score_name(asked.metric)], **scores}


def _choices(example: FrozenExample, outcome: Outcome) -> list[tuple[float, bool]]:
    """Of each choice the log-likelihood, and whether it is the greedy one, which no metric here asks for.

    Of an answer that was not computed, the choice it names is certain and the others are impossible.
    """
    certain = [0.0 if choice == outcome.choice else _IMPOSSIBLE for choice in _stripped(example)]
    return [(value, False) for value in outcome.loglikelihoods or certain]


def _stripped(example: FrozenExample) -> list[str]:
    return [choice.strip() for choice in example.choices]


def chance(example: FrozenExample) -> float:
    """One over the number of choices; of free answers nothing is known without the data, so none is right by chance."""
    return 1 / len(example.choices) if example.choices else 0.0


TASK = TaskSpec(
    label="Benchmarks on real data",
    settings=PersistentSettings,
    freeze=freeze,
    score=score,
    before=before,
    main_score="accuracy",
    inputs=files_read,
    packages=(
        "mmv2.evaluation.baselines",
        "mmv2.evaluation.frozen",
        "mmv2.evaluation.persistent",
        "mmv2.evaluation.prompts",
        "mmv2.evaluation.rows",
        "mmv2.evaluation.scoring",
        "mmv2.evaluation.squad",
        "mmv2.evaluation.tasks.persistent",
        "mmv2.evaluation.word_lists",
        "mmv2.sandbox",
    ),
    chance=chance,
)
