"""Training speed and memory: Memory Mosaics v2 and our transformer beside transformers' Llama, in one run.

    python -m benchmarks.training_speed --width 256 --layers 4 --context 512 --batch 8 [--csv FILE]
    python -m benchmarks.training_speed --device cuda --precision bfloat16 --width 512 --layers 12 ... [--compile]

One step is forward, backward and AdamW, with float32 weights; matrix products are in the precision asked for. All
models have the same width, layers, heads, feed-forward and vocabulary. They take turns, so that a change of the
machine's speed meets all of them: the ratio to Llama is the median of the ratios within each turn. On the CPU there is
one thread, and the clock is the processor time of this process, which other programs do not use up; on a GPU it is the
time until the GPU is done, and the memory is what a step takes at most beyond weights and optimizer state: gradients
and activations. Packed rows hold many short documents; Llama gets whole rows only, since its attention would need a
mask for them, and compiled models do too, as packed rows change their shapes at every step.
"""

import argparse
import csv
import io
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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


class Turn(NamedTuple):
    """What one turn of a contestant came to."""

    tokens_per_second: float
    step_mib: float
    """Memory of a step beyond weights and optimizer state; not a number on the CPU, where torch does not count it."""


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
        tokens_BT = torch.from_numpy(generator.integers(options.vocabulary, size=shape)).to(options.device)
        starts_BT = np.zeros(shape, dtype=bool)
        if packed:
            lengths = generator.integers(max(1, options.context // 16), options.context // 4, size=starts_BT.size)
            ends = lengths.cumsum()
            starts_BT.flat[ends[ends < starts_BT.size]] = True
        found.append(Batch(tokens_BT, tokens_BT.roll(-1, dims=1), Documents.from_starts(starts_BT, options.device)))
    return found


def contestants(options: argparse.Namespace) -> list[Contestant]:
    """Llama, and ours on whole and on packed rows."""
    data_of = {"whole": batches(options, packed=False)}
    if not options.compile:
        data_of["packed"] = batches(options, packed=True)
    found = []
    for name in ("transformer", "mmv2"):
        spec = architecture(name)
        config = model_config(spec, options)
        flops = spec.flops_per_token(config, options.context)
        for rows, data in data_of.items():
            torch.manual_seed(SEED)
            model = placed(spec.build(config), options)

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
            found.append(Contestant(name, rows, size, flops, training_step(model, loss, data, options)))
    return [llama(options, data_of["whole"]), *found]


def placed(model: nn.Module, options: argparse.Namespace) -> nn.Module:
    """The model where it is trained, compiled if asked for."""
    model.to(options.device)
    if options.compile:
        model.compile()
    return model


def llama(options: argparse.Namespace, data: list[Batch]) -> Contestant:
    """transformers' Llama with scaled_dot_product_attention, with our transformer's initial weights."""
    spec = architecture("transformer")
    config = model_config(spec, options)
    torch.manual_seed(SEED)
    model = to_hf(spec.build(config)).train()
    model.set_attn_implementation("sdpa")
    placed(model, options)

    def loss(batch: Batch, number: int) -> Tensor:
        logits_BTV = model(input_ids=batch.tokens_BT, use_cache=False).logits.float()
        return F.cross_entropy(logits_BTV.flatten(0, 1), batch.targets_BT.flatten(), reduction="sum")

    size = sum(parameter.numel() for parameter in model.parameters())
    flops = spec.flops_per_token(config, options.context)
    return Contestant(REFERENCE, "whole", size, flops, training_step(model, loss, data, options))


def training_step(
    model: nn.Module, loss: Callable[[Batch, int], Tensor], data: list[Batch], options: argparse.Namespace
) -> Callable[[int], None]:
    """One optimizer step on the batch of a number."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)

    def step(number: int) -> None:
        optimizer.zero_grad(set_to_none=True)
        batch = data[number % len(data)]
        with torch.autocast(options.device, torch.bfloat16, enabled=options.precision == "bfloat16"):
            summed = loss(batch, number)
        (summed / batch.tokens_BT.numel()).backward()
        optimizer.step()

    return step


def measure(runners: list[Contestant], options: argparse.Namespace) -> dict[Contestant, list[Turn]]:
    """Every contestant's turns. Before them each makes all steps of a turn, unmeasured: kernels are chosen then."""
    turns: dict[Contestant, list[Turn]] = defaultdict(list)
    for runner in runners:
        make_turn(runner, options)
    for _ in range(options.repeats):
        for runner in runners:
            turns[runner].append(make_turn(runner, options))
    return turns


def make_turn(runner: Contestant, options: argparse.Namespace) -> Turn:
    """The steps of one turn."""
    gpu = options.device == "cuda"
    if gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        held = torch.cuda.memory_allocated()
    clock = time.perf_counter if gpu else time.process_time
    begin = clock()
    for number in range(options.steps):
        runner.step(number)
    if gpu:
        torch.cuda.synchronize()
    speed = options.steps * options.batch * options.context / (clock() - begin)
    return Turn(speed, (torch.cuda.max_memory_allocated() - held) / 2**20 if gpu else math.nan)


def table(turns_of: dict[Contestant, list[Turn]], options: argparse.Namespace) -> list[dict[str, object]]:
    """One row per contestant."""
    reference, reference_turns = next((one, turns) for one, turns in turns_of.items() if one.name == REFERENCE)
    rows = []
    for one, turns in turns_of.items():
        pairs = zip(turns, reference_turns, strict=True)
        ratios = [turn.tokens_per_second / other.tokens_per_second for turn, other in pairs]
        rows.append(
            {
                "model": one.name,
                "rows": one.rows,
                "tokens_per_second": round(statistics.median(turn.tokens_per_second for turn in turns), 1),
                "ratio_to_llama": round(statistics.median(ratios), 3),
                "lowest_ratio": round(min(ratios), 3),
                "highest_ratio": round(max(ratios), 3),
                "flops_to_llama": round(one.flops_per_token / reference.flops_per_token, 3),
                "step_mib": round(max(turn.step_mib for turn in turns), 1),
                "parameters": one.parameters,
                "device": device_name(options.device),
                "precision": options.precision,
                "compiled": options.compile,
                "width": options.width,
                "layers": options.layers,
                "context": options.context,
                "batch": options.batch,
                "vocabulary": options.vocabulary,
                "repeats": options.repeats,
            }
        )
    return rows


def device_name(device: str) -> str:
    """The GPU by its name."""
    return torch.cuda.get_device_name() if device == "cuda" else device


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
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of matrix products")
    parser.add_argument("--compile", action="store_true", help="by torch.compile")
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
            f"{row['flops_to_llama']:.3f} of its FLOPs, {row['parameters']:,} parameters, "
            f"{row['step_mib']:,} MiB a step"
        )
    if options.csv:
        write_text(options.csv, as_csv(rows))


if __name__ == "__main__":
    main()
