"""What the report page shows, read from the files that the other steps of a suite wrote."""

import re
import xml.etree.ElementTree as xml
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from mmv2.errors import UserError

_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_PIXELS = 96 / 72
"""Per point, in which a figure has its size."""
xml.register_namespace("", _SVG[1:-1])
xml.register_namespace("xlink", "http://www.w3.org/1999/xlink")


@dataclass(frozen=True)
class Table:
    """A table as ``write_table`` wrote it for people."""

    name: str
    title: str
    caption: list[str]
    """Paragraphs."""
    header: list[str]
    numeric: list[bool]
    """Per column."""
    rows: list[list[str]]

    @property
    def records(self) -> list[dict[str, str]]:
        """Cells by the name of their column."""
        return [dict(zip(self.header, cells, strict=True)) for cells in self.rows]

    def without(self, names: Collection[str]) -> "Table":
        """The table without these columns, where it has them."""
        kept = [place for place, name in enumerate(self.header) if name not in names]
        return replace(
            self,
            header=[self.header[place] for place in kept],
            numeric=[self.numeric[place] for place in kept],
            rows=[[cells[place] for place in kept] for cells in self.rows],
        )


def read_table(file: Path) -> Table:
    """Read the Markdown form of a table; raises UserError when it is missing or of another form."""
    lines = _text(file).splitlines()
    place = next((number for number, line in enumerate(lines) if line.startswith("|")), len(lines))
    header, rule, *rows = [_cells(line) for line in lines[place:] if line] or [[], []]
    if not lines or not lines[0].startswith("## ") or not header or any(len(row) != len(header) for row in rows):
        raise UserError(f"{file}: no table with a title as the suite writes it; render it again")
    caption = "\n".join(lines[1:place]).strip().split("\n\n")
    numeric = [cell.endswith(":") for cell in rule]
    return Table(
        file.stem, lines[0].removeprefix("## "), [" ".join(one.split()) for one in caption], header, numeric, rows
    )


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@dataclass(frozen=True)
class Figure:
    """A figure as ``render_figure`` wrote it."""

    name: str
    title: str
    caption: str
    runs: list[str]
    """A line per run that it draws."""
    drawing: str
    """The ``svg`` element, with text as text and names that no other figure has."""
    width: int
    """On the page, in pixels."""


def read_figure(file: Path) -> Figure:
    """Read an SVG and the text beside it; raises UserError when one is missing or damaged, or loads other files."""
    try:
        root = xml.fromstring(_text(file))
    except xml.ParseError as error:
        raise UserError(f"{file}: no SVG ({error}); render the figure again") from None
    if root.tag != f"{_SVG}svg" or not root.get("width", "").endswith("pt"):
        raise UserError(f"{file}: no SVG as the suite writes it; render the figure again")
    told, _, runs = _text(file.with_suffix(".txt")).strip().partition("\n\n")
    *captions, runs = [told, *runs.split("\n\n")]
    title, _, caption = " ".join(" ".join(captions).split()).partition(". ")
    width = round(_PIXELS * float(root.attrib["width"].removesuffix("pt")))
    _make_part_of_a_page(root, file)
    return Figure(file.stem, title, caption, runs.splitlines(), xml.tostring(root, encoding="unicode"), width)


def _make_part_of_a_page(root: xml.Element, file: Path) -> None:
    """Drop what speaks of the whole file, and keep only names that are used, with that of the figure before them."""
    for size in ("width", "height"):  # the page's style gives them
        root.attrib.pop(size, None)
    for metadata in root.findall(f"{_SVG}metadata"):
        root.remove(metadata)
    for definitions in root.findall(f"{_SVG}defs"):
        for sheet in definitions.findall(f"{_SVG}style"):
            definitions.remove(sheet)  # its rules would hold for the page; the page has them for figures
    used = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == _LINK and not value.startswith(("#", "data:")):
                raise UserError(f"{file}: loads {value}; a report needs nothing else: render the figure again")
            names = re.findall(r"url\(#([^)]+)\)", value) + ([value[1:]] if key == _LINK and value[0] == "#" else [])
            for name in names:
                element.set(key, element.attrib[key].replace(f"#{name}", f"#{file.stem}-{name}"))
            used.update(names)
    for element in root.iter():
        own = element.attrib.pop("id", "")
        if own in used:
            element.set("id", f"{file.stem}-{own}")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; let the suite render it") from None


def read_decisions(file: Path) -> dict[str, list[str]]:
    """The headings of docs/decisions.md: chapter -> decisions; raises UserError when it is missing."""
    chapters: dict[str, list[str]] = {}
    for line in _text(file).splitlines():
        if line.startswith("## "):
            chapters[line.removeprefix("## ").strip()] = []
        elif line.startswith("### ") and chapters:
            chapters[next(reversed(chapters))].append(line.removeprefix("### ").strip())
    return chapters
