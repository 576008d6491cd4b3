"""Training speed on one CPU thread: Memory Mosaics v2 and our transformer beside transformers' Llama, in one run.

    python -m benchmarks.training_speed --width 256 --layers 4 --context 512 --batch 8 [--csv FILE]

One step is forward, backward and AdamW, in float32. All models have the same width, layers, heads, feed-forward and
vocabulary. They take turns, so that a change of the machine's speed meets all of them: the ratio to Llama is the median
of the ratios within each turn. The clock is the processor time of this process, which other programs do not use up.
Packed rows hold many short documents; Llama gets whole rows only, since its attention would need a mask for them.
"""

import argparse
import csv
import io
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.transformer.hf import to_hf
from mmv2.config import ModelConfig
from mmv2.files import write_text
from mmv2.layers.documents import Documents
from mmv2.provenance import code_version, environment
from mmv2.registry import ArchitectureSpec, architecture

REFERENCE = "llama"
SEED = 1


@dataclass(frozen=True)
class Batch:
    """What one step trains on."""

    tokens_BT: Tensor
    targets_BT: Tensor
    documents: Documents


@dataclass(frozen=True)
class Contestant:
    """A model with its optimizer and what it trains on."""

    name: str
    rows: str
    """whole: one document per row; packed: many."""
    parameters: int
    flops_per_token: int
    step: Callable[[int], None]
    """Trains on the batch of that number."""


def model_config(spec: ArchitectureSpec, options: argparse.Namespace) -> ModelConfig:
    """The architecture at the size asked for; Memory Mosaics with windows in the paper's relation to each other."""
    shape = {
        "vocab_size": options.vocabulary,
        "hidden_size": options.width,
        "num_layers": options.layers,
        "num_heads": options.heads or max(1, options.width // 64),
        "intermediate_size": 3 * options.width,
        "max_seq_len": options.context,
    }
    if spec.name == "mmv2":
        window = options.context // 4
        shape |= {"short_term_window": window, "long_term_delay": window // 4}
        shape["long_term_delay_range"] = (window // 4, window)
    return spec.config(**shape)


def batches(options: argparse.Namespace, packed: bool) -> list[Batch]:
    """As many batches as one turn has steps; packed documents have between 1/16 and 1/4 of the context."""
    generator = np.random.default_rng(SEED)
    shape = (options.batch, options.context)
    found = []
    for _ in range(options.steps):
        tokens_BT = torch.from_numpy(generator.integers(options.vocabulary, size=shape))
        starts_BT = np.zeros(shape, dtype=bool)
        if packed:
            lengths = generator.integers(max(1, options.context // 16), options.context // 4, size=starts_BT.size)
            ends = lengths.cumsum()
            starts_BT.flat[ends[ends < starts_BT.size]] = True
        found.append(Batch(tokens_BT, tokens_BT.roll(-1, dims=1), Documents.from_starts(starts_BT)))
    return found


def contestants(options: argparse.Namespace) -> list[Contestant]:
    """Llama, and ours on whole and on packed rows."""
    whole, packed = batches(options, packed=False), batches(options, packed=True)
    found = []
    for name in ("transformer", "mmv2"):
        spec = architecture(name)
        config = model_config(spec, options)
        flops = spec.flops_per_token(config, options.context)
        for rows, data in (("whole", whole), ("packed", packed)):
            torch.manual_seed(SEED)
            model = spec.build(config)

            def loss(
                batch: Batch,
                number: int,
                model: nn.Module = model,
                spec: ArchitectureSpec = spec,
                config: ModelConfig = config,
            ) -> Tensor:
                inputs = spec.step_inputs(config, SEED, number)
                return model(batch.tokens_BT, batch.documents, batch.targets_BT, **inputs)

            size = sum(parameter.numel() for parameter in model.parameters())
            found.append(Contestant(name, rows, size, flops, training_step(model, loss, data)))
    return [llama(options, whole), *found]


def llama(options: argparse.Namespace, data: list[Batch]) -> Contestant:
    """transformers' Llama with scaled_dot_product_attention, with our transformer's initial weights."""
    spec = architecture("transformer")
    config = model_config(spec, options)
    torch.manual_seed(SEED)
    model = to_hf(spec.build(config)).train()
    model.set_attn_implementation("sdpa")

    def loss(batch: Batch, number: int) -> Tensor:
        logits_BTV = model(input_ids=batch.tokens_BT, use_cache=False).logits.float()
        return F.cross_entropy(logits_BTV.flatten(0, 1), batch.targets_BT.flatten(), reduction="sum")

    size = sum(parameter.numel() for parameter in model.parameters())
    flops = spec.flops_per_token(config, options.context)
    return Contestant(REFERENCE, "whole", size, flops, training_step(model, loss, data))


def training_step(model: nn.Module, loss: Callable[[Batch, int], Tensor], data: list[Batch]) -> Callable[[int], None]:
    """One optimizer step on the batch of a number."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)

    def step(number: int) -> None:
        optimizer.zero_grad(set_to_none=True)
        batch = data[number % len(data)]
        (loss(batch, number) / batch.tokens_BT.numel()).backward()
        optimizer.step()

    return step


def measure(runners: list[Contestant], options: argparse.Namespace) -> dict[Contestant, list[float]]:
    """Tokens per second of processor time in every turn; the first, unmeasured step of each warms up."""
    speeds: dict[Contestant, list[float]] = {runner: [] for runner in runners}
    for runner in runners:
        runner.step(0)
    for _ in range(options.repeats):
        for runner in runners:
            begin = time.process_time()
            for number in range(options.steps):
                runner.step(number)
            taken = time.process_time() - begin
            speeds[runner].append(options.steps * options.batch * options.context / taken)
    return speeds


def table(speeds: dict[Contestant, list[float]], options: argparse.Namespace) -> list[dict[str, object]]:
    """One row per contestant."""
    reference, reference_speeds = next((one, turns) for one, turns in speeds.items() if one.name == REFERENCE)
    rows = []
    for one, turns in speeds.items():
        ratios = [speed / other for speed, other in zip(turns, reference_speeds, strict=True)]
        rows.append(
            {
                "model": one.name,
                "rows": one.rows,
                "tokens_per_second": round(statistics.median(turns), 1),
                "ratio_to_llama": round(statistics.median(ratios), 3),
                "lowest_ratio": round(min(ratios), 3),
                "highest_ratio": round(max(ratios), 3),
                "flops_to_llama": round(one.flops_per_token / reference.flops_per_token, 3),
                "parameters": one.parameters,
                "width": options.width,
                "layers": options.layers,
                "context": options.context,
                "batch": options.batch,
                "vocabulary": options.vocabulary,
                "repeats": options.repeats,
            }
        )
    return rows


def as_csv(rows: list[dict[str, object]]) -> str:
    """The rows with the versions they were measured with."""
    versions = {"code": code_version(), **environment()}
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0], *versions], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, **versions} for row in rows)
    return text.getvalue()


def parse_options() -> argparse.Namespace:
    """Sizes and repetitions."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, help="default: one per 64 of the width")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--vocabulary", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=2, help="steps of one turn")
    parser.add_argument("--repeats", type=int, default=5, help="turns")
    parser.add_argument("--csv", type=Path, help="write the table here, too")
    return parser.parse_args()


def main() -> None:
    """The command line."""
    options = parse_options()
    torch.set_num_threads(1)
    rows = table(measure(contestants(options), options), options)
    for row in rows:
        print(
            f"{row['model']:12} {row['rows']:7} {row['tokens_per_second']:>9} tokens/s   "
            f"{row['ratio_to_llama']:.3f} of Llama's speed ({row['lowest_ratio']:.3f} to {row['highest_ratio']:.3f}), "
            f"{row['flops_to_llama']:.3f} of its FLOPs, {row['parameters']:,} parameters"
        )
    if options.csv:
        write_text(options.csv, as_csv(rows))


if __name__ == "__main__":
    main()
