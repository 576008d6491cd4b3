"""Two runs side by side over all records: ``mmv2 compare``.

A row per task, subtask, length, number of shots, kind of labels and prompt style, with the accuracy of each run and
their paired difference (``mmv2.evaluation.contrasts``). That both answered the same examples of the same frozen data is
checked. A run that was trained with several seeds is one, and intervals are over examples and seeds.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mmv2.errors import UserError, choices
from mmv2.evaluation.contrasts import Term, contrast
from mmv2.evaluation.statistics import Interval
from mmv2.files import make_folder, write_text
from mmv2.records import read_records
from mmv2.reporting.accuracies import SEED, accuracy, percent
from mmv2.reporting.fields import MEMBER, main_score
from mmv2.reporting.seeds import num_seeds, seeds_joined
from mmv2.reporting.writer import rounded, to_csv

CELL = ("task", "subtask", "context_length", "num_shots", "label_kind", "prompt_style")
"""Columns that tell the rows apart; an example has one record in each."""
_NAMES = {"context_length": "length", "num_shots": "shots", "label_kind": "labels", "prompt_style": "style"}
DIFFERENCE = "difference"
_FACTS = (
    *("arch", "label", "num_parameters", "budget", "training_context", "tokens_seen", "step", "seed", "init_from"),
    "reduction",
)
"""Of a run, beside its settings."""


def read_run(source: Path, run: str | None = None, checkpoint: str = "final") -> pd.DataFrame:
    """Test records of one checkpoint of one run, of all its training seeds.

    Args:
        source: a file of records or a folder of them, such as ``results/<suite>/records`` or one run's folder in it.
        run: its name, or that of one of its seeds alone, such as ``mmv2.seed-1``; None: the source holds one run alone.
        checkpoint: ``final``, a reduction such as ``without_long_term_memory``, or a step.

    Raises:
        UserError: nothing to read, no such run or checkpoint, or several runs and none named.
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder; give records as mmv2 evaluate writes them")
    records = seeds_joined(read_records(source))
    runs = sorted(records["run"].unique())
    if run is None and len(runs) > 1:
        raise UserError(f"{source}: holds records of {len(runs)} runs; name one: {', '.join(runs)}")
    found = records["run"].eq(run or runs[0])
    if not found.any():
        found = records[MEMBER].eq(str(run))
        records = records.assign(run=records[MEMBER])
    if not found.any():
        names = [*runs, *sorted(set(records[MEMBER]) - set(runs))]
        raise UserError(f"{source}: no records of run {run!r}; {choices(str(run), names)}")
    return _of_checkpoint(records[found & records["split"].eq("test")], checkpoint, source)


def _of_checkpoint(records: pd.DataFrame, checkpoint: str, source: Path) -> pd.DataFrame:
    whole = records[records["reduction"].isna()]
    found = {f"step {step}": of_step for step, of_step in whole.groupby("step")}
    if not whole.empty:
        found["final"] = whole[whole["step"] == whole["step"].max()]
    found |= {str(name): reduced for name, reduced in records.groupby("reduction")}
    if checkpoint not in found:
        raise UserError(f"{source}: no test records of checkpoint {checkpoint!r}; {choices(checkpoint, found)}")
    return found[checkpoint]


def compare(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Accuracies in percent and the difference first minus second in points, per cell of what both were asked.

    Args:
        first, second: as from ``read_run``.

    Returns:
        The columns of ``CELL``, ``examples``, ``first``, ``second`` and ``difference``, the last three ``Interval``.

    Raises:
        UserError: they have no cell in common, or answered other data or other examples in one.
    """
    theirs = dict(iter(second.groupby(list(CELL), dropna=False)))
    theirs = {_key(cell): records for cell, records in theirs.items()}
    ours = {_key(cell): records for cell, records in first.groupby(list(CELL), dropna=False)}
    common = [cell for cell in ours if cell in theirs]
    if not common:
        told = [", ".join(sorted({f"{cell[0]} {cell[1]} at {cell[2]}" for cell in cells})) for cells in (ours, theirs)]
        raise UserError(f"records: nothing was asked of both: {told[0]} of the first, {told[1]} of the second")
    return pd.DataFrame([_row(cell, ours[cell], theirs[cell]) for cell in common], dtype=object)


def _key(cell: Any) -> tuple[Any, ...]:
    """Empty is None, which equals itself; numbers are whole, which pandas forgets where some are empty."""
    whole = (int(part) if isinstance(part, float) and not pd.isna(part) else part for part in cell)
    return tuple(None if pd.isna(part) else part for part in whole)


def _row(cell: tuple[Any, ...], first: pd.DataFrame, second: pd.DataFrame) -> dict[str, Any]:
    _check_same_data(cell, first, second)
    scores = {main_score(records) for records in (first, second)}
    if len(scores) > 1:
        raise UserError(f"records: {_told(cell)}: scored by {' and '.join(sorted(scores))}; evaluate both anew")
    (score,) = scores
    difference = contrast([Term(1.0, "first", first, score), Term(-1.0, "second", second, score)], SEED)
    accuracies = {"first": accuracy(first, score), "second": accuracy(second, score)}
    names = [_NAMES.get(name, name) for name in CELL]
    return {
        **dict(zip(names, cell, strict=True)),
        "examples": difference.num_examples,
        **accuracies,
        DIFFERENCE: percent(Interval(difference.mean, difference.low, difference.high, difference.num_examples)),
    }


def _check_same_data(cell: tuple[Any, ...], first: pd.DataFrame, second: pd.DataFrame) -> None:
    hashes = [set(records["data_hash"]) for records in (first, second)]
    if hashes[0] != hashes[1]:
        told = [", ".join(sorted(each[:12] for each in found)) for found in hashes]
        raise UserError(
            f"records: {_told(cell)}: the runs answered different data ({told[0]} and {told[1]}); evaluate both on the "
            "same frozen file"
        )


def _told(cell: tuple[Any, ...]) -> str:
    return ", ".join(str(part) for part in cell if part is not None)


def differing_settings(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, tuple[Any, Any]]:
    """What the two runs are that differs: key -> both values; None where a run has no such key."""
    found = [_settings(records) for records in (first, second)]
    keys = [*found[0], *(key for key in found[1] if key not in found[0])]
    both = {key: (found[0].get(key), found[1].get(key)) for key in keys}
    return {key: values for key, values in both.items() if values[0] != values[1]}


def _settings(records: pd.DataFrame) -> dict[str, Any]:
    row = records.iloc[0]
    found = {name: row[name] for name in _FACTS}
    found |= {str(n).removeprefix("setting_"): v for n, v in row.items() if str(n).startswith("setting_")}
    found |= {"seed": _seeds(records), "training_seed": None}
    return {key: value for key, value in found.items() if not pd.isna(value)}


def _seeds(records: pd.DataFrame) -> str:
    return ", ".join(str(seed) for seed in sorted(records["seed"].unique()))


def as_text(first: pd.DataFrame, second: pd.DataFrame, table: pd.DataFrame) -> str:
    """The comparison for people: aligned columns, of which those that are empty everywhere are left out.

    Args:
        first, second: as from ``read_run``.
        table: as from ``compare``.
    """
    names = _name(first), _name(second)
    titles = {"first": f"{names[0]}, %", "second": f"{names[1]}, %", DIFFERENCE: "difference, points"}
    shown = table.dropna(axis="columns", how="all").rename(columns=titles)
    columns = [_column(str(name), shown[name]) for name in shown]
    lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    clear = sum(one.low > 0 or one.high < 0 for one in table[DIFFERENCE])
    lines += [
        "",
        f"{len(table)} differences, {names[0]} minus {names[1]}, paired by example; "
        f"the 95 % intervals of {clear} leave out 0.",
        _held(first, second),
    ]
    if left_out := _left_out(first, second):
        lines.append(f"{left_out} records are left out: only one of the two runs was asked.")
    settings = differing_settings(first, second)
    lines += ["", "The runs differ in:" if settings else "The records tell no other difference between the runs."]
    lines += [f"  {key}: {_text(one)} | {_text(other)}" for key, (one, other) in settings.items()]
    return "\n".join(lines)


def _name(records: pd.DataFrame) -> str:
    return str(records["run"].iloc[0])


def _held(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """What the intervals hold."""
    numbers = {_name(records): num_seeds(records) for records in (first, second)}
    one = [name for name, number in numbers.items() if number == 1]
    if len(one) == len(numbers):
        return "They hold what other examples would change, NOT what another training would."
    told = " and ".join(f"{number} of {name}" for name, number in numbers.items())
    without = f", but not another training of {one[0]}" if one else ""
    return f"They hold what other examples and other trainings would change{without}: training seeds are {told}."


def _left_out(first: pd.DataFrame, second: pd.DataFrame) -> int:
    """Records of cells that only one run was asked in."""
    cells = [records.groupby(list(CELL), dropna=False).size() for records in (first, second)]
    sizes = [{_key(cell): number for cell, number in found.items()} for found in cells]
    return sum(number for one, other in (sizes, sizes[::-1]) for cell, number in one.items() if cell not in other)


def _column(name: str, cells: pd.Series) -> list[str]:
    """Name and cells at one width, text to the left."""
    told = [name, *map(_text, cells)]
    width = max(map(len, told))
    is_text = any(isinstance(cell, str) for cell in cells)
    return [one.ljust(width) if is_text else one.rjust(width) for one in told]


def _text(cell: Any) -> str:
    if isinstance(cell, Interval):
        return f"{rounded(cell.mean)} ({rounded(cell.low)} to {rounded(cell.high)})"
    if cell is None or pd.isna(cell):
        return ""
    # A column turns whole numbers into fractions where the other run has none.
    return f"{int(cell) if isinstance(cell, float) and cell.is_integer() else cell}"


def run_command(sources: Sequence[Path], runs: Sequence[str] | None, checkpoint: str, csv: Path | None) -> None:
    """Compare two runs, print the comparison, and write it to ``csv`` where that is given.

    Args:
        sources: records of the two runs, or one folder that holds both.
        runs: their names; None: each source holds one run alone.
        checkpoint: which of both, see ``read_run``.
        csv: file to write; its numbers are not rounded.

    Raises:
        UserError: as ``read_run`` and ``compare``, or the two are the same.
    """
    if len(sources) > 2 or (len(sources) == 1 and runs is None):
        raise UserError(
            f"compare: {len(sources)} sources of records; "
            "give those of two runs, or one folder and --runs with two names"
        )
    names = runs or (None, None)
    first, second = (
        read_run(source, name, checkpoint) for source, name in zip((sources[0], sources[-1]), names, strict=True)
    )
    called = _name(first), _name(second)
    if called[0] == called[1] and len(set(sources)) == 1:
        raise UserError(f"compare: {called[0]} and itself; name two runs")
    table = compare(first, second)
    if csv is not None:
        make_folder(csv.parent)
        write_text(csv, to_csv(table.rename(columns={"first": called[0], "second": called[1]})))
    print(as_text(first, second, table))
