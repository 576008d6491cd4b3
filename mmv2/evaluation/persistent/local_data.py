"""Reads the rows of a benchmark: from local files, or from the Hub where the user asks for it by name."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mmv2.errors import UserError
from mmv2.evaluation.persistent.converters import Found, hub_lines
from mmv2.evaluation.persistent.table import Benchmark
from mmv2.evaluation.rows import placed


def local_file(benchmark: Benchmark, subset: str, split: str, root: Path) -> Path:
    """The file that holds the rows: with the Hub's columns where there is one, else in another known layout.

    Args:
        benchmark: one of the table.
        subset: one of its subsets.
        split: as on the Hub.
        root: the data root.

    Raises:
        UserError: there is none; which one is needed, from where, under which licence.
    """
    candidates = _candidates(benchmark, subset, split, root)
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        name = f"{benchmark.name} ({subset})" if subset else benchmark.name
        config = subset or benchmark.hub_config
        also = f", or the file as {candidates[2]}" if len(candidates) > 2 else ""
        raise UserError(
            f"{candidates[0]}: no such file: split {split} of {name}, on the Hub {benchmark.hub}"
            f"{f', configuration {config}' if config else ''} (licence: {benchmark.licence}); put its rows there as "
            f"JSON lines or as {candidates[1].name}{also}, or set data_root, or name {benchmark.name} under hub"
        )
    return found


def _candidates(benchmark: Benchmark, subset: str, split: str, root: Path) -> list[Path]:
    folder = root / benchmark.folder / subset
    other = benchmark.local.get(split)
    carried = [root / other.path.format(subset=subset)] if other else []
    return [folder / f"{split}.jsonl", folder / f"{split}.parquet", *carried]


def read_rows(benchmark: Benchmark, subset: str, split: str, root: Path) -> list[dict[str, Any]]:
    """All rows of one split in file order, with the columns that prompts and scores need; see ``local_file``.

    Raises:
        UserError: no file, or one that is damaged, empty, or has a row that lacks a field: the file and the line.
    """
    path = local_file(benchmark, subset, split, root)
    other = benchmark.local.get(split)
    if path.suffix == ".parquet":
        found = _parquet(path)
    elif path.name == f"{split}.jsonl" and path.parent == root / benchmark.folder / subset:
        found = hub_lines(path)
    else:
        assert other is not None
        found = other.converter(path)
    if not found:
        raise UserError(f"{path}: empty; it must hold at least one row of {benchmark.name}")
    return [_checked(benchmark, row, f"{path}: {place}") for place, row in found]


def hub_rows(benchmark: Benchmark, subset: str, split: str) -> list[dict[str, Any]]:
    """The same rows from the Hub, through ``datasets``; raises UserError where it cannot be reached or lacks them."""
    from datasets import load_dataset

    place = f"{benchmark.hub}, configuration {subset or benchmark.hub_config}, split {split}"
    try:
        found = load_dataset(benchmark.hub, subset or benchmark.hub_config, split=split)
    except Exception as error:  # of many kinds: no network, no such set, a file that cannot be read
        told = " ".join(str(error).split())
        raise UserError(f"hub: {place}: {told}; put {benchmark.name} below data_root instead") from None
    return [_checked(benchmark, row, f"hub: {place}: row {number}") for number, row in enumerate(found, start=1)]


def _parquet(path: Path) -> Found:
    from pyarrow import ArrowException  # type: ignore[import-untyped]
    from pyarrow.parquet import read_table  # type: ignore[import-untyped]

    try:
        rows = read_table(path).to_pylist()
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({' '.join(str(error).split())}); fetch the file again") from None
    return list(placed(rows, path))


def _checked(benchmark: Benchmark, row: Mapping[str, Any], place: str) -> dict[str, Any]:
    try:
        # Not strict: JSON and parquet give lists where rows have tuples. A number is still no text.
        return benchmark.row.model_validate(row, strict=False).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = "missing" if first["type"] == "missing" else first["msg"]
        columns = ", ".join(benchmark.row.model_fields)
        raise UserError(
            f"{place}: {key + ': ' if key else ''}{message}; {benchmark.name} needs the columns {columns}"
        ) from None


def input_files(benchmark: Benchmark, shots: int, root: Path) -> Iterator[Path]:
    """All files that are read to ask a benchmark; raises UserError where one is missing."""
    for subset in benchmark.subsets:
        for split in splits(benchmark, shots):
            yield local_file(benchmark, subset, split, root)


def shots_of(benchmark: Benchmark, wanted: int | None, key: str) -> int:
    """Demonstrations before each question: the table's, or those wanted.

    Args:
        benchmark: one of the table.
        wanted: how many; None: as the table says.
        key: where the user said so.

    Raises:
        UserError: others than those that are part of the task, or less than none.
    """
    if wanted is None or wanted == benchmark.shots:
        return benchmark.shots
    if benchmark.shots_split is None:
        have = f"its {benchmark.shots} demonstrations are" if benchmark.shots else "to have no demonstrations is"
        raise UserError(f"{key}: {wanted}, but of {benchmark.name} {have} part of the task; leave it out")
    if wanted < 0:
        raise UserError(f"{key}: {wanted}; ask for 0 demonstrations or more")
    return wanted


def splits(benchmark: Benchmark, shots: int) -> Sequence[str]:
    """The split asked, and the one that demonstrations are drawn from, where there are any to draw."""
    return (benchmark.split, benchmark.shots_split) if shots and benchmark.shots_split else (benchmark.split,)


def read_all(
    benchmark: Benchmark, subset: str, shots: int, root: Path, from_hub: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """Split -> rows, of every split that is needed; raises UserError where rows or demonstrations are lacking."""
    found = {
        split: hub_rows(benchmark, subset, split) if from_hub else read_rows(benchmark, subset, split, root)
        for split in splits(benchmark, shots)
    }
    have = len(found.get(benchmark.shots_split or "", []))
    if benchmark.shots_split and have < shots:
        raise UserError(
            f"shots: {shots} are wanted of {benchmark.name}, but split {benchmark.shots_split}"
            f"{f' of {subset}' if subset else ''} has {have} rows to draw them from; use fewer"
        )
    return found
