"""Judges claims of the paper from record files and writes the page of verdicts: what a workflow rule calls.

Beside the page for people stands ``<stem>.json`` with every number, from which the report is made.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mmv2.config import Config, validate
from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.files import read_json, write_json
from mmv2.records import read_records
from mmv2.registry import entry
from mmv2.reporting.claims import ClaimSpec, Dimension
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.published import FOLDER
from mmv2.reporting.seeds import seeds_joined
from mmv2.reporting.verdict import RULES, Comparison, Verdict, corrected, points
from mmv2.reporting.writer import write_table


class Judged(Config):
    """One claim with its verdict."""

    name: str
    title: str
    statement: str
    place: str
    dimension: Dimension
    rule: str
    verdict: Verdict
    published_files: tuple[str, ...]
    open_question: bool = False

    @property
    def sources(self) -> list[str]:
        """The files that the verdict comes from, the paper's first."""
        return [*self.published_files, *sorted({file for one in self.verdict.comparisons for file in one.files})]

    @property
    def published(self) -> str:
        """The paper's numbers beside the comparisons that decide, in words; without any of them, of the others."""
        told = [_published(one) for one in self.verdict.deciding if one.published]
        told = told or [_published(one) for one in self.verdict.comparisons if one.published]
        told = told or [", ".join(theirs for _, _, theirs in self.verdict.counts)]
        return f"{'; '.join(filter(None, told)) or self._unpublished} ({self.place})"

    @property
    def _unpublished(self) -> str:
        return "left open" if self.open_question else "only a picture"


class ClaimsPage(Config):
    """All that the page of verdicts says."""

    claims: tuple[Judged, ...]
    rules: tuple[str, ...]
    training_seeds: tuple[int, ...]
    data: dict[str, tuple[str, ...]]
    """Task -> SHA-256 of its frozen data."""
    code_versions: tuple[str, ...]
    """Of the code that evaluated."""
    devices: tuple[str, ...]

    @property
    def comparisons(self) -> list[Comparison]:
        """Those that were judged."""
        every = (comparison for claim in self.claims for comparison in claim.verdict.comparisons)
        return [comparison for comparison in every if comparison.finding is not None]

    @property
    def count(self) -> str:
        """How many comparisons the page makes, and what the intervals do not hold."""
        one = sum(comparison.num_seeds == 1 for comparison in self.comparisons)
        seeds = (
            f"{one} of them on one training seed, so that the variance between trainings is NOT in their intervals"
            if one or not self.comparisons
            else f"each on {min(found.num_seeds for found in self.comparisons)} training seeds or more, so that the "
            "variance between trainings is in all intervals"
        )
        asked = sum(claim.open_question for claim in self.claims)
        claims = f"{len(self.claims) - asked} claims" + (f" and {asked} open question{'s' * (asked > 1)}" * bool(asked))
        return f"{claims}, {len(self.comparisons)} comparisons; {seeds}. {self.correction}"

    @property
    def correction(self) -> str:
        """How many comparisons hold where this scale can tell, and which of them not with Holm's correction."""
        holding = [
            (f"{claim.name}: {one.name}", survives)
            for claim, one, survives in zip(self._claims, self.comparisons, corrected(self.comparisons), strict=True)
            if one.finding == "holds" and all(condition.met for condition in claim.verdict.conditions)
        ]
        lost = [name for name, survives in holding if not survives]
        told = f" Not so: {'; '.join(lost)}." if lost else ""
        kept = len(holding) - len(lost)
        return f"{len(holding)} hold where this scale can tell, {kept} of them with Holm's correction for all.{told}"

    @property
    def _claims(self) -> list[Judged]:
        """Of each judged comparison."""
        return [claim for claim in self.claims for one in claim.verdict.comparisons if one.finding is not None]


def render_claims(
    names: Sequence[str], record_files: Sequence[Path], output_stem: Path, published_folder: Path = FOLDER
) -> None:
    """Write the verdicts as ``<output_stem>.csv``, ``.md``, ``.tex`` (a row per claim) and ``.json`` (every number).

    Args:
        names: of files in ``mmv2/reporting/claims``, in the order shown.
        record_files: JSON lines of ``ResultRecord``, of every run that the claims are about.
        output_stem: path without ending.
        published_folder: holds the paper's numbers.

    Raises:
        UserError: an unknown name, damaged or missing files, or records that lack what a claim compares; the line
            begins with the claim's name.
    """
    specs: dict[str, ClaimSpec] = {name: entry("claim", name) for name in names}
    if not specs:
        raise UserError("claims: none given; name at least one, or leave the page of verdicts out")
    records = seeds_joined(read_records(record_files))
    evidence = Evidence(records, published_folder)
    page = ClaimsPage(
        claims=tuple(_judged(name, spec, evidence) for name, spec in specs.items()),
        rules=RULES,
        training_seeds=tuple(sorted(int(seed) for seed in records["seed"].unique())),
        data={str(task): tuple(sorted(of_task["data_hash"].unique())) for task, of_task in records.groupby("task")},
        code_versions=tuple(sorted(records["code_version"].unique())),
        devices=tuple(sorted(records["device"].unique())),
    )
    write_json(output_stem.with_name(output_stem.name + ".json"), page.model_dump(mode="json"))
    write_table(_table(page), "Claims of the paper", "\n\n".join([page.count, *page.rules]), output_stem)


def read_page(file: Path) -> ClaimsPage:
    """Read what ``render_claims`` wrote as JSON; raises UserError when it is missing or damaged."""
    content = read_json(file)
    if not isinstance(content, dict):
        raise UserError(f"{file}: holds no mapping of keys to values; render the claims again")
    return validate(ClaimsPage, content, file)


def _judged(name: str, spec: ClaimSpec, evidence: Evidence) -> Judged:
    try:
        verdict = spec.judge(evidence)
    except UserError as error:
        raise UserError(f"claim {name}: {error}") from None
    return Judged(
        name=name,
        title=spec.title,
        statement=spec.statement,
        place=spec.place,
        dimension=spec.dimension,
        rule=" ".join(spec.rule.split()),
        verdict=verdict,
        published_files=tuple(str(evidence.published_folder / file) for file in spec.published),
        open_question=spec.open_question,
    )


def _table(page: ClaimsPage) -> pd.DataFrame:
    """A row per claim; the first of the comparisons that decide stands in columns of its own, all stand in words."""
    return pd.DataFrame([_row(claim) for claim in page.claims], dtype=object)


def _row(claim: Judged) -> dict[str, Any]:
    verdict = claim.verdict
    first = next(iter(verdict.deciding), None)
    told = [f"{one.text} ({_found(one)})" for one in verdict.comparisons]
    told += [f"{what}: {ours}" for what, ours, _ in verdict.counts]
    return {
        "claim": claim.name,
        "the paper": claim.statement,
        "published": claim.published,
        "measured": Interval(first.mean, first.low, first.high, first.num_examples) if first else None,
        "unit": first.unit if first else None,
        "examples": first.num_examples if first else None,
        "training seeds": first.num_seeds if first else None,
        "verdict": verdict.status,
        "reason": verdict.reason,
        "all comparisons": "; ".join(told),
        "rule": claim.rule,
        "sources": ", ".join(claim.sources),
    }


def _published(one: Comparison) -> str:
    numbers = ", ".join(f"{size} {points(number)}" for size, number in one.published.items())
    return f"{one.published_name}: {numbers} {one.unit}"


def _found(one: Comparison) -> str:
    return "told" if one.finding is None else f"{one.finding}, p = {one.p:.2g}"
