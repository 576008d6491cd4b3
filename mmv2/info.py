"""Parameters, FLOPs per token and decoding memory of every architecture, without training or weights: ``mmv2 info``.

Also the six numbers of Table 2 that follow from the architecture alone, computed beside the published ones.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmv2.config import ModelConfig
from mmv2.errors import UserError, choices
from mmv2.layers.flops import parameters
from mmv2.registry import ArchitectureSpec, architecture, architectures
from mmv2.reporting.published import FOLDER, read_published
from mmv2.runs import load_run

PUBLISHED_TABLE_2 = FOLDER / "table02_persistent_13_without_long_term.csv"
TABLE_2_CONTEXT = 256
"""Context length at which the paper counts FLOPs."""
BYTES_PER_NUMBER = 2
"""Decoding states are counted in bfloat16."""
DEFAULT_CONTEXTS = (1, 8, 16)
"""In training contexts: trained, fine-tuned, and the longest evaluation."""


@dataclass(frozen=True)
class Size:
    """One model configuration under a name."""

    spec: ArchitectureSpec
    name: str
    config: ModelConfig

    @property
    def label(self) -> str:
        return self.spec.label_for(self.config)

    @property
    def parameters(self) -> int:
        return parameters(self.spec.build, self.config)

    def flops_per_token(self, context: int) -> int:
        """Of the forward pass, at a context length in tokens."""
        return self.spec.flops_per_token(self.config, context)

    def cache_bytes(self, context: int) -> int:
        """Decoding state of one sequence in bfloat16, at a context length in tokens."""
        return self.spec.cache_bytes(self.config, context, BYTES_PER_NUMBER)


def named_sizes(arch: str | None = None, size: str | None = None) -> list[Size]:
    """The paper's sizes of all architectures or of one; raises UserError when the name is unknown."""
    specs = [architecture(arch)] if arch else list(architectures().values())
    sizes = [Size(spec, name, config) for spec in specs for name, config in spec.sizes.items()]
    if not sizes:
        raise UserError(f"--arch {arch}: has no named size; give one of its run files with --run FILE")
    chosen = [one for one in sizes if size in (None, one.name)]
    if not chosen:
        raise UserError(f"--size {size}: unknown; {choices(str(size), {one.name for one in sizes})}")
    return chosen


def without_named_sizes() -> list[str]:
    """Names of the architectures of which the paper names no size."""
    return [spec.name for spec in architectures().values() if not spec.sizes]


def table_2() -> dict[str, Size]:
    """The models of Table 2 by their names in the published table."""
    transformer, mosaic = architecture("transformer"), architecture("mmv2")
    large: ModelConfig = mosaic.sizes["large"]
    without = large.model_copy(update={"long_term_memory": False})
    return {
        "transformer_large": Size(transformer, "large", transformer.sizes["large"]),
        "mmv2_large": Size(mosaic, "large", large),
        "mmv2_large_without_long_term": Size(mosaic, "large without long-term memory", without),
    }


def in_billions(count: int) -> str:
    """As Table 2 prints counts: 8.8B."""
    return f"{count / 1e9:.1f}B"


@dataclass(frozen=True)
class Comparison:
    """One of the six numbers of Table 2."""

    size: Size
    quantity: str
    """Its column in the published table."""
    computed: int
    published: str

    @property
    def agrees(self) -> bool:
        """To the printed digit."""
        return in_billions(self.computed) == self.published


def compare_with_table_2(published_file: Path = PUBLISHED_TABLE_2) -> list[Comparison]:
    """Parameters and FLOPs of Table 2 beside the published ones; raises UserError without the published table."""
    published = read_published(published_file).set_index("model")
    found = []
    for name, size in table_2().items():
        counts = {"params": size.parameters, "flops_per_token": size.flops_per_token(TABLE_2_CONTEXT)}
        found += [
            Comparison(size, quantity, count, str(published.loc[name, quantity])) for quantity, count in counts.items()
        ]
    return found


def describe(sizes: Sequence[Size], contexts: Sequence[int] | None) -> Iterator[str]:
    """Lines of the table of sizes. ``contexts``: lengths in tokens; None: multiples of the training context."""
    rows: list[list[Any]] = []
    for size in sizes:
        lengths = contexts or [factor * size.config.max_seq_len for factor in DEFAULT_CONTEXTS]
        for place, context in enumerate(lengths):
            head = [size.label, size.name, f"{size.parameters:,}"] if place == 0 else ["", "", ""]
            rows.append([*head, f"{context:,}", f"{size.flops_per_token(context):,}", f"{size.cache_bytes(context):,}"])
    header = ["architecture", "size", "parameters", "context", "FLOPs/token", "decoding state in bytes (bfloat16)"]
    return _aligned(header, rows)


def describe_table_2(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Lines that set the six numbers beside the published ones."""
    names = {"params": "parameters", "flops_per_token": f"FLOPs/token at context {TABLE_2_CONTEXT}"}
    rows = [
        [
            one.size.label,
            one.size.name,
            names[one.quantity],
            f"{one.computed:,}",
            in_billions(one.computed),
            one.published,
            "agrees" if one.agrees else "DIFFERS",
        ]
        for one in comparisons
    ]
    return _aligned(["architecture", "size", "quantity", "computed", "rounded", "Table 2", ""], rows)


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns of text, numbers to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    numeric = [all(row[column][:1].isdigit() or not row[column] for row in rows) for column in range(len(header))]
    for row in [header, *rows]:
        cells = zip(row, widths, numeric, strict=True)
        yield "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells).rstrip()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="mmv2 info", description=__doc__.split("\n\n")[0])
    parser.add_argument("--arch", help="only this architecture")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--size", help="only the size of this name")
    which.add_argument("--run", type=Path, metavar="FILE", help="the model of a run file")
    parser.add_argument("--context", type=_positive, nargs="+", metavar="N", help="context lengths in tokens")
    options = parser.parse_args(arguments)
    if options.run:
        run = load_run(options.run)
        if options.arch not in (None, run.arch):
            raise UserError(f"{options.run}: arch: {run.arch}, not {options.arch}; leave out --arch")
        sizes = [Size(run.spec, run.name, run.model)]
    else:
        sizes = named_sizes(options.arch, options.size)
    print(*describe(sizes, options.context), sep="\n")
    others = without_named_sizes()
    if others and not (options.run or options.arch or options.size):
        print(f"Without named sizes, so that each needs one of its run files (--run FILE): {', '.join(others)}")
    if not (options.run or options.arch or options.size):
        print("", *describe_table_2(compare_with_table_2()), sep="\n")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of tokens; give a whole number from 1 on")
    return int(text)
