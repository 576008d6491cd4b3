"""What a shared prefix saves: many-shot queries whose demonstrations are read once, and each query read whole.

    python -m benchmarks.prefix_sharing --data FOLDER [--shots 16] [--queries 500] [--singly 10] [--arch mmv2]
        [--output FILE]

Banking77's queries are answered by models with random weights: labels are ranked and an answer is generated, as the
task many_shot asks. Both ways run the evaluation's own code on one thread; the prompts are the same, and only some of
them are read whole, as each takes as long as many that share. Without ``--data``, rows are made up in Banking77's form.
Printed as JSON: processor time per query of both ways, their ratio, the largest difference of a log-likelihood, and
whether all predictions agree.
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

from mmv2.data.tokenizer import train_bpe
from mmv2.evaluation.answering import answer_all
from mmv2.evaluation.frozen import FrozenExample, FrozenHeader, read_frozen
from mmv2.evaluation.outcome import Answer
from mmv2.evaluation.progress import Progress
from mmv2.evaluation.tasks._data_sets import DataSet
from mmv2.evaluation.tasks._demonstrations import ManyShotSettings
from mmv2.evaluation.tasks.many_shot import freeze
from mmv2.files import write_json
from mmv2.final import FinalModel
from mmv2.provenance import code_version, environment
from mmv2.registry import architecture

ARCHITECTURES = ("mmv2", "transformer")
"""Those of the paper; others have sizes of their own."""
SEED = 1
LONGEST = 2**17
"""Tokens that no prompt here exceeds."""


def write_rows(folder: Path, classes: int, rows: int) -> None:
    """Made-up rows in Banking77's form: texts of random words, labels that begin alike."""
    rng = np.random.default_rng(SEED)
    for name, number in (("train", rows), ("test", 2)):
        lines = ["text,category"]
        for label in range(classes):
            for _ in range(number):
                text = " ".join(f"word{word}" for word in rng.integers(200, size=rng.integers(6, 20)))
                lines.append(f"{text},label_{label // 10}_number_{label % 10}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def workload(options: argparse.Namespace, folder: Path) -> tuple[Tokenizer, FrozenHeader, list[FrozenExample]]:
    """Tokenizer and frozen examples of one cell of the task."""
    data = options.data or folder
    if options.data is None:
        write_rows(folder, options.classes, max(options.shots, 4))
    tokenizer = train_bpe((data / "train.csv").read_text().splitlines(), options.vocab)
    tokenizer.save(str(folder / "tokenizer.json"))
    files = DataSet(format="banking77", train_file=str(data / "train.csv"), test_file=str(data / "test.csv"))
    settings = ManyShotSettings(
        context_lengths=(LONGEST,),
        datasets={"banking77": files},
        examples_per_length=options.queries,
        dev_examples=0,
        shots=(options.shots,),
        label_kinds=(options.labels,),
        prompt_styles=("newline_ordered",),
        max_new_tokens=options.max_new_tokens,
    )
    freeze(settings, folder, folder / "tokenizer.json", folder / "frozen.jsonl")
    return tokenizer, *read_frozen(folder / "frozen.jsonl")


def build_model(arch: str, options: argparse.Namespace, tokenizer: Tokenizer) -> FinalModel:
    """Random weights, larger than at the start of training, so that predictions differ between queries."""
    shape = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": options.width,
        "num_layers": options.layers,
        "num_heads": max(1, options.width // 32),
        "intermediate_size": 3 * options.width,
        "max_seq_len": 512,
    }
    if arch == "mmv2":
        shape |= {"short_term_window": 64, "long_term_delay": 16, "long_term_delay_range": (16, 64)}
    spec = architecture(arch)
    config = spec.config(**shape)
    torch.manual_seed(SEED)
    model = spec.build(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return FinalModel(model, arch, config, tokenizer, {"run": f"{arch} of width {options.width}"})


def whole(header: FrozenHeader, examples: Sequence[FrozenExample]) -> tuple[FrozenHeader, list[FrozenExample]]:
    """The same prompts, each with its prefix as a part of it."""
    joined = [
        example.model_copy(update={"prefix": None, "prompt": header.prefixes[str(example.prefix)] + example.prompt})
        for example in examples
    ]
    return header.model_copy(update={"prefixes": {}}), joined


def answers(
    final: FinalModel, header: FrozenHeader, examples: Sequence[FrozenExample], batch_size: int
) -> tuple[list[Answer], float]:
    """All answers, and the processor time that each took."""
    with tempfile.TemporaryDirectory() as folder:
        progress = Progress(Path(folder) / "answers.partial", "benchmark")
        begin = time.process_time()
        answer_all(final, header, examples, batch_size, progress)
        taken = time.process_time() - begin
    return [progress.answers[index] for index in range(len(examples))], taken / len(examples)


def compare(
    arch: str, options: argparse.Namespace, tokenizer: Tokenizer, header: FrozenHeader, examples: list[FrozenExample]
) -> dict[str, object]:
    """One architecture's row."""
    final = build_model(arch, options, tokenizer)
    chosen = [len(examples) * place // options.singly for place in range(options.singly)]
    together, shared_seconds = answers(final, header, examples, options.batch_size)
    singly, whole_seconds = answers(final, *whole(header, [examples[place] for place in chosen]), options.batch_size)
    both = [(examples[place], together[place], one) for place, one in zip(chosen, singly, strict=True)]
    differences = [np.subtract(one.loglikelihoods, other.loglikelihoods) for _, one, other in both]
    return {
        "arch": arch,
        "shared_seconds_per_query": round(shared_seconds, 4),
        "whole_seconds_per_query": round(whole_seconds, 4),
        "ratio": round(whole_seconds / shared_seconds, 2),
        "largest_difference": float(np.abs(differences).max()),
        "same_predictions": all(
            _prediction(example, one) == _prediction(example, other) for example, one, other in both
        ),
        "distinct_predictions": len({_prediction(example, one) for example, one, _ in both}),
    }


def _prediction(example: FrozenExample, answer: Answer) -> tuple[str | None, tuple[int, ...]]:
    return answer.choice(example.choices), answer.ids


def parse_options() -> argparse.Namespace:
    """Sizes of the workload."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="folder with Banking77's train.csv and test.csv; none: made-up rows")
    parser.add_argument("--arch", action="append", choices=ARCHITECTURES, help="once or more; all, if none")
    parser.add_argument("--shots", type=int, default=16)
    parser.add_argument("--queries", type=int, default=500, help="that share the prefix")
    parser.add_argument("--singly", type=int, default=10, help="of them, that are read whole too")
    parser.add_argument("--labels", default="semantic", choices=["semantic", "anonymous"])
    parser.add_argument("--classes", type=int, default=77, help="of made-up rows")
    parser.add_argument("--vocab", type=int, default=4096)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--max-new-tokens", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--output", type=Path, help="write the JSON here, too")
    return parser.parse_args()


def main() -> None:
    """The command line."""
    options = parse_options()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer, header, examples = workload(options, Path(folder))
    rows = [compare(arch, options, tokenizer, header, examples) for arch in options.arch or ARCHITECTURES]
    found = {
        "rows": rows,
        "tokens_of_the_longest_prompt": max(example.num_tokens for example in examples),
        "sizes": {name: value for name, value in vars(options).items() if name not in ("data", "output")},
        "data_sha256": {Path(name).name: digest for name, digest in header.sources.items()},
        "code": code_version(),
        **environment(),
    }
    print(json.dumps(found, indent=2))
    if options.output:
        write_json(options.output, found)


if __name__ == "__main__":
    main()
