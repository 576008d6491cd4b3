"""What a shared prefix saves: the same many-shot-like prompts with their prefix read once, and each read whole.

    python -m benchmarks.prefix_sharing [--queries 48] [--prefix 2000] [--batch-size 16] [--output FILE]

Random words are classified by models with random weights: labels are ranked and an answer is generated, as in
many-shot tasks. Both ways run the evaluation's own code on one thread; only the frozen prompts differ. Printed as JSON:
seconds of processor time of both ways, their ratio, the largest difference of a log-likelihood, and whether all
predictions agree.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from mmv2.data.tokenizer import build_word_level
from mmv2.evaluation.answering import answer_all
from mmv2.evaluation.frozen import Encoder, FrozenExample, FrozenHeader, checksum
from mmv2.evaluation.outcome import Answer
from mmv2.evaluation.progress import Progress
from mmv2.files import write_json
from mmv2.final import FinalModel
from mmv2.provenance import code_version, environment
from mmv2.registry import architecture

SEED = 1
WORDS = [f"w{number}" for number in range(500)]
LABELS = tuple(f" label {number}" for number in range(10)) + tuple(f" w{number}" for number in range(10))
"""Of two tokens and of one."""


def build_model(arch: str, options: argparse.Namespace, tokenizer: Tokenizer) -> FinalModel:
    """Random weights, larger than at the start of training, so that predictions differ between queries."""
    shape = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": options.width,
        "num_layers": options.layers,
        "num_heads": max(1, options.width // 16),
        "intermediate_size": 3 * options.width,
        "max_seq_len": 256,
    }
    if arch == "mmv2":
        shape |= {"short_term_window": 64, "long_term_delay": 16, "long_term_delay_range": (16, 64)}
    spec = architecture(arch)
    config = spec.config(**shape)
    torch.manual_seed(SEED)
    model = spec.build(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return FinalModel(model, arch, config, tokenizer, {"run": f"{arch} of width {options.width}"})


def workload(options: argparse.Namespace, encoder: Encoder, shared: bool) -> tuple[FrozenHeader, list[FrozenExample]]:
    """The prompts, with their prefix apart or as a part of each."""
    rng = np.random.default_rng(SEED)

    def words(count: int) -> str:
        return " ".join(WORDS[number] for number in rng.integers(len(WORDS), size=count))

    prefix = words(options.prefix)
    prefixes = {"demonstrations": prefix} if shared else {}
    examples = []
    for number in range(options.queries):
        query = " " + words(int(rng.integers(6, 11)))
        ids = [*encoder.remembered(prefix), *encoder.ids(query)]
        example = FrozenExample(
            id=str(number),
            subtask="random",
            context_length=2 * options.prefix,
            prefix="demonstrations" if shared else None,
            prompt=query if shared else prefix + query,
            references=(LABELS[0].strip(),),
            choices=LABELS,
            num_tokens=1 + len(ids) + max(options.max_new_tokens, 2),
            baselines={},
        )
        examples.append(example)
    header = FrozenHeader(
        task="many_shot",
        settings={},
        tokenizer="made here",
        sources={},
        prefixes=prefixes,
        max_new_tokens=options.max_new_tokens,
        num_examples=len(examples),
        examples_sha256=checksum(examples, prefixes),
        summary={},
    )
    return header, examples


def answers(final: FinalModel, options: argparse.Namespace, shared: bool) -> tuple[list[Answer], float]:
    """All answers, and the processor time they took."""
    header, examples = workload(options, Encoder(final.tokenizer), shared)
    with tempfile.TemporaryDirectory() as folder:
        progress = Progress(Path(folder) / "answers.partial", "benchmark")
        begin = time.process_time()
        answer_all(final, header, examples, options.batch_size, progress)
        taken = time.process_time() - begin
    return [progress.answers[index] for index in range(len(examples))], taken


def compare(arch: str, options: argparse.Namespace, tokenizer: Tokenizer) -> dict[str, object]:
    """One architecture's row."""
    final = build_model(arch, options, tokenizer)
    together, shared_seconds = answers(final, options, shared=True)
    singly, whole_seconds = answers(final, options, shared=False)
    return {
        "arch": arch,
        "shared_seconds": round(shared_seconds, 3),
        "whole_seconds": round(whole_seconds, 3),
        "ratio": round(whole_seconds / shared_seconds, 2),
        "largest_difference": _largest_difference(together, singly),
        "same_predictions": _predictions(together) == _predictions(singly),
        "distinct_predictions": len(set(_predictions(together))),
    }


def _largest_difference(some: Sequence[Answer], others: Sequence[Answer]) -> float:
    pairs = zip(some, others, strict=True)
    differences = [np.subtract(one.loglikelihoods, other.loglikelihoods) for one, other in pairs]
    return float(np.abs(differences).max())


def _predictions(answers: Sequence[Answer]) -> list[tuple[str | None, tuple[int, ...]]]:
    return [(answer.choice(LABELS), answer.ids) for answer in answers]


def parse_options() -> argparse.Namespace:
    """Sizes of the workload."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--prefix", type=int, default=2000, help="tokens of the shared prefix")
    parser.add_argument("--queries", type=int, default=48)
    parser.add_argument("--max-new-tokens", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--output", type=Path, help="write the JSON here, too")
    return parser.parse_args()


def main() -> None:
    """The command line."""
    options = parse_options()
    torch.set_num_threads(1)
    tokenizer = build_word_level([*WORDS, "label", *"0123456789"])
    rows = [compare(arch, options, tokenizer) for arch in ("mmv2", "transformer")]
    sizes = {name: value for name, value in vars(options).items() if name != "output"}
    found = {"rows": rows, "sizes": sizes, "code": code_version(), **environment()}
    print(json.dumps(found, indent=2))
    if options.output:
        write_json(options.output, found)


if __name__ == "__main__":
    main()
