"""Lets a model answer the examples of a frozen file, batch by batch, and reads each shared prefix once.

Batches are laid out beforehand and always computed whole, so that answers do not depend on interruptions.
"""

import sys
import time
from collections.abc import Iterator, Sequence

import torch

from mmv2.data.tokenizer import marker_ids
from mmv2.errors import UserError
from mmv2.evaluation.frozen import Encoder, FrozenExample, FrozenHeader
from mmv2.evaluation.generation import answer, read
from mmv2.evaluation.outcome import Answer
from mmv2.evaluation.progress import Progress
from mmv2.evaluation.reading import bucket_details, predict_tokens, token_bytes
from mmv2.final import FinalModel
from mmv2.layers.decoder import DecoderState


def answer_all(
    final: FinalModel, header: FrozenHeader, examples: Sequence[FrozenExample], batch_size: int, progress: Progress
) -> None:
    """Compute the answers that ``progress`` has not yet.

    Args:
        final: the model.
        header: of the frozen file.
        examples: all or some of its examples.
        batch_size: examples, or copies of their states for choices, computed together.
        progress: receives the answers by the number of the example in ``examples``.

    Raises:
        UserError: a prompt has not the length it had when it was frozen.
    """
    started = time.monotonic()
    reader = _Reader(final, header, batch_size)
    for batch in batches(reader.encoder, header, examples, batch_size):
        if all(index in progress.answers for index in batch):
            continue
        answers = reader.answers([examples[index] for index in batch])
        progress.add(dict(zip(batch, answers, strict=True)))
        print(
            f"{final.provenance['run']}: {header.task}: {len(progress.answers)} of {len(examples)} examples, "
            f"length {examples[batch[-1]].context_length}, {time.monotonic() - started:.0f} s",
            file=sys.stderr,
            flush=True,
        )


def batches(
    encoder: Encoder, header: FrozenHeader, examples: Sequence[FrozenExample], batch_size: int
) -> Iterator[list[int]]:
    """Numbers of the examples of each batch: one prefix after the other, prompts of like length together, short first.

    Rows longer than the shortest read their rest token by token (``answer``), so within a batch lengths differ by at
    most the generation budget: the rest costs no more steps than the answer. Where choices are ranked or texts read,
    all rows have the same length.
    """
    one_length = bool(header.position_bounds) or any(example.choices for example in examples)
    slack = 0 if one_length else header.max_new_tokens
    places = {name: place for place, name in enumerate((None, *header.prefixes))}
    lengths = [example.num_tokens - encoder.tokens_after(example, header.max_new_tokens) for example in examples]
    groups = [places[example.prefix] for example in examples]
    batch: list[int] = []
    for index in sorted(range(len(examples)), key=lambda index: (groups[index], lengths[index], index)):
        full = len(batch) == batch_size
        if batch and (full or groups[index] != groups[batch[0]] or lengths[index] > lengths[batch[0]] + slack):
            yield batch
            batch = []
        batch.append(index)
    yield batch


class _Reader:
    """A model that reads batches of examples; between batches it keeps the state of the last prefix alone."""

    def __init__(self, final: FinalModel, header: FrozenHeader, batch_size: int):
        self.model = final.model
        self.header = header
        self.batch_size = batch_size
        self.encoder = Encoder(final.tokenizer)
        self.bos_id, self.eos_id = marker_ids(final.tokenizer)
        self._prefix: tuple[str, DecoderState] | None = None

    def answers(self, examples: Sequence[FrozenExample]) -> list[Answer]:
        """Of one batch."""
        if self.header.position_bounds:
            return self._read(examples)
        prefix = self._prefix_state(examples[0].prefix)
        begin = [] if prefix else [self.bos_id]
        prompts = [begin + self._prompt_ids(example) for example in examples]
        choices = [[self.encoder.remembered(choice) for choice in example.choices] for example in examples]
        ranked = choices if any(choices) else None
        budget = self.header.max_new_tokens
        return answer(self.model, prompts, budget, self.eos_id, prefix, ranked, self.batch_size)

    def _read(self, examples: Sequence[FrozenExample]) -> list[Answer]:
        texts_BT = self._tokens([self._prompt_ids(example) for example in examples])
        bits_BT, hits_BT = predict_tokens(self.model, texts_BT, self.bos_id)
        answers = []
        for example, bits_T, hits_T in zip(examples, bits_BT, hits_BT, strict=True):
            offsets = self.encoder.tokenizer.encode(example.prompt, add_special_tokens=False).offsets
            bytes_T = token_bytes(example.prompt, offsets)
            answers.append(Answer(details=bucket_details(self.header.position_bounds, bits_T, hits_T, bytes_T)))
        return answers

    def _prefix_state(self, name: str | None) -> DecoderState | None:
        if self._prefix is None or self._prefix[0] != name:
            self._prefix = None  # before the next one is read: there is never room taken by two
            if name is not None:
                ids = [self.bos_id, *self.encoder.remembered(self.header.prefixes[name])]
                with torch.inference_mode():
                    self._prefix = name, read(self.model, self._tokens([ids]))[1]
        return self._prefix[1] if self._prefix else None

    def _prompt_ids(self, example: FrozenExample) -> list[int]:
        """Of the prompt after its prefix, whose lengths together must be those at freezing."""
        ids = self.encoder.ids(example.prompt)
        prefix = [] if example.prefix is None else self.encoder.remembered(self.header.prefixes[example.prefix])
        now = 1 + len(prefix) + len(ids) + self.encoder.tokens_after(example, self.header.max_new_tokens)
        if now != example.num_tokens:
            raise UserError(
                f"example {example.id} of {self.header.task}: {now} tokens here, {example.num_tokens} when it was "
                f"frozen; freeze the task again with this version of the tokenizers package"
            )
        return ids

    def _tokens(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        return torch.tensor(rows, device=self.model.embedding.weight.device)
