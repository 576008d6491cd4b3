"""Tables and figures of what the runs themselves are, whatever they answer: models before training, and data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import matplotlib
from matplotlib.figure import Figure

from mmv2.config import ModelConfig, validate
from mmv2.data.document_lengths import read_document_lengths
from mmv2.errors import UserError
from mmv2.files import atomic, read_json, write_text
from mmv2.layers.flops import parameters
from mmv2.model.config import MosaicConfig
from mmv2.registry import architecture, entry
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.published import FOLDER, read_published
from mmv2.reporting.seeds import without_seed
from mmv2.reporting.style import style
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.writer import write_table

MadeOf = Literal["models", "documents"]


@dataclass(frozen=True)
class RunModel:
    """What a run trains."""

    run: str
    arch: str
    config: ModelConfig
    init_from: str | None

    @property
    def told(self) -> str:
        """The run and its model in a line."""
        spec = architecture(self.arch)
        size = f"{parameters(spec.build, self.config):,} parameters, context {self.config.max_seq_len:,}"
        return f"{self.run}: {spec.label_for(self.config)}, {size}"


def all_of(inputs: Sequence[Any]) -> Sequence[Any]:
    """Of a figure that shows whatever it is given."""
    return inputs


@dataclass(frozen=True, kw_only=True)
class RunTableSpec(TableSpec):
    """A table that ``build`` makes of models, as from ``read_models``, and the paper's facts, in place of records."""

    made_of: MadeOf = "models"


@dataclass(frozen=True, kw_only=True)
class RunFigureSpec(FigureSpec):
    """A figure that ``draw`` makes of models or documents, as from ``read_models`` or ``read_document_lengths``."""

    shown: Callable[..., Any] = all_of
    """Of the inputs those that ``draw`` draws. Raises UserError where there are none."""
    made_of: MadeOf = "models"


def read_models(files: Sequence[Path]) -> list[RunModel]:
    """The models that runs train, from ``final/config.json`` or copies of it; of several training seeds each one once.

    Raises:
        UserError: no file, or one that is missing, damaged or of an unknown architecture.
    """
    if not files:
        raise UserError("models: no file; name the final/config.json of the runs to show")
    return list(dict.fromkeys(_read_model(file) for file in files))


def _read_model(file: Path) -> RunModel:
    content = read_json(file)
    try:
        arch, model, origin = content["arch"], content["model"], content["provenance"]
        run, init_from = (name and without_seed(name, origin["seed"]) for name in (origin["run"], origin["init_from"]))
    except (KeyError, TypeError) as error:
        raise UserError(f"{file}: no config.json of a final/ folder ({error!r}); export the run again") from None
    try:
        cls = architecture(arch).config
    except UserError as error:
        raise UserError(f"{file}: arch: {error}") from None
    return RunModel(run, arch, validate(cls, model, file, "model"), init_from)


def of_mosaics(models: Sequence[RunModel]) -> list[RunModel]:
    """Those of Memory Mosaics v2; raises UserError when there is none."""
    found = [model for model in models if isinstance(model.config, MosaicConfig)]
    if not found:
        raise UserError(
            f"models: none of Memory Mosaics v2, only of {', '.join(sorted({model.arch for model in models}))}; "
            f"name such a run or leave this out"
        )
    return found


def mosaics(models: Sequence[RunModel]) -> list[tuple[MosaicConfig, list[str]]]:
    """The distinct models of Memory Mosaics v2 with the names of their runs; raises UserError when there is none."""
    found: dict[MosaicConfig, list[str]] = {}
    for model in of_mosaics(models):
        found.setdefault(cast(MosaicConfig, model.config), []).append(model.run)
    return list(found.items())


def runs_alike(names: Sequence[str]) -> str:
    """Runs that one row or panel is of, in words."""
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1} more"


def render_run_table(name: str, files: Sequence[Path], output_stem: Path, published_folder: Path = FOLDER) -> None:
    """Write a table of runs as ``<output_stem>.csv``, ``.md`` and ``.tex``; arguments as for ``render_run_figure``."""
    spec: RunTableSpec = entry("table", name)
    published = [read_published(published_folder / spec.published)] if spec.published else []
    write_table(
        spec.build(_read(spec.made_of, files), *published), spec.title, spec.caption, output_stem, spec.decimals
    )


def render_run_figure(name: str, files: Sequence[Path], output_stem: Path) -> None:
    """Write a figure of runs as ``<output_stem>.png`` (200 dpi), ``.pdf`` and ``.svg``; caption and runs as ``.txt``.

    Args:
        name: of a file in ``mmv2/reporting/figures``.
        files: what the figure is made of: ``final/config.json`` of runs, or lengths of documents of their corpora.
        output_stem: path without ending.

    Raises:
        UserError: unknown name, missing or damaged files, or none that the figure needs.
    """
    spec: RunFigureSpec = entry("figure", name)
    inputs = _read(spec.made_of, files)
    with style():
        save_figure(spec.draw(inputs), name, output_stem)
    told = [f"{spec.title}. {spec.caption}", spec.remark(inputs), "\n".join(one.told for one in spec.shown(inputs))]
    write_text(output_stem.with_name(output_stem.name + ".txt"), "\n\n".join(filter(None, told)) + "\n")


def _read(made_of: MadeOf, files: Sequence[Path]) -> Sequence[Any]:
    return read_models(files) if made_of == "models" else read_document_lengths(files)


_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    ".svg": {"Creator": None, "Date": None},
}
"""No dates and versions: the same inputs give the same bytes."""


def save_figure(figure: Figure, name: str, output_stem: Path) -> None:
    """Write a figure in every form, each atomically; text stays text, and names in the SVG are always the same."""
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        for ending, metadata in _METADATA.items():
            with atomic(output_stem.with_name(output_stem.name + ending)) as temporary:
                figure.savefig(temporary, format=ending[1:], metadata=metadata)
