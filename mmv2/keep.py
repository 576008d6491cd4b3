"""What of a finished suite stays in the repository: ``python -m mmv2.keep laptop`` copies it to ``results/measured``.

Tables, figures, claims and the config of every trained model, with what made them. Records, weights and data stay where
they are.
"""

import argparse
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmv2.errors import UserError
from mmv2.files import atomic, read_json, write_text
from mmv2.provenance import code_version
from mmv2.suites import SuiteConfig, load_suite

RESULTS = Path("results")
CONFIG = Path("workflow/config")
FORMS = {"tables": (".csv", ".md"), "figures": (".png", ".txt")}
"""The other forms are made of the same numbers."""


def keep(suite: SuiteConfig, runs: Sequence[str], results: Path, target: Path) -> None:
    """Copy a suite's small results, in place of what was kept of it before.

    Args:
        suite: what it shows; nothing else that lies in its folder is kept.
        runs: names of its runs.
        results: ``results/<suite>``, finished.
        target: ``results/measured/<suite>``.

    Raises:
        UserError: something is not there yet; nothing has changed then.
    """
    configs = {run: results / "runs" / run / "final" / "config.json" for run in runs}
    copies = {config: Path("runs") / f"{run}.json" for run, config in configs.items()}
    copies |= {results / name: name for name in _shown(suite)}
    for file in copies:
        if not file.is_file():
            raise UserError(f"{file}: not there; build suite {suite.name} to its end before it is kept")
    with atomic(target) as folder:
        for file, name in copies.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)
        records = [file for run in runs for file in sorted(results.glob(f"records/{run}/*/*.jsonl"))]
        write_text(folder / "made_with.md", made_with(suite.name, configs, records))


def _shown(suite: SuiteConfig) -> Iterator[Path]:
    for part, names in (("tables", suite.tables), ("figures", suite.figures)):
        for name in names:
            yield from (Path(part) / f"{name}{ending}" for ending in FORMS[part])
    if suite.claims:
        yield from (Path("claims.csv"), Path("claims.md"), Path("claims.json"))


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
        keep(suite, list(runs), RESULTS / name, RESULTS / "measured" / name)
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
