"""Decoding speed on one CPU thread: Memory Mosaics v2 beside transformers' Llama, each with its cache, in one run.

    python -m benchmarks.decode_speed --width 256 --layers 4 --contexts 1024 16384 [--json FILE]

Both are transformers models of the same depth, width, heads, feed-forward and vocabulary, with random weights in
float32, and both are called as generate() calls them: one token and the cache, logits of one token. A context is read
first, in pieces and unmeasured; then the models take turns at decoding ``--steps`` tokens, so that a change of the
machine's speed meets both: the ratio to Llama is the median of the ratios within each turn. The clock is the processor
time of this process, which other programs do not use up. During a measurement the context grows by all tokens decoded.
"""

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from mmv2.files import write_json
from mmv2.hub import MemoryMosaicsCache
from mmv2.provenance import code_version, environment
from mmv2.registry import architecture

SEED = 1
PIECE = 512
"""Tokens of the context that are read at once."""
REFERENCE = "llama"
ARCHITECTURES = {REFERENCE: "transformer", "mmv2": "mmv2"}


@dataclass
class Contestant:
    """A model with the state after a context."""

    name: str
    model: PreTrainedModel
    cache: Any
    rows: int
    flops_per_token: int
    cache_bytes: int

    @torch.inference_mode()
    def read(self, tokens_BT: Tensor) -> Tensor:
        """Logits (B, 1, V) after more tokens."""
        return self.model(tokens_BT, past_key_values=self.cache, use_cache=True, logits_to_keep=1).logits

    def decode(self, steps: int) -> float:
        """Tokens per second of processor time, over all rows."""
        token_B1 = torch.zeros(self.rows, 1, dtype=torch.long)
        begin = time.process_time()
        for _ in range(steps):
            token_B1 = self.read(token_B1).argmax(-1)
        return steps * self.rows / (time.process_time() - begin)


def contestant(name: str, options: argparse.Namespace, context: int) -> Contestant:
    """One of the models after a context of random tokens."""
    spec = architecture(ARCHITECTURES[name])
    shape = {
        "vocab_size": options.vocabulary,
        "hidden_size": options.width,
        "num_layers": options.layers,
        "num_heads": options.heads or max(1, options.width // 64),
        "intermediate_size": 3 * options.width,
        "max_seq_len": max(4096, 2 * options.window),
    }
    if name == "mmv2":
        delay = options.window // 4
        shape |= {"short_term_window": options.window, "long_term_delay": delay}
        shape["long_term_delay_range"] = (delay, options.window)
    config = spec.config(**shape)
    torch.manual_seed(SEED)
    assert spec.to_transformers is not None
    model = spec.to_transformers(spec.build(config).eval())
    cache = MemoryMosaicsCache() if name == "mmv2" else DynamicCache()
    flops, size = spec.flops_per_token(config, context), spec.cache_bytes(config, context, 4)
    made = Contestant(name, model, cache, options.batch, flops, options.batch * size)
    generator = torch.Generator().manual_seed(SEED)
    tokens_BT = torch.randint(options.vocabulary, (options.batch, context), generator=generator)
    for piece_BT in tokens_BT.split(PIECE, dim=1):
        made.read(piece_BT)
    return made


def measure(options: argparse.Namespace, context: int) -> list[dict[str, object]]:
    """One row per model at one context."""
    models = [contestant(name, options, context) for name in ARCHITECTURES]
    speeds: dict[str, list[float]] = {one.name: [] for one in models}
    for one in models:
        one.decode(2)  # unmeasured: grows the caches' room
    for _ in range(options.repeats):
        for one in models:
            speeds[one.name].append(one.decode(options.steps))
    rows = []
    for one in models:
        ratios = [mine / theirs for mine, theirs in zip(speeds[one.name], speeds[REFERENCE], strict=True)]
        rows.append(
            {
                "model": one.name,
                "context": context,
                "tokens_per_second": round(statistics.median(speeds[one.name]), 1),
                "ratio_to_llama": round(statistics.median(ratios), 3),
                "lowest_ratio": round(min(ratios), 3),
                "highest_ratio": round(max(ratios), 3),
                "flops_to_llama": round(one.flops_per_token / models[0].flops_per_token, 3),
                "cache_to_llama": round(one.cache_bytes / models[0].cache_bytes, 3),
                "parameters": one.model.num_parameters(),
            }
        )
    return rows


def parse_options() -> argparse.Namespace:
    """Sizes and repetitions."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, help="default: one per 64 of the width")
    parser.add_argument("--vocabulary", type=int, default=1024)
    parser.add_argument("--window", type=int, default=256, help="h of Memory Mosaics; m is a quarter of it")
    parser.add_argument("--contexts", type=int, nargs="+", default=[1024, 16384])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=16, help="tokens of one turn")
    parser.add_argument("--repeats", type=int, default=5, help="turns")
    parser.add_argument("--json", type=Path, help="write the numbers here, too")
    return parser.parse_args()


def main() -> None:
    """The command line."""
    options = parse_options()
    torch.set_num_threads(1)
    rows = [row for context in options.contexts for row in measure(options, context)]
    sizes = {name: value for name, value in vars(options).items() if name != "json"}
    found = {"rows": rows, "sizes": sizes, "code": code_version(), **environment()}
    print(json.dumps(found, indent=2))
    if options.json:
        write_json(options.json, found)


if __name__ == "__main__":
    main()
