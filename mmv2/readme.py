"""README's numbers, from the files of our reference runs.

``python -m mmv2.readme`` fills them in, ``python -m mmv2.readme --check`` compares.

A marked place is ``<!-- measured: NAME -->`` and ``<!-- end -->``, each on a line of its own; what stands between them
is made here, never by hand.
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mmv2.errors import UserError, choices
from mmv2.files import write_text
from mmv2.reporting.claims_page import read_page

README = Path("README.md")
MEASURED = Path("results/measured")
SUITES = ("laptop_full", "laptop")
"""Reference runs that README tells, the first that is there."""
_PLACE = re.compile(r"(?<=<!-- measured: )(\w+)( -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)


def suite_folder(measured: Path = MEASURED) -> Path:
    """Folder of the reference results; raises UserError when there are none."""
    for name in SUITES:
        if (measured / name / "claims.json").is_file():
            return measured / name
    raise UserError(f"{measured}: no claims.json of {' or '.join(SUITES)}; run make keep SUITE={SUITES[0]}")


def claims(folder: Path) -> str:
    """The verdicts: how many of each, what is left with a correction, and a row per claim."""
    page = read_page(folder / "claims.json")
    count = Counter(claim.verdict.status for claim in page.claims)
    told = ", ".join(f"{number} {verdict}" for verdict, number in sorted(count.items(), key=lambda one: (-one[1], one)))
    lines = [
        f"Suite `{folder.name}`, {len(page.claims)} claims and open questions of the paper: {told}. What decided each",
        f"with 95 % intervals; all comparisons, all rules: [claims.md]({MEASURED.as_posix()}/{folder.name}/claims.md).",
        f"Of the comparisons {page.correction}",
        "",
        "| the paper | published | verdict | measured |",
        "| --- | --- | --- | --- |",
    ]
    for claim in page.claims:
        cells = (claim.statement, claim.published, claim.verdict.status, claim.verdict.reason)
        lines.append(f"| {' | '.join(map(_escaped, cells))} |")
    return "\n".join(lines) + "\n"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


PLACES: dict[str, Callable[[Path], str]] = {"claims": claims}
"""Name of a marked place -> what stands there."""


def filled(text: str, folder: Path) -> str:
    """The text with every marked place made anew from the files of a suite.

    Raises:
        UserError: no marked place, an unknown one, or one without an end.
    """
    names = [found[1] for found in _PLACE.finditer(text)]
    if not names or len(names) != text.count("<!-- measured: "):
        raise UserError(f"{README}: needs <!-- measured: NAME --> and <!-- end -->, each on a line of its own")
    for name in names:
        if name not in PLACES:
            raise UserError(f"{README}: no measured place {name!r}; {choices(name, PLACES)}")
    return _PLACE.sub(lambda found: f"{found[1]}{found[2]}{PLACES[found[1]](folder)}", text)


def main() -> None:
    """Fill README in, or with ``--check`` end with status 1 where it does not say what the files say."""
    parser = argparse.ArgumentParser(prog="python -m mmv2.readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, tell whether README is up to date")
    options = parser.parse_args()
    try:
        before = README.read_text(encoding="utf-8")
        after = filled(before, suite_folder())
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
    if options.check and before != after:
        raise SystemExit(f"error: {README}: is not what {suite_folder()} says; run python -m mmv2.readme")
    if not options.check:
        write_text(README, after)


if __name__ == "__main__":
    main()
