"""Lets a model answer the examples of a frozen file, batch by batch, and reads each shared prefix once.

Batches are laid out beforehand and always computed whole, so that answers do not depend on interruptions.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from tokenizers import Tokenizer

from mmv2.data.tokenizer import marker_ids
from mmv2.errors import UserError
from mmv2.evaluation.attention import tell
from mmv2.evaluation.frozen import Encoder, FrozenExample, FrozenHeader
from mmv2.evaluation.generation import Ended, answer, never, read
from mmv2.evaluation.outcome import Answer
from mmv2.evaluation.progress import Progress
from mmv2.evaluation.reading import bucket_details, predict_tokens, token_bytes
from mmv2.final import FinalModel
from mmv2.layers.decoder import Decoder, DecoderState
from mmv2.registry import architecture


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
    _tell_failed_checks(str(final.provenance["run"]), examples, progress)


def _tell_failed_checks(run: str, examples: Sequence[FrozenExample], progress: Progress) -> None:
    """Say on stderr at which lengths a part of the prompts was out of the model's reach."""
    lowest: dict[int, float] = {}
    for index, told in progress.answers.items():
        length, reach = examples[index].context_length, float(told.details.get("in_reach", 1.0) or 0)
        lowest[length] = min(reach, lowest.get(length, 1.0))
    failed = [f"{length} tokens: lowest in_reach {reach:.3f}" for length, reach in sorted(lowest.items()) if reach < 1]
    if failed:
        print(
            f"{run}: check of reach: failed ({'; '.join(failed)}); see docs/attention.md", file=sys.stderr, flush=True
        )


def batches(
    encoder: Encoder, header: FrozenHeader, examples: Sequence[FrozenExample], batch_size: int
) -> Iterator[list[int]]:
    """Numbers of the examples of each batch: one prefix after the other, prompts of like length together, short first.

    Rows longer than the shortest read their rest token by token (``answer``), so within a batch lengths differ by at
    most the generation budget, which all rows share: the rest costs no more steps than the answer. Where choices are
    ranked or texts read, all rows have the same length.
    """
    places = {name: place for place, name in enumerate((None, *header.prefixes))}
    lengths = [example.num_tokens - encoder.tokens_after(example, header.max_new_tokens) for example in examples]
    budgets = [example.budget(header.max_new_tokens) for example in examples]
    slacks = [
        0 if header.position_bounds or example.choices else budget
        for example, budget in zip(examples, budgets, strict=True)
    ]
    groups = [
        (places[example.prefix], slack, budget)
        for example, slack, budget in zip(examples, slacks, budgets, strict=True)
    ]
    batch: list[int] = []
    for index in sorted(range(len(examples)), key=lambda index: (groups[index], lengths[index], index)):
        full = len(batch) == batch_size
        longest = lengths[batch[0]] + slacks[index] if batch else 0
        if batch and (full or groups[index] != groups[batch[0]] or lengths[index] > longest):
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
        self.has_maps = bool(architecture(final.arch).attention_maps(final.config))
        self._prefix: tuple[str, DecoderState] | None = None

    def answers(self, examples: Sequence[FrozenExample]) -> list[Answer]:
        """Of one batch."""
        if self.header.position_bounds:
            return self._read(examples)
        if self.header.ages:
            return self._look(examples)
        prefix = self._prefix_state(examples[0].prefix)
        begin = [] if prefix else [self.bos_id]
        prompts = [begin + self._prompt_ids(example) for example in examples]
        choices = [
            [self.encoder.remembered(text) for text in (*example.choices, *example.choice_heads)]
            for example in examples
        ]
        ranked = choices if any(choices) else None
        budgets = [example.budget(self.header.max_new_tokens) for example in examples]
        ended = [stopped(self.encoder.tokenizer, example.stops) for example in examples]
        answers = answer(self.model, prompts, budgets, self.eos_id, prefix, ranked, self.batch_size, ended)
        return [_without_heads(example, one) for example, one in zip(examples, answers, strict=True)]

    def _read(self, examples: Sequence[FrozenExample]) -> list[Answer]:
        texts_BT = self._tokens([self._prompt_ids(example) for example in examples])
        bits_BT, hits_BT = predict_tokens(self.model, texts_BT, self.bos_id)
        answers = []
        for example, bits_T, hits_T in zip(examples, bits_BT, hits_BT, strict=True):
            offsets = self.encoder.tokenizer.encode(example.prompt, add_special_tokens=False).offsets
            bytes_T = token_bytes(example.prompt, offsets)
            answers.append(Answer(details=bucket_details(self.header.position_bounds, bits_T, hits_T, bytes_T)))
        return answers

    def _look(self, examples: Sequence[FrozenExample]) -> list[Answer]:
        if not self.has_maps:
            return [Answer(details={"maps": ""}) for _ in examples]
        stretches = [example.marked for example in examples if example.marked]
        tokens_BT = self._tokens([[self.bos_id, *self._prompt_ids(example)] for example in examples])
        assert isinstance(self.model, Decoder), "attention maps are those of mixers"
        return [Answer(details=told) for told in tell(self.model, tokens_BT, self.header.ages, stretches)]

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
        return torch.tensor(rows, device=self.model.device)


def _without_heads(example: FrozenExample, answer: Answer) -> Answer:
    """The answer with the log-likelihood of each choice after its head; the heads' own follow those of the choices."""
    if not example.choice_heads:
        return answer
    number = len(example.choices)
    pairs = zip(answer.loglikelihoods[:number], answer.loglikelihoods[number:], strict=True)
    return replace(answer, loglikelihoods=tuple(whole - head for whole, head in pairs))


def stopped(tokenizer: Tokenizer, stops: Sequence[str]) -> Ended:
    """Whether the text of new tokens holds any of the stops, if asked after every new token."""
    if not stops:
        return never
    # A stop that the last token completes stands within as many tokens as it has bytes.
    most = max(len(stop.encode()) for stop in stops) + 1

    def ended(ids: Sequence[int]) -> bool:
        text = tokenizer.decode(list(ids[-most:]))
        return any(stop in text for stop in stops)

    return ended
