"""Renders a table or figure by name from record files: what a workflow rule calls."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmv2.files import write_text
from mmv2.records import read_records
from mmv2.registry import entry
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.metrics import read_metrics
from mmv2.reporting.of_runs import RunFigureSpec, RunTableSpec, render_run_figure, render_run_table, save_figure
from mmv2.reporting.published import FOLDER, read_published
from mmv2.reporting.seeds import seeds_joined
from mmv2.reporting.style import style
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.variants import variant
from mmv2.reporting.writer import write_table


def render_table(
    name: str,
    shown_files: Sequence[Path],
    metrics_files: Sequence[Path],
    output_stem: Path,
    published_folder: Path = FOLDER,
) -> None:
    """Write a table as ``<output_stem>.csv``, ``.md`` and ``.tex``.

    Args:
        name: of a file in ``mmv2/reporting/tables``.
        shown_files: JSON lines of ``ResultRecord``; what the runs are, for a table of that (``render_run_table``).
        metrics_files: ``<run>/metrics.jsonl``; read only for tables that show them.
        output_stem: path without ending.
        published_folder: holds the paper's numbers.

    Raises:
        UserError: unknown name, damaged or missing records, none of the table's task.
    """
    spec: TableSpec = entry("table", name)
    if isinstance(spec, RunTableSpec):
        render_run_table(name, shown_files, output_stem, published_folder)
        return
    records = seeds_joined(read_records(shown_files))
    published = [read_published(published_folder / spec.published)] if spec.published else []
    metrics = [read_metrics(metrics_files)] if spec.metrics else []
    table = spec.build(records, *published, *metrics)
    caption = "\n\n".join(filter(None, [spec.caption, _seeds(records)]))
    write_table(table, spec.title, caption, output_stem, spec.decimals)


def render_figure(name: str, shown_files: Sequence[Path], metrics_files: Sequence[Path], output_stem: Path) -> None:
    """Write a figure as ``<output_stem>.png`` (200 dpi), ``.pdf`` and ``.svg``; caption, remark and runs as ``.txt``.

    Args:
        name: of a file in ``mmv2/reporting/figures``.
        shown_files: JSON lines of ``ResultRecord``; what the runs are, for a figure of that (``render_run_figure``).
        metrics_files: ``<run>/metrics.jsonl``; read only for figures that draw them.
        output_stem: path without ending.

    Raises:
        UserError: unknown name, damaged or missing files, no records that the figure needs.
    """
    spec: FigureSpec = entry("figure", name)
    if isinstance(spec, RunFigureSpec):
        render_run_figure(name, shown_files, output_stem)
        return
    records = seeds_joined(read_records(shown_files))
    metrics = [read_metrics(metrics_files)] if spec.metrics else []
    with style():
        save_figure(spec.draw(records, *metrics), name, output_stem)
    told = [f"{spec.title}. {spec.caption}", spec.remark(records, *metrics)]
    told += ["" if spec.metrics else _seeds(records), _scales(spec.shown(records, *metrics))]
    write_text(output_stem.with_name(output_stem.name + ".txt"), "\n\n".join(filter(None, told)) + "\n")


def _scales(records: pd.DataFrame) -> str:
    """What each run of a figure's records is and was trained on, a line per run."""
    runs = records.sort_values(["run", "step"]).drop_duplicates("run", keep="last")
    return "\n".join(
        f"{run['run']}: {', '.join([run['label'], *variant(run)])}, {run['num_parameters']:,} parameters, "
        f"data budget {run['budget']:g}, {run['tokens_seen']:,} training tokens at context {run['training_context']:,}"
        + ("" if pd.isna(run["init_from"]) else f", from {run['init_from']}")
        for _, run in runs.iterrows()
    )


def _seeds(records: pd.DataFrame) -> str:
    """What numbers of models with several training seeds are; nothing where there are none."""
    if records.groupby("run")["seed"].nunique().max() == 1:
        return ""
    return (
        "Of models trained with several seeds every number is a mean over seeds too, and its interval is over\n"
        "examples, which are drawn, and seeds, by Student's t."
    )
