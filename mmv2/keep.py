"""What of a finished suite stays in the repository: ``python -m mmv2.keep laptop`` copies it to ``results/measured``.

Tables, figures, claims and the config of every trained model, with the command and the environments that made them.
Records, weights and data stay where they are.
"""

import argparse
import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

from mmv2.errors import UserError
from mmv2.files import atomic, read_json, write_text

RESULTS = Path("results")
MEASURED = RESULTS / "measured"
REFERENCES = "*.png *.txt *.csv *.md"
"""Of tables and figures; other forms are made of the same numbers."""
CLAIMS = ("claims.csv", "claims.md")


def keep(results: Path, target: Path) -> None:
    """Copy a suite's small results, in place of what was kept of it before.

    Args:
        results: ``results/<suite>``, finished.
        target: ``results/measured/<suite>``.

    Raises:
        UserError: the suite has no trained models, or nothing that was made of them.
    """
    configs = {file.parent.parent.name: file for file in sorted(results.glob("runs/*/final/config.json"))}
    shown = [
        file for part in ("tables", "figures") for end in REFERENCES.split() for file in (results / part).glob(end)
    ]
    if not configs or not shown:
        raise UserError(f"{results}: no {'figures and tables' if configs else 'trained models'}; build the suite first")
    with atomic(target) as folder:
        for run, config in configs.items():
            _copy(config, folder / "runs" / f"{run}.json")
        for file in [*shown, *(results / name for name in CLAIMS)]:
            if file.is_file():
                _copy(file, folder / file.relative_to(results))
        write_text(
            folder / "made_with.md", made_with(results.name, configs, sorted(results.glob("records/*/*/*.jsonl")))
        )


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)


def made_with(suite: str, configs: dict[str, Path], records: list[Path]) -> str:
    """The command, the environments of the trainings and the versions of the code that trained and that evaluated."""
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
    lines = [f"# How the results of suite {suite} were made", "", "```bash"]
    lines += [f"snakemake --cores all --config suite={suite}", f"make keep SUITE={suite}", "```", ""]
    lines += [f"- Trained in {place}: {', '.join(runs)}." for place, runs in trained.items()]
    lines += [f"- Evaluated in {place}: {number} files of records." for place, number in evaluated.items()]
    return "\n".join(lines) + "\n"


def _told(versions: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def main() -> None:
    """Keep one suite's results."""
    parser = argparse.ArgumentParser(prog="python -m mmv2.keep", description=__doc__)
    parser.add_argument("suite", help="name of a finished suite")
    suite = parser.parse_args().suite
    try:
        keep(RESULTS / suite, MEASURED / suite)
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
