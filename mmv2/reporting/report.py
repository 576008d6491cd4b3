"""The report of a suite: one HTML page that needs nothing else, with the verdicts first.

Figures are inside it, tables are real tables; it asks no network, runs no script, and is readable on a phone and in
print. The same input files give the same bytes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from mmv2.errors import UserError
from mmv2.files import write_text
from mmv2.reporting.claims_page import ClaimsPage, Judged, read_page
from mmv2.reporting.report_inputs import Figure, Table, read_decisions, read_figure, read_table
from mmv2.reporting.report_runs import TrainedModel, read_run, total, trained_models
from mmv2.reporting.tables._rows import SCALE
from mmv2.reporting.verdict import points

SIGNS = {"reproduced": "✓", "not reproduced": "✗", "inconclusive": "?"}
"""A verdict is told by word and sign; colour only repeats it."""
ELSEWHERE = set(SCALE) - {"budget"}
"""Columns that the page leaves out of its tables: they stand in that of the runs, and in the CSV files."""
SIZE = "parameters"
"""The one among them that stays where it tells models of one name apart."""
SECTIONS = {
    "Persistent knowledge": ("table01", "table02", "table09"),
    "New knowledge": (
        *("table03", "table04", "table05", "table07", "table08", "table10", "table11", "table13", "table_ruler"),
        *("figure08", "figure12", "ruler"),
    ),
    "In-context learning": (
        *("table_many_shot", "in_context"),
        *("figure03", "figure04", "figure06", "figure07", "figure13", "figure14"),
    ),
    "Where models look": ("figure01", "attention", "memory"),
    "Ablations": ("table12", "figure05", "ablation", "parts_"),
    "The model": ("table06", "figure02", "figure09", "figure11"),
    "Training": ("training", "search", "table_search", "figure10"),
    "Further results": ("",),
}
"""Heading -> how the names of its tables and figures begin; the first that fits counts."""
DIMENSIONS = {
    "persistent knowledge": "Persistent knowledge",
    "new knowledge": "New knowledge",
    "in-context learning": "In-context learning",
    "architecture": "Further results",
}
INTRODUCTIONS = {
    "Persistent knowledge": "What a model remembers from training, and which benchmarks need more than that.",
    "New knowledge": "Questions about documents that stand in the prompt and nowhere in the training data.",
    "In-context learning": "Classes learnt from demonstrations in the prompt, with labels of meaning and without, and "
    "other tasks that examples show.",
    "Where models look": "Attention of a prompt's last token, and the learned numbers that shape it.",
    "Ablations": "What the results owe to one part of the recipe.",
}


@dataclass
class Section:
    """One heading with all that stands below it."""

    title: str
    introduction: str
    claims: list[Judged] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(" ", "-")

    @property
    def empty(self) -> bool:
        return not (self.claims or self.figures or self.tables)


def render_report(
    suite: str,
    claims_file: Path | None,
    table_files: Sequence[Path],
    figure_files: Sequence[Path],
    run_folders: Sequence[Path],
    decisions_file: Path,
    output: Path,
) -> None:
    """Write the report.

    Args:
        suite: its name.
        claims_file: the JSON that ``render_claims`` wrote; None for a suite without claims.
        table_files: the Markdown form of each table, in the order shown.
        figure_files: the SVG of each figure, its ``.txt`` beside it, in the order shown.
        run_folders: of every run, with ``final/config.json`` and ``metrics.jsonl``.
        decisions_file: docs/decisions.md.
        output: the HTML file.

    Raises:
        UserError: an input is missing or damaged.
    """
    if not run_folders:
        raise UserError("report: no run; give it the folder of at least one")
    page = read_page(claims_file) if claims_file else None
    tables = [narrow(read_table(file)) for file in table_files]
    figures = [read_figure(file) for file in figure_files]
    sections = _sections(page, tables, figures)
    runs = [read_run(folder) for folder in run_folders]
    models = trained_models(runs)
    environment = Environment(
        loader=PackageLoader("mmv2.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": points, "thousands": "{:,}".format, "duration": _duration, "place": _place}
    text = environment.get_template("report.html.j2").render(
        suite=suite,
        page=page,
        signs=SIGNS,
        evidence=_evidence(page, [*tables, *figures]),
        counts=_counts(page),
        sections=[one for title, one in sections.items() if title != "Training" and not one.empty],
        training=sections["Training"],
        models=models,
        runs=runs,
        total=total,
        environments=_environments(models),
        decisions=read_decisions(decisions_file),
    )
    write_text(output, text)


def _sections(page: ClaimsPage | None, tables: Sequence[Table], figures: Sequence[Figure]) -> Mapping[str, Section]:
    sections = {title: Section(title, INTRODUCTIONS.get(title, "")) for title in SECTIONS}
    for claim in page.claims if page else ():
        sections[DIMENSIONS[claim.dimension]].claims.append(claim)
    for table in tables:
        sections[section(table.name)].tables.append(table)
    for figure in figures:
        sections[section(figure.name)].figures.append(figure)
    return sections


def section(name: str) -> str:
    """The heading under which a table or figure stands."""
    return next(title for title, beginnings in SECTIONS.items() if name.startswith(beginnings))


def _evidence(page: ClaimsPage | None, shown: Sequence[Table | Figure]) -> dict[str, list[Table | Figure]]:
    """Claim -> those tables and figures of the page that its place in the paper names, such as Tables 1 and 2."""
    found = {}
    for claim in page.claims if page else ():
        named = re.findall(r"(Table|Figure)s? (\d+(?:(?:, | and | to )\d+)*)", claim.place)
        beginnings = tuple(f"{kind.lower()}{int(number):02}" for kind, all_of in named for number in numbers(all_of))
        found[claim.name] = [one for one in shown if beginnings and one.name.startswith(beginnings)]
    return found


def numbers(words: str) -> list[int]:
    """Those that words such as ``1 and 2`` or ``3 to 5, 7`` name."""
    found: list[int] = []
    for part in re.split(r", | and ", words):
        first, *last = map(int, part.split(" to "))
        found += range(first, (last or [first])[0] + 1)
    return found


def _counts(page: ClaimsPage | None) -> dict[str, int]:
    """How many claims have each verdict."""
    found: list[str] = [claim.verdict.status for claim in page.claims] if page else []
    return {status: found.count(status) for status in SIGNS}


def narrow(table: Table) -> Table:
    """Without the columns that stand elsewhere, but with the size where a table has two of a model."""
    sizes = {(row["model"], row[SIZE]) for row in table.records if row.get(SIZE)}
    several = len({name for name, _ in sizes}) < len(sizes)
    return table.without(ELSEWHERE - ({SIZE} if several else set()))


def _environments(models: Sequence[TrainedModel]) -> dict[str, list[str]]:
    """Each environment in words -> what was trained in it."""
    found: dict[str, list[str]] = {}
    for model in models:
        for run in model.runs:
            versions = {**run.provenance["environment"], "device": run.device, "code": run.provenance["code_version"]}
            here = found.setdefault(", ".join(f"{name} {version}" for name, version in versions.items()), [])
            if model.name not in here:
                here.append(model.name)
    return found


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _place(name: str) -> str:
    """Table 4 of table04_ruler_qa_finetuned."""
    found = re.match(r"(table|figure)(\d+)", name)
    assert found, name
    return f"{found[1].capitalize()} {int(found[2])}"
