"""Evaluates one trained model on one frozen file: greedy answers, scores, records. Goes on after a kill.

The records are the same bytes whether or not the evaluation was interrupted: batches are laid out beforehand and always
computed whole, on one thread.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from tokenizers import Tokenizer

from mmv2.config import fingerprint, validate
from mmv2.data.tokenizer import BOS, EOS
from mmv2.errors import UserError, choices
from mmv2.evaluation.frozen import FrozenExample, FrozenHeader, read_frozen
from mmv2.evaluation.generation import Answer, generate
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
    fingerprint: str


def evaluate(
    model_folder: Path, frozen_file: Path, output_file: Path, batch_size: int, device: str | None = None
) -> None:
    """Write one record per example of a frozen file.

    Args:
        model_folder: ``final/`` of a run.
        frozen_file: examples, made with the run's tokenizer.
        output_file: JSON lines of ``ResultRecord`` in the order of the frozen file; answers so far are kept beside it.
        batch_size: examples decoded together.
        device: cpu or cuda; None: a GPU where there is one.

    Raises:
        UserError: an argument is out of range, a file is missing or damaged, or the examples were made with another
            tokenizer.
    """
    if batch_size < 1:
        raise UserError(f"batch_size: {batch_size}; decode at least 1 example at a time")
    device = _device(device)
    torch.set_num_threads(1)
    header, examples = read_frozen(frozen_file)
    _check_tokenizer(model_folder, header, frozen_file)
    final = load_final(model_folder)
    final.model.to(device)
    constant = {**_constant(final, model_folder, header, frozen_file), "device": device}
    progress = Progress(
        # Not *.jsonl: a folder of records is read by that ending.
        output_file.with_name(output_file.name + ".partial"),
        _key(final, model_folder, frozen_file, batch_size, device),
    )
    _answer_all(final, header, examples, batch_size, progress)
    task: TaskSpec = entry("task", header.task)
    write_records(
        output_file,
        (
            _record(constant, task, example, progress.answers[index], final.tokenizer)
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


def _check_tokenizer(model_folder: Path, header: FrozenHeader, frozen_file: Path) -> None:
    file = model_folder / "tokenizer.json"
    if not file.is_file():
        raise UserError(f"{file}: no such file; export the run again")
    if sha256(file) != header.tokenizer:
        raise UserError(
            f"{frozen_file}: made with another tokenizer ({header.tokenizer[:12]}) than that of {model_folder} "
            f"({sha256(file)[:12]}); freeze {header.task} with {file}"
        )


def _key(final: FinalModel, model_folder: Path, frozen_file: Path, batch_size: int, device: str) -> str:
    """Changes with all that an answer depends on."""
    files = (model_folder / "config.json", model_folder / "model.safetensors", frozen_file)
    code = source_hash(("mmv2.evaluation", *architecture(final.arch).packages))
    hashes = [sha256(file) for file in files]
    return fingerprint({"files": hashes, "batch_size": batch_size, "device": device, "code": code})


def _answer_all(
    final: FinalModel, header: FrozenHeader, examples: Sequence[FrozenExample], batch_size: int, progress: Progress
) -> None:
    started = time.monotonic()
    bos_id, eos_id = final.tokenizer.token_to_id(BOS), final.tokenizer.token_to_id(EOS)
    assert bos_id is not None, "freezing checks that the tokenizer has it"
    assert eos_id is not None, "freezing checks that the tokenizer has it"
    for batch in _batches(examples, batch_size, header.max_new_tokens):
        if all(index in progress.answers for index in batch):
            continue
        prompts = [[bos_id, *_prompt_ids(final.tokenizer, header, examples[index])] for index in batch]
        answers = generate(final.model, prompts, header.max_new_tokens, eos_id)
        progress.add(dict(zip(batch, answers, strict=True)))
        print(
            f"{final.provenance['run']}: {header.task}: {len(progress.answers)} of {len(examples)} examples, "
            f"length {examples[batch[-1]].context_length}, {time.monotonic() - started:.0f} s",
            file=sys.stderr,
            flush=True,
        )


def _batches(examples: Sequence[FrozenExample], batch_size: int, budget: int) -> Iterator[list[int]]:
    """Numbers of the examples of each batch: prompts of like length together, the short ones first.

    Rows longer than the shortest read their rest token by token (``generate``), so within a batch lengths differ by at
    most the generation budget: the rest costs no more steps than the answer.
    """
    order = sorted(range(len(examples)), key=lambda index: (examples[index].num_tokens, index))
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) == batch_size or examples[index].num_tokens > examples[batch[0]].num_tokens + budget):
            yield batch
            batch = []
        batch.append(index)
    yield batch


def _prompt_ids(tokenizer: Tokenizer, header: FrozenHeader, example: FrozenExample) -> list[int]:
    ids: list[int] = tokenizer.encode(example.prompt, add_special_tokens=False).ids
    now, then = 1 + len(ids), example.num_tokens - header.max_new_tokens
    if now != then:
        raise UserError(
            f"example {example.id} of {header.task}: {now} tokens here, {then} when it was frozen; "
            f"freeze the task again with this version of the tokenizers package"
        )
    return ids


def _constant(final: FinalModel, model_folder: Path, header: FrozenHeader, frozen_file: Path) -> dict[str, Any]:
    """The fields that all records of one evaluation share."""
    origin = validate(_Origin, final.provenance, model_folder / "config.json", "provenance")
    return {
        **origin.model_dump(),
        "arch": final.arch,
        "label": architecture(final.arch).label,
        "num_parameters": sum(parameter.numel() for parameter in final.model.parameters()),
        "training_context": final.config.max_seq_len,
        "task": header.task,
        "data_hash": sha256(frozen_file),
        "code_version": code_version(),
    }


def _record(
    constant: Mapping[str, Any], task: TaskSpec, example: FrozenExample, answer: Answer, tokenizer: Tokenizer
) -> ResultRecord:
    prediction = tokenizer.decode(answer.ids)
    return ResultRecord(
        **constant,
        subtask=example.subtask,
        context_length=example.context_length,
        num_shots=example.num_shots,
        label_kind=example.label_kind,
        prompt_style=example.prompt_style,
        example_id=example.id,
        references=example.references,
        prediction=prediction,
        scores=dict(task.score(example, prediction)),
        main_score=task.main_score,
        chance=task.chance(example),
        baselines={name: task.score(example, text)[task.main_score] for name, text in example.baselines.items()},
        num_tokens=example.num_tokens,
        depth=example.depth,
        details={**example.details, "finished": answer.finished},
    )
