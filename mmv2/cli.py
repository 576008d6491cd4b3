"""The command ``mmv2``: every step of the pipeline by hand, with files as arguments.

Each command imports its part of the package only when it is called. What the user can mend is told in one line.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mmv2.errors import UserError, choices
from mmv2.files import make_folder


def info(arguments: Sequence[str]) -> None:
    """Print parameters, FLOPs and decoding memory of the models."""
    from mmv2.info import main as print_info

    print_info(arguments)


def data(arguments: Sequence[str]) -> None:
    """Make the corpus of a run."""
    parser = _parser(data)
    parser.add_argument("run", type=Path, help="run file")
    parser.add_argument("--output", type=Path, required=True, help="folder for the corpus")
    parser.add_argument("--data-root", type=Path, metavar="FOLDER", help="what its own texts lie in; by default data")
    options = parser.parse_args(arguments)
    from mmv2.config import read_yaml
    from mmv2.data.prepare import DATA_ROOT, prepare_corpus
    from mmv2.runs import load_run

    content = read_yaml(options.run)
    if "tasks" in content:
        raise UserError(f"{options.run}: is a suite file, a run file is needed: one of {content.get('runs')}")
    corpus = load_run(options.run).corpus
    make_folder(options.output)
    prepare_corpus(corpus, options.output, options.data_root or DATA_ROOT)


def train(arguments: Sequence[str]) -> None:
    """Train a run on its corpus."""
    from mmv2.training.launch import main as launch

    launch(arguments)


def freeze(arguments: Sequence[str]) -> None:
    """Make the examples of a task, for the tokenizer of a corpus or of any model."""
    parser = _parser(freeze)
    parser.add_argument("suite", type=Path, help="suite file, or any with the task's settings below tasks")
    parser.add_argument("task", help="name of one of its tasks")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the corpus")
    parser.add_argument("--output", type=Path, required=True, help="file for the examples")
    parser.add_argument("--tokenizer", type=Path, metavar="PATH", help="file or folder; by default that of the corpus")
    options = parser.parse_args(arguments)
    from mmv2.registry import entry
    from mmv2.suites import load_tasks

    tasks = load_tasks(options.suite)
    if options.task not in tasks:
        raise UserError(f"{options.suite}: tasks: no {options.task!r}; {choices(options.task, tasks)}")
    make_folder(options.output.parent)
    freeze_task = entry("task", options.task).freeze
    tokenizer = options.tokenizer or options.corpus / "tokenizer.json"
    freeze_task(tasks[options.task], options.corpus, tokenizer, options.output)


def evaluate(arguments: Sequence[str]) -> None:
    """Let a trained model answer the examples of a task."""
    parser = _parser(evaluate)
    parser.add_argument("model", type=Path, help="final/ folder of a run")
    parser.add_argument("examples", type=Path, help="file made by mmv2 freeze")
    parser.add_argument("--output", type=Path, required=True, help="file for the records")
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="examples decoded together")
    parser.add_argument("--device", help="cpu or cuda; by default a GPU where there is one")
    parser.add_argument("--context-lengths", type=int, nargs="+", metavar="N", help="answer examples of these alone")
    options = parser.parse_args(arguments)
    from mmv2.evaluation.evaluate import evaluate as answer
    from mmv2.final import read_final_config

    read_final_config(options.model)  # first of all: the folder given may be another one of the run
    make_folder(options.output.parent)
    lengths = tuple(options.context_lengths) if options.context_lengths else None
    answer(options.model, options.examples, options.output, options.batch_size, options.device, lengths)


def reduce(arguments: Sequence[str]) -> None:
    """Take a part out of a trained model, such as the long-term memory; its records keep the run's name."""
    parser = _parser(reduce)
    parser.add_argument("model", type=Path, help="final/ folder of a run")
    parser.add_argument("name", help="a reduction of its architecture, such as without_long_term_memory")
    parser.add_argument("--output", type=Path, required=True, help="folder for the reduced model, a final/ folder too")
    options = parser.parse_args(arguments)
    from mmv2.convert import reduce_final

    reduce_final(options.model, options.name, options.output)


def export(arguments: Sequence[str]) -> None:
    """Write a trained model as one that transformers loads, here and where this package is not installed."""
    parser = _parser(export)
    parser.add_argument("model", type=Path, help="final/ folder of a run")
    parser.add_argument("--output", type=Path, required=True, help="folder for from_pretrained()")
    options = parser.parse_args(arguments)
    from mmv2.convert import export_final

    export_final(options.model, options.output)


def generate(arguments: Sequence[str]) -> None:
    """Print what a trained model writes after a prompt."""
    parser = _parser(generate)
    parser.add_argument("model", type=Path, help="final/ folder of a run")
    parser.add_argument("--prompt", required=True, metavar="TEXT", help="begin-of-text is put before it")
    parser.add_argument("--max-new-tokens", type=int, default=100, metavar="N")
    parser.add_argument("--temperature", type=float, default=0.0, metavar="X", help="0 (default): most probable tokens")
    parser.add_argument("--top-p", type=float, default=1.0, metavar="P", help="draw from the most probable P alone")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws")
    parser.add_argument("--device", help="cpu or cuda; by default a GPU where there is one")
    options = parser.parse_args(arguments)
    from mmv2.hub.generate import generate as write

    write(
        options.model,
        options.prompt,
        options.max_new_tokens,
        options.temperature,
        options.top_p,
        options.seed,
        options.device,
    )


def bandwidth(arguments: Sequence[str]) -> None:
    """Print the mean bandwidths of a trained model, as the settings of a run that keeps them constant."""
    parser = _parser(bandwidth)
    parser.add_argument("model", type=Path, help="final/ folder of a run of mmv2")
    options = parser.parse_args(arguments)
    from mmv2.model.bandwidth import as_run_settings

    print(as_run_settings(options.model), end="")


def render(arguments: Sequence[str]) -> None:
    """Draw a table, a figure or the page of claims from records, or from what runs are."""
    parser = _parser(render)
    parser.add_argument("kind", choices=("table", "figure", "claims"))
    parser.add_argument("name", help="name of the table or figure; of claims several, as in a suite: one,another")
    parser.add_argument(
        "records",
        type=Path,
        nargs="+",
        help="files made by mmv2 evaluate; for what shows models, such as table06_parametrisation, config.json of a "
        "final/; for figure10_document_lengths files of results/<suite>/document_lengths",
    )
    parser.add_argument(
        "--metrics", type=Path, nargs="+", default=[], help="metrics.jsonl of runs, where they are shown"
    )
    parser.add_argument("--output", type=Path, required=True, help="path without ending")
    options = parser.parse_args(arguments)
    from mmv2.reporting.claims_page import render_claims
    from mmv2.reporting.render import render_figure, render_table

    make_folder(options.output.parent)
    if options.kind == "claims":
        render_claims(options.name.split(","), options.records, options.output)
        return
    draw = render_table if options.kind == "table" else render_figure
    draw(options.name, options.records, options.metrics, options.output)


def compare(arguments: Sequence[str]) -> None:
    """Show two runs side by side over all records that both have."""
    parser = _parser(compare)
    parser.add_argument(
        "records", type=Path, nargs="+", metavar="RECORDS", help="one or two files or folders of records"
    )
    parser.add_argument("--runs", nargs=2, metavar="RUN", help="their names, where a folder holds several runs")
    parser.add_argument(
        "--checkpoint", default="final", metavar="NAME", help="a step or reduction of both; by default final"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table there too")
    options = parser.parse_args(arguments)
    from mmv2.compare import run_command

    run_command(options.records, options.runs, options.checkpoint, options.csv)


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    command.__name__: command
    for command in (info, data, train, freeze, evaluate, render, compare, reduce, export, generate, bandwidth)
}


def _parser(command: Callable[[Sequence[str]], None]) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"mmv2 {command.__name__}", description=command.__doc__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; on a mistake that the user can mend print it in one line and exit with status 1."""
    lines = [f"  {name:9} {command.__doc__}" for name, command in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="mmv2",
        usage="mmv2 [-h] command ...",
        description="Memory Mosaics at scale: the replication suite, step by step.",
        epilog="\n".join(["commands, each with its own -h:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        COMMANDS[options.command](options.arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
