"""What of a finished suite stays in the repository: ``python -m mmv2.keep laptop`` copies it to ``results/measured``.

Tables, figures, claims and the config of every trained model, with what made them. Records, weights and data stay where
they are.
"""

import argparse
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmv2.errors import UserError
from mmv2.files import atomic, read_json, write_text
from mmv2.provenance import code_version
from mmv2.runs import RunConfig
from mmv2.suites import SuiteConfig, load_suite, made_of, record_files

RESULTS = Path("results")
CONFIG = Path("workflow/config")
FORMS = {"table": (".csv", ".md"), "figure": (".png", ".txt")}
"""The other forms are made of the same numbers."""


def keep(suite: SuiteConfig, runs: Mapping[str, RunConfig], results: Path, target: Path) -> None:
    """Copy a suite's small results, in place of what was kept of it before.

    Args:
        suite: what it asks and shows; nothing else that lies in its folder is kept or counted.
        runs: its runs, by name.
        results: ``results/<suite>``, finished.
        target: ``results/measured/<suite>``.

    Raises:
        UserError: something is not there yet, or records came after what is made of them; nothing has changed then.
    """
    configs = {run: results / "runs" / run / "final" / "config.json" for run in runs}
    shown = dict(_shown(suite))
    copies = {config: Path("runs") / f"{run}.json" for run, config in configs.items()}
    copies |= {results / name: name for name in shown}
    records = [results / file for run in runs.values() for file in record_files(suite, run)]
    for file in (*copies, *records):
        if not file.is_file():
            raise UserError(f"{file}: not there; build suite {suite.name} to its end before it is kept")
    _check_made_of(records, [results / name for name, made in shown.items() if made == "records"], suite.name)
    with atomic(target) as folder:
        for file, name in copies.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)
        write_text(folder / "made_with.md", made_with(suite.name, configs, records))


def _shown(suite: SuiteConfig) -> Iterator[tuple[Path, str]]:
    """The files that are kept of what a suite shows, and what each is made of (``made_of``)."""
    for kind, names in (("table", suite.tables), ("figure", suite.figures)):
        for name in names:
            yield from ((Path(f"{kind}s") / f"{name}{ending}", made_of(kind, name)) for ending in FORMS[kind])
    if suite.claims:
        yield from ((Path(f"claims{ending}"), "records") for ending in (".csv", ".md", ".json"))


def _check_made_of(records: Sequence[Path], shown: Sequence[Path], suite: str) -> None:
    """Raise UserError where a file is older than any of the records."""
    newest = max(records, key=lambda file: file.stat().st_mtime_ns)
    for file in shown:
        if file.stat().st_mtime_ns < newest.stat().st_mtime_ns:
            raise UserError(f"{file}: older than {newest}; build suite {suite} to its end before it is kept")


def made_with(suite: str, configs: dict[str, Path], records: Sequence[Path]) -> str:
    """The suite's file, the environments in which runs were exported, and the code that evaluated and that keeps."""
    trained: defaultdict[str, list[str]] = defaultdict(list)
    evaluated: defaultdict[str, int] = defaultdict(int)
    for run, config in configs.items():
        origin = read_json(config)["provenance"]
        trained[_told({**origin["environment"], "device": origin["device"], "code": origin["code_version"]})].append(
            run
        )
    for file in records:
        with file.open(encoding="utf-8") as opened:
            first = json.loads(next(opened))
        evaluated[_told({"device": first["device"], "code": first["code_version"]})] += 1
    lines = [f"# What made the results of suite {suite}", ""]
    lines += [f"- The suite's file, whose head tells what it needs: `{CONFIG}/suites/{suite}.yaml`."]
    lines += [f"- Exported after training in {place}: {', '.join(these)}." for place, these in trained.items()]
    lines += [f"- Evaluated in {place}: {number} files of records." for place, number in evaluated.items()]
    lines += [f"- Kept, with tables, figures and verdicts as they were then, in code {code_version()}."]
    return "\n".join(lines) + "\n"


def _told(versions: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def main() -> None:
    """Keep one suite's results."""
    parser = argparse.ArgumentParser(prog="python -m mmv2.keep", description=__doc__)
    parser.add_argument("suite", help="name of a finished suite")
    name = parser.parse_args().suite
    try:
        suite, runs = load_suite(CONFIG / "suites" / f"{name}.yaml", CONFIG / "runs")
        keep(suite, runs, RESULTS / name, RESULTS / "measured" / name)
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
