"""Suite files: which runs, tasks, tables, figures and claims make up one scale of the replication.

A suite file is ``workflow/config/suites/<suite>.yaml``. Beside the runs it names it can hold a search: runs made of
others by trying combinations of settings. What its runs answer, and what its tables and figures are made of, is told
here for the workflow and for ``mmv2.keep``.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from mmv2.config import Config, read_yaml, validate
from mmv2.errors import UserError, choices
from mmv2.evaluation.tasks import TaskSettings
from mmv2.registry import architectures, entry
from mmv2.runs import RunConfig, load_run, merge, parse_run, read_run

Which = Literal["all", "pretrained", "fine_tuned"]
"""Final checkpoints: of every run, of those trained from scratch, or of those that start from another run's weights."""
Length = Annotated[int, Field(ge=1)]


Value = int | float | str | bool | tuple[int | float, ...]
Grid = Annotated[dict[str, Annotated[tuple[Value, ...], Field(min_length=1)]], Field(min_length=1)]
"""Dotted key of a run file, such as training.learning_rate -> values to try; every combination is a trial."""


class Search(Config):
    """Equal effort for every architecture: as many trials for each run, all planned before the first is trained."""

    grids: dict[str, Annotated[tuple[Grid, ...], Field(min_length=1)]] = Field(min_length=1)
    """Run file, as in a suite -> its trials: those of one grid, or of several one after another."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    """Training seeds of every trial: none of those of reported runs."""

    @property
    def runs(self) -> tuple[str, ...]:
        """The run files that are searched."""
        return tuple(self.grids)

    @model_validator(mode="after")
    def _effort_is_equal(self) -> Self:
        trials = {run: len(_points(grids)) for run, grids in self.grids.items()}
        if len(set(trials.values())) > 1:
            told = ", ".join(f"{run} {number}" for run, number in trials.items())
            raise ValueError(f"grids: runs differ in their number of trials ({told}); give every run as many")
        return self


def _points(grids: Sequence[Grid]) -> list[dict[str, Value]]:
    """What each trial of a run sets, in the order of the grids."""
    return [dict(zip(grid, values, strict=True)) for grid in grids for values in itertools.product(*grid.values())]


class SuiteConfig(Config):
    """Which runs, tasks, tables, figures and claims make up one scale of the replication."""

    name: str
    runs: tuple[str, ...] = ()
    """Run files below ``workflow/config/runs``, without ``.yaml``."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Training seeds: every run is trained with each, from the run of the same seed where it starts from another's
    weights. None: as the run files say."""
    search: Search | None = None
    tasks: dict[str, SerializeAsAny[TaskSettings]]
    """Task name -> its settings."""
    answered_by: dict[str, Which] = Field(default_factory=dict)
    """Task name -> whose final checkpoints answer it; all where a task is not named."""
    milestones: dict[str, tuple[Length, ...]] = Field(default_factory=dict)
    """Task name -> context lengths at which the milestones of fine-tuned runs answer it (Figure 8)."""
    reductions: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Name of a reduction, such as without_long_term_memory -> tasks that fine-tuned models answer after it."""
    tables: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"{list(seeds)} names one twice; name each once")
        return seeds


class WorkflowConfig(Config):
    """``workflow/config/config.yaml``: what a call of snakemake builds."""

    suite: str
    """Name of a file in ``workflow/config/suites``."""
    evaluation_batch_size: int = Field(ge=1)
    """Prompts decoded together. Answers depend on it by rounding alone (docs/decisions.md)."""
    data_root: str
    """Folder that holds the user's own texts; paths in the corpora of run files are relative to it."""


def load_suite(path: Path, runs_folder: Path) -> tuple[SuiteConfig, dict[str, RunConfig]]:
    """Read a suite and all its runs.

    Args:
        path: the suite file.
        runs_folder: ``workflow/config/runs``.

    Returns:
        The suite, and its runs by short name (the run file's name, or that of a trial).

    Raises:
        UserError: anything wrong in any of the files, before any job starts.
    """
    content = read_yaml(path)
    if "name" in content:
        raise UserError(f"{path}: name: not a key; the suite is called like its file")
    content["name"] = path.stem
    tasks = _tasks(content, path)
    plain = validate(_PlainSuite, content, path)
    for kind in ("table", "figure", "claim"):
        for name in getattr(plain, f"{kind}s"):
            _named(path, f"{kind}s", kind, name)
    suite = SuiteConfig(**{**dict(plain), "tasks": tasks})
    _check_tasks(suite, path)
    return suite, _runs_of(suite, path, runs_folder)


def load_tasks(path: Path) -> dict[str, TaskSettings]:
    """The tasks of a suite file with their settings; whatever else is in it, or is not, is left alone.

    Raises:
        UserError: no file, no tasks, or anything wrong in one of them.
    """
    return _tasks(read_yaml(path), path)


def _tasks(content: Mapping[str, Any], path: Path) -> dict[str, TaskSettings]:
    if not isinstance(content.get("tasks"), dict):
        raise UserError(f"{path}: tasks: missing or not a mapping; name at least one task with its settings")
    tasks = {}
    for name, settings in content["tasks"].items():
        tasks[name] = validate(_named(path, "tasks", "task", name).settings, settings or {}, path, f"tasks.{name}")
    return tasks


class _PlainSuite(SuiteConfig):
    tasks: Any


def _named(path: Path, key: str, kind: str, name: str) -> Any:
    try:
        return entry(kind, name)
    except UserError as error:
        raise UserError(f"{path}: {key}: {error}") from None


def _check_tasks(suite: SuiteConfig, path: Path) -> None:
    """Tasks, lengths and reductions named elsewhere in the suite are there; nothing is drawn twice."""
    reductions = {name for spec in architectures().values() for name in spec.reductions}
    for name in suite.reductions:
        if name not in reductions:
            raise UserError(f"{path}: reductions: no architecture has {name!r}; {choices(name, reductions)}")
    for key in ("tables", "figures", "claims"):
        names = getattr(suite, key)
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UserError(f"{path}: {key}: {twice[0]} stands twice; name it once")
    named = {"answered_by": list(suite.answered_by), "milestones": list(suite.milestones)}
    named |= {f"reductions.{name}": list(tasks) for name, tasks in suite.reductions.items()}
    for key, tasks in named.items():
        for task in tasks:
            if task not in suite.tasks:
                raise UserError(f"{path}: {key}: no task {task!r} in this suite; {choices(task, suite.tasks)}")
    for task, lengths in suite.milestones.items():
        asked = suite.tasks[task].context_lengths
        for length in lengths:
            if length not in asked:
                raise UserError(f"{path}: milestones.{task}: {length} is none of its context_lengths {list(asked)}")


def _runs_of(suite: SuiteConfig, path: Path, folder: Path) -> dict[str, RunConfig]:
    runs: dict[str, RunConfig] = {}
    listed = itertools.chain.from_iterable(_seeded(folder / f"{one}.yaml", suite.seeds) for one in suite.runs)
    for run in itertools.chain(listed, _trials(suite.search, path, folder) if suite.search else ()):
        if run.name in runs:
            raise UserError(f"{path}: runs: two files are called {run.name}; rename one, results go by that name")
        runs[run.name] = run
    if not runs:
        raise UserError(f"{path}: runs: missing; name at least one run, or a search")
    for run in runs.values():
        if run.init_from is not None:
            _check_init(run, runs, path)
    return runs


def _seeded(path: Path, seeds: tuple[int, ...]) -> Iterator[RunConfig]:
    """A run with each training seed, called by it: ``one.seed-2``. So one seed more trains nothing again."""
    if not seeds:
        yield load_run(path)
        return
    content, file_of = read_run(path)
    for seed in seeds:
        ending = f".seed-{seed}"
        changed: dict[str, Any] = {"training": {"seed": seed}}
        if content.get("init_from") is not None:
            changed["init_from"] = f"{content['init_from']}{ending}"
        yield parse_run(merge(content, changed), file_of, path.stem + ending)


def _trials(search: Search, path: Path, folder: Path) -> Iterator[RunConfig]:
    """Every trial of every run and seed, called by what it sets unlike others: ``one.learning_rate-0.003``."""
    for reference, grids in search.grids.items():
        file = folder / f"{reference}.yaml"
        points = _points(grids)
        found: list[RunConfig] = []
        for point, seed in itertools.product(points, search.seeds):
            told = {key: value for key, value in point.items() if any(other.get(key) != value for other in points)}
            told |= {"training.seed": seed} if len(search.seeds) > 1 else {}
            name = ".".join([file.stem, *(f"{key.rpartition('.')[2]}-{_text(value)}" for key, value in told.items())])
            run = _trial(file, {**point, "training.seed": seed}, path, name)
            for other in found:
                if other.scientific() == run.scientific():
                    raise UserError(
                        f"{path}: search.grids.{reference}: {run.name} is the same trial as {other.name}; "
                        f"leave one of them out"
                    )
            found.append(run)
        yield from found


def _trial(file: Path, point: Mapping[str, Value], suite: Path, name: str) -> RunConfig:
    """The run of a file with what a trial sets, by dotted key; mistakes in that are the suite's."""
    tried, file_of = read_run(file)
    for key, value in point.items():
        nested: Any = value
        for section in reversed(key.split(".")):
            nested = {section: nested}
        tried = merge(tried, nested)
    return parse_run(tried, lambda key: suite if key in point else file_of(key), name)


def _text(value: Value) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


SHAPES = ("vocab_size", "hidden_size", "num_layers", "num_heads", "intermediate_size", "tie_embeddings")
"""Model keys in which a run must agree with the one whose weights it starts from; training compares all shapes."""


def _check_init(run: RunConfig, runs: Mapping[str, RunConfig], path: Path) -> None:
    """Whether the weights that a run starts from are there, come from a run of their own, and fit."""
    place = f"{path}: runs: {run.name} has init_from {run.init_from!r}"
    before, passed = run, [run.name]
    while before.init_from is not None:
        if before.init_from not in runs:
            raise UserError(f"{place}, which is not in this suite; {choices(before.init_from, set(runs) - {run.name})}")
        before = runs[before.init_from]
        if before.name in passed:
            raise UserError(f"{place}, which leads into a circle through {before.name}; break it")
        passed.append(before.name)
    source = runs[passed[1]]
    if source.arch != run.arch:
        raise UserError(f"{place}, whose arch is {source.arch}, not {run.arch}; start from a run of the same arch")
    for key in SHAPES:
        theirs, ours = getattr(source.model, key), getattr(run.model, key)
        if theirs != ours:
            raise UserError(f"{place}, whose model.{key} is {theirs}, not {ours}; use the same sizes")


def planned_run(suite: Path, runs_folder: Path, name: str, planned: Mapping[str, Any]) -> RunConfig:
    """The run that a workflow planned, with the keys that change no weight as its file has them now.

    Those are left out of what a plan records, so that changing them retrains nothing.

    Args:
        suite: the suite file.
        runs_folder: ``workflow/config/runs``.
        name: of the run.
        planned: its ``scientific`` settings when the plan was made.

    Raises:
        UserError: the file has been changed in other keys since then.
    """
    run = load_suite(suite, runs_folder)[1][name]
    if run.scientific() != planned:
        raise UserError(f"{suite}: runs: {name} was changed while the workflow was running; start it again")
    return run


def step_name(step: int) -> str:
    """What a milestone checkpoint is called in paths of records."""
    return f"step-{step:08d}"


def record_files(suite: SuiteConfig, run: RunConfig) -> list[Path]:
    """What a run answers, below the suite's results: its final checkpoint, its milestones, what reductions leave of it.

    Milestones and reductions are of fine-tuned runs, and a reduction of those whose architecture has it.
    """
    kind = "pretrained" if run.init_from is None else "fine_tuned"
    asked = [("final", task) for task in suite.tasks if suite.answered_by.get(task, "all") in ("all", kind)]
    if kind == "fine_tuned":
        asked += itertools.product(map(step_name, run.training.milestones), suite.milestones)
        reductions = [name for name in suite.reductions if name in run.spec.reductions]
        asked += [(name, task) for name in reductions for task in suite.reductions[name]]
    return [Path("records") / run.name / checkpoint / f"{task}.jsonl" for checkpoint, task in asked]


def made_of(kind: str, name: str) -> str:
    """What a table or figure is made of: ``records``, or what the runs themselves are, ``models`` or ``documents``."""
    return str(getattr(entry(kind, name), "made_of", "records"))
