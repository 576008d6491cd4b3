"""Where every table and figure of the paper is drawn, and where its picture or numbers lie: docs/paper_items.md.

``python -m mmv2.paper_items`` writes the page from the registries, the suites and the files of our reference runs;
``python -m mmv2.paper_items --check`` compares.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmv2.config import read_yaml
from mmv2.errors import UserError
from mmv2.files import write_text
from mmv2.registry import entries
from mmv2.reporting.published import FOLDER, PRINTED, read_published

PAGE = Path("docs") / "paper_items.md"
MEASURED = Path("results") / "measured"
SUITES = Path("workflow") / "config" / "suites"
ITEMS = {"table": range(1, 14), "figure": range(1, 15)}
"""Numbers of the paper's tables and figures."""
ENDINGS = {"table": "csv", "figure": "png"}
_TAKEN = (
    "the rows of public models, which the paper took from others; a suite that trains such a kind has measured ones"
)
PUBLISHED_ONLY = {
    "table07": _TAKEN,
    "table08": _TAKEN,
    "table11": "the rows of public models, whose weights are not evaluated here; ours stand beside them",
}
"""What of an item is shown as the paper printed it and measured by no run of ours, and why."""
_HEAD = """# The paper's tables and figures

Made by `python -m mmv2.paper_items`; a test compares it. Of each item of the paper (arXiv 2507.03285): the file that
draws it; the paper's own numbers, which stand beside ours ("only a picture": its values are not known); what our
reference runs gave; and the suites that ask for it. Curves and pictures of the paper are not copied.

| item | drawn by | the paper's numbers | measured | suites |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Item:
    """One table or figure of the paper."""

    kind: str
    number: int
    module: str
    title: str
    published: Path | None
    measured: tuple[Path, ...]
    suites: tuple[str, ...]

    @property
    def row(self) -> str:
        """Its line of the page."""
        code = Path("mmv2") / "reporting" / f"{self.kind}s" / f"{self.module}.py"
        paper = _link(self.published, self.published.name) if self.published else self._unpublished
        measured = ", ".join(_link(file, file.parts[len(MEASURED.parts)]) for file in self.measured) or "not yet"
        only = PUBLISHED_ONLY.get(f"{self.kind}{self.number:02}")
        name = f"{self.kind.capitalize()} {self.number}"
        cells = [
            f"{name}: {self.title.removesuffix(f' ({name})')}",
            _link(code, code.name),
            paper + (f"; published fact only: {only}" if only else ""),
            measured,
            ", ".join(self.suites) or "none yet",
        ]
        return f"| {' | '.join(cells)} |"

    @property
    def _unpublished(self) -> str:
        return "only a picture" if self.kind == "figure" else "none"


def items(root: Path) -> list[Item]:
    """Every table and figure of the paper, in order.

    Args:
        root: of the repository.

    Raises:
        UserError: one that no module draws.
    """
    asked = {path.stem: read_yaml(path) for path in sorted((root / SUITES).glob("*.yaml"))}
    found = []
    for kind, numbers in ITEMS.items():
        for number in numbers:
            found += list(_items_of(kind, number, root, asked))
    return found


def _items_of(kind: str, number: int, root: Path, asked: dict[str, dict[str, list[str]]]) -> Iterator[Item]:
    modules = {name: spec for name, spec in entries(kind).items() if name.startswith(f"{kind}{number:02}_")}
    if not modules:
        raise UserError(f"mmv2/reporting/{kind}s: no module {kind}{number:02}_*; the paper's {kind} {number} needs one")
    for name, spec in modules.items():
        suites = tuple(suite for suite, content in asked.items() if name in content.get(f"{kind}s", ()))
        published = _published(root, kind, number, spec)
        files = sorted((root / MEASURED).glob(f"*/{kind}s/{name}.{ENDINGS[kind]}"))
        measured = tuple(file.relative_to(root) for file in files)
        yield Item(kind, number, name, spec.title, published, measured, suites)


def _published(root: Path, kind: str, number: int, spec: Any) -> Path | None:
    """The file with its numbers; of a figure those that it prints beside its curves."""
    if kind == "table":
        return FOLDER / spec.published if spec.published else None
    printed = set(read_published(root / FOLDER / PRINTED)["figure"])
    return FOLDER / PRINTED if f"figure{number:02}" in printed else None


def _link(file: Path, text: str) -> str:
    """From the page to a file of the repository."""
    return f"[{text}](../{file.as_posix()})"


def page(root: Path = Path()) -> str:
    """The text of docs/paper_items.md."""
    return _HEAD + "".join(f"{item.row}\n" for item in items(root))


def main() -> None:
    """Write the page, or with ``--check`` end with status 1 where it is not what the repository holds."""
    parser = argparse.ArgumentParser(prog="python -m mmv2.paper_items", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, tell whether the page is up to date")
    options = parser.parse_args()
    try:
        text = page()
        if not options.check:
            write_text(PAGE, text)
        elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
            raise UserError(f"{PAGE}: is not what the repository holds; run python -m mmv2.paper_items")
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
