"""What the report page shows, read from the files that the other steps of a suite wrote."""

import base64
import re
import struct
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.registry import architecture
from mmv2.reporting.metrics import read_metrics
from mmv2.reporting.search import last_loss

_DOTS_PER_PIXEL = 2
"""Figures have 200 dots per inch, a page 96 or so."""


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
    image: str
    """The PNG as base64."""
    width: int
    """On the page, in pixels."""
    height: int


def read_figure(file: Path) -> Figure:
    """Read a PNG and the text beside it; raises UserError when one is missing or damaged."""
    if not file.is_file():
        raise UserError(f"{file}: no such file; render the figure")
    content = file.read_bytes()
    if content[:8] != b"\x89PNG\r\n\x1a\n" or content[12:16] != b"IHDR":
        raise UserError(f"{file}: no PNG; render the figure again")
    width, height = struct.unpack(">II", content[16:24])
    told, _, runs = _text(file.with_suffix(".txt")).strip().partition("\n\n")
    *captions, runs = [told, *runs.split("\n\n")]
    title, _, caption = " ".join(" ".join(captions).split()).partition(". ")
    image = base64.b64encode(content).decode()
    return Figure(
        file.stem, title, caption, runs.splitlines(), image, width // _DOTS_PER_PIXEL, height // _DOTS_PER_PIXEL
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; let the suite render it") from None


@dataclass(frozen=True)
class Run:
    """What one training was and what it cost."""

    name: str
    label: str
    parameters: int
    budget: float
    context: int
    origin: str
    """The run whose weights it started from, or empty."""
    seed: int
    steps: int
    tokens: int
    seconds: float
    flops: float
    """Of the training: three times the forward FLOPs, for forward and backward pass."""
    loss: float
    """Mean over the last tenth of the steps."""
    device: str
    provenance: dict[str, Any]
    hashes: dict[str, str]


def read_run(folder: Path) -> Run:
    """Read ``final/config.json`` and ``metrics.jsonl`` of a run; raises UserError for missing or damaged files."""
    from mmv2.final import read_final_config  # it imports torch, which other pages do not need
    from mmv2.layers.flops import parameters

    final = read_final_config(folder / "final")
    spec = architecture(final.arch)
    model = validate(spec.config, final.model, folder / "final" / "config.json", "model")
    metrics = read_metrics([folder / "metrics.jsonl"])
    origin = final.provenance
    tokens = int(metrics["tokens_seen"].iloc[-1])
    hashes = {"weights": final.weights_sha256, "tokenizer": final.tokenizer_sha256}
    return Run(
        name=str(origin["run"]),
        label=spec.label_for(model),
        parameters=parameters(spec.build, model),
        budget=float(origin["budget"]),
        context=model.max_seq_len,
        origin=origin["init_from"] or "",
        seed=int(origin["seed"]),
        steps=int(metrics["step"].iloc[-1]),
        tokens=tokens,
        seconds=_seconds(metrics),
        flops=3.0 * tokens * spec.flops_per_token(model, model.max_seq_len),
        loss=last_loss(metrics, folder.name),
        device=str(origin.get("device", "")),
        provenance=origin,
        hashes={"fingerprint": str(origin["fingerprint"]), "corpus": str(origin["corpus"]), **hashes},
    )


def _seconds(metrics: pd.DataFrame) -> float:
    """Time in training steps, without evaluation, checkpoints and start-up."""
    return float((metrics["tokens_seen"].diff().fillna(metrics["tokens_seen"]) / metrics["tokens_per_second"]).sum())


def read_decisions(file: Path) -> dict[str, list[str]]:
    """The headings of docs/decisions.md: chapter -> decisions; raises UserError when it is missing."""
    chapters: dict[str, list[str]] = {}
    for line in _text(file).splitlines():
        if line.startswith("## "):
            chapters[line.removeprefix("## ").strip()] = []
        elif line.startswith("### ") and chapters:
            chapters[next(reversed(chapters))].append(line.removeprefix("### ").strip())
    return chapters
