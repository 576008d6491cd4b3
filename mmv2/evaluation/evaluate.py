"""Evaluates one trained model on one frozen file: answers, scores, records. Goes on after a kill.

The records are the same bytes whether or not the evaluation was interrupted: batches are laid out beforehand and always
computed whole, on one thread.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from tokenizers import Tokenizer

from mmv2.config import Detail, fingerprint, validate
from mmv2.errors import UserError, choices
from mmv2.evaluation.answering import answer_all
from mmv2.evaluation.frozen import FrozenExample, FrozenHeader, read_frozen
from mmv2.evaluation.outcome import Answer, Outcome
from mmv2.evaluation.progress import Progress
from mmv2.evaluation.tasks import TaskSpec
from mmv2.files import sha256
from mmv2.final import FinalModel, load_final
from mmv2.provenance import code_version, source_hash
from mmv2.records import ResultRecord, write_records
from mmv2.registry import architecture, entry

DEVICES = ("cpu", "cuda")


class _Origin(BaseModel):
    """What records take over from ``provenance`` in final/config.json."""

    model_config = ConfigDict(strict=True, frozen=True)

    run: str
    step: int
    tokens_seen: int
    budget: float
    seed: int
    init_from: str | None
    reduction: str | None = None
    settings: dict[str, Detail]
    fingerprint: str


def evaluate(
    model_folder: Path,
    frozen_file: Path,
    output_file: Path,
    batch_size: int,
    device: str | None = None,
    context_lengths: tuple[int, ...] | None = None,
) -> None:
    """Write one record per example of a frozen file.

    Args:
        model_folder: ``final/`` of a run.
        frozen_file: examples, made with the run's tokenizer.
        output_file: JSON lines of ``ResultRecord`` in the order of the frozen file; answers so far are kept beside it.
        batch_size: examples decoded together.
        device: cpu or cuda; None: a GPU where there is one.
        context_lengths: answer the examples of these lengths alone; None: all.

    Raises:
        UserError: an argument is out of range, a file is missing or damaged, the examples were made with another
            tokenizer, or the task's answers cannot be scored here.
    """
    if batch_size < 1:
        raise UserError(f"batch_size: {batch_size}; decode at least 1 example at a time")
    device = _device(device)
    torch.set_num_threads(1)
    header, examples = read_frozen(frozen_file)
    examples = _of_lengths(examples, context_lengths, frozen_file)
    _check_tokenizer(model_folder, header, frozen_file)
    task: TaskSpec = entry("task", header.task)
    task.before(header)
    final = load_final(model_folder)
    final.model.to(device)
    constant = {**_constant(final, model_folder, header, frozen_file), "device": device}
    progress = Progress(
        # Not *.jsonl: a folder of records is read by that ending.
        output_file.with_name(output_file.name + ".partial"),
        _key(final, model_folder, frozen_file, context_lengths, batch_size, device),
    )
    answer_all(final, header, examples, batch_size, progress)
    write_records(
        output_file,
        (
            _record(constant, task, header, example, progress.answers[index], final.tokenizer)
            for index, example in enumerate(examples)
        ),
    )
    progress.remove()


def _device(name: str | None) -> str:
    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in DEVICES:
        raise UserError(f"device: {name!r} is unknown; {choices(name, DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda, but there is no GPU that torch can use; use cpu")
    return name


def _of_lengths(
    examples: list[FrozenExample], context_lengths: Sequence[int] | None, frozen_file: Path
) -> list[FrozenExample]:
    if context_lengths is None:
        return examples
    there = sorted({example.context_length for example in examples})
    for length in context_lengths:
        if length not in there:
            raise UserError(f"context_lengths: {length}: {frozen_file} has no example of it; its lengths: {there}")
    return [example for example in examples if example.context_length in context_lengths]


def _check_tokenizer(model_folder: Path, header: FrozenHeader, frozen_file: Path) -> None:
    file = model_folder / "tokenizer.json"
    if not file.is_file():
        raise UserError(f"{file}: no such file; export the run again")
    if sha256(file) != header.tokenizer:
        raise UserError(
            f"{frozen_file}: made with another tokenizer ({header.tokenizer[:12]}) than that of {model_folder} "
            f"({sha256(file)[:12]}); freeze {header.task} with {file}"
        )


def _key(
    final: FinalModel,
    model_folder: Path,
    frozen_file: Path,
    context_lengths: Sequence[int] | None,
    batch_size: int,
    device: str,
) -> str:
    """Changes with all that an answer depends on."""
    files = (model_folder / "config.json", model_folder / "model.safetensors", frozen_file)
    code = source_hash(("mmv2.evaluation", *architecture(final.arch).packages))
    hashes = [sha256(file) for file in files]
    lengths = None if context_lengths is None else sorted(set(context_lengths))
    content = {"files": hashes, "lengths": lengths, "batch_size": batch_size, "device": device, "code": code}
    return fingerprint(content)


def _constant(final: FinalModel, model_folder: Path, header: FrozenHeader, frozen_file: Path) -> dict[str, Any]:
    """The fields that all records of one evaluation share."""
    origin = validate(_Origin, final.provenance, model_folder / "config.json", "provenance")
    return {
        **origin.model_dump(),
        "arch": final.arch,
        "label": architecture(final.arch).label_for(final.config),
        "num_parameters": sum(parameter.numel() for parameter in final.model.parameters()),
        "training_context": final.config.max_seq_len,
        "task": header.task,
        "data_hash": sha256(frozen_file),
        "code_version": code_version(),
    }


def _record(
    constant: Mapping[str, Any],
    task: TaskSpec,
    header: FrozenHeader,
    example: FrozenExample,
    answer: Answer,
    tokenizer: Tokenizer,
) -> ResultRecord:
    chosen = answer.choice(example.choices)
    outcome = Outcome(tokenizer.decode(answer.ids), chosen, answer.loglikelihoods, answer.details)
    generated = {"finished": answer.finished} if example.budget(header.max_new_tokens) else {}
    return ResultRecord(
        **constant,
        subtask=example.subtask,
        context_length=example.context_length,
        num_shots=example.num_shots,
        label_kind=example.label_kind,
        prompt_style=example.prompt_style,
        split=example.split,
        example_id=example.id,
        references=example.references,
        prediction=outcome.text,
        choice=outcome.choice,
        scores=dict(task.score(example, outcome)),
        main_score=task.main_score,
        chance=task.chance(example),
        baselines={
            name: task.score(example, Outcome.of_text(text))[task.main_score]
            for name, text in example.baselines.items()
        },
        num_tokens=example.num_tokens,
        depth=example.depth,
        details={**example.details, **answer.details, **generated},
    )
