"""Makes frozen examples of the requests that lm-eval makes of a benchmark's questions."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from numpy.random import default_rng

from mmv2.errors import UserError
from mmv2.evaluation.baselines import nearest_match
from mmv2.evaluation.frozen import Encoder, FrozenExample
from mmv2.evaluation.persistent.harness import PersistentTask, load_task
from mmv2.evaluation.persistent.table import Benchmark
from mmv2.evaluation.prompts import common_length, known_ids

MAX_GEN_TOKS = 256
"""lm-eval's budget where a task names none."""
SHARED_TOKENS = 32
"""A beginning that all prompts of a subset share is read once, from this length on."""
_TRIES = 16
"""Places that are tried as the end of a shared beginning."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question as lm-eval asks it."""

    id: str
    subset: str
    document: dict[str, Any]
    """The row that scores are computed from."""
    shared: str = ""
    """What the whole prompt begins with, as all prompts of the subset do."""
    prompt: str
    """The rest of it."""
    references: tuple[str, ...]
    choices: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    budget: int = 0


def questions(
    benchmark: Benchmark, shots: int, number: int, seed: int, root: Path, from_hub: bool, encoder: Encoder
) -> Iterator[Question]:
    """Questions drawn from all subsets together, subset by subset; every row has the same chance.

    Args:
        benchmark: one of the table.
        shots: demonstrations before each.
        number: questions, or all where there are fewer.
        seed: of the draw and of the demonstrations.
        root: the data root.
        from_hub: read the Hub instead.
        encoder: of the models to evaluate; it decides where a shared beginning can end.
    """
    tasks = {subset: load_task(benchmark, subset, shots, root, from_hub) for subset in benchmark.subsets}
    rows = [(subset, row) for subset, task in tasks.items() for row in range(len(task.rows))]
    rng = default_rng((seed, zlib.crc32(f"persistent/{benchmark.name}".encode())))
    drawn: dict[str, list[int]] = {}
    for place in rng.permutation(len(rows))[:number].tolist():
        subset, row = rows[place]
        drawn.setdefault(subset, []).append(row)
    for subset, numbers in drawn.items():
        task = tasks[subset]
        task.set_fewshot_seed(seed)
        asked = [question(task, subset, row) for row in numbers]
        shared = shared_beginning(encoder, [one.prompt for one in asked])
        for one in asked:
            yield replace(one, shared=shared, prompt=one.prompt.removeprefix(shared))


def question(task: PersistentTask, subset: str, row: int) -> Question:
    """The request for one row; raises UserError where lm-eval would sample."""
    doc = task.document(task.rows[row])
    requests = task.requests(doc, row)
    start = Question(
        id=f"{subset}/{row}" if subset else str(row), subset=subset, document=task.rows[row], prompt="", references=()
    )
    if requests[0].request_type == "loglikelihood":
        prompt, heads, choices = _ranked(requests)
        right = choices[task.right_choice(doc)].strip()
        return replace(start, prompt=prompt, references=(right,), choices=choices, heads=heads)
    prompt, generation = requests[0].args
    if generation.get("do_sample"):
        raise UserError(f"benchmarks: {task.config.task} samples its answers; only greedy ones can be frozen")
    target = task.doc_to_target(doc)
    return replace(
        start,
        prompt=prompt,
        references=tuple(map(str, target)) if isinstance(target, list) else (str(target),),
        stops=tuple(stop for stop in generation["until"] if stop),
        budget=int(generation.get("max_gen_toks", MAX_GEN_TOKS)),
    )


def _ranked(requests: Sequence[Instance]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Prompt, heads and choices of what lm-eval asks as context and continuation of each choice.

    Blanks at a context's end go to its continuation, as lm-eval moves them. Where contexts differ (WinoGrande), what
    they share is the prompt, and a choice begins with the rest of its context, which is not scored.
    """
    contexts = [request.args[0].rstrip(" ") for request in requests]
    ends = [
        request.args[0][len(context) :] + request.args[1] for request, context in zip(requests, contexts, strict=True)
    ]
    if len(set(contexts)) == 1:
        return contexts[0], (), tuple(ends)
    shared = contexts[0][: common_length(contexts)]
    prompt = shared[: shared.rindex(" ")]
    heads = tuple(context.removeprefix(prompt) for context in contexts)
    return prompt, heads, tuple(head + end for head, end in zip(heads, ends, strict=True))


def shared_beginning(encoder: Encoder, texts: Sequence[str]) -> str:
    """The longest text that all begin with, and across whose end no token of any of them reaches.

    Returns:
        Nothing where it would be shorter than ``SHARED_TOKENS``, or where there is one text alone.
    """
    rows = [encoder.ids(text) for text in texts]
    longest = min(common_length(rows), min(map(len, rows)) - 1) if len(texts) > 1 else 0
    offsets = encoder.tokenizer.encode(texts[0], add_special_tokens=False).offsets
    for length in range(longest, max(longest - _TRIES, SHARED_TOKENS - 1), -1):
        shared = texts[0][: offsets[length - 1][1]]
        if encoder.ids(shared) == rows[0][:length] and all(
            text.startswith(shared) and encoder.ids(text.removeprefix(shared)) == row[length:]
            for text, row in zip(texts, rows, strict=True)
        ):
            return shared
    return ""


def example(
    benchmark: Benchmark, shots: int, asked: Question, length: int, most: int, encoder: Encoder
) -> FrozenExample:
    """The frozen example of a question.

    Args:
        benchmark: that it is of.
        shots: demonstrations in the prompt.
        asked: the question.
        length: tokens allowed for begin-of-text, prompt and answer.
        most: new tokens allowed, where lm-eval would allow more.
        encoder: of the models to evaluate.

    Raises:
        UserError: it is longer than ``length``, or has a word unknown to a word-level tokenizer.
    """
    place = f"persistent: {benchmark.name}: row {asked.id}"
    shared = known_ids(encoder.tokenizer, asked.shared, place) if asked.shared else []
    ids = known_ids(encoder.tokenizer, asked.prompt, place)
    budget = min(asked.budget, most)
    answers = [len(known_ids(encoder.tokenizer, choice, place)) for choice in asked.choices]
    num_tokens = 1 + len(shared) + len(ids) + max([budget, *answers])
    if num_tokens > length:
        raise UserError(
            f"persistent: context_lengths: {length}: row {asked.id} of {benchmark.name} needs {num_tokens} tokens "
            f"(begin-of-text, prompt, and budget {budget} or its longest choice); nothing is cut off: use a longer "
            f"length, fewer shots or a smaller max_new_tokens"
        )
    published = "" if benchmark.group == "beside" else benchmark.name
    return FrozenExample(
        id=asked.id,
        subtask=benchmark.name,
        context_length=length,
        num_shots=shots,
        prefix=_prefix_name(benchmark, asked),
        prompt=asked.prompt,
        references=asked.references,
        choices=asked.choices,
        choice_heads=asked.heads,
        max_new_tokens=budget,
        stops=asked.stops,
        num_tokens=num_tokens,
        baselines=_baselines(benchmark, asked, shared + ids, budget, encoder),
        details={"group": benchmark.group, "published": published, "subset": asked.subset, **_budgets(asked, budget)},
        document=asked.document,
    )


def _budgets(asked: Question, budget: int) -> dict[str, int]:
    """New tokens allowed, and those of lm-eval's protocol: with fewer, a score compares with no published one."""
    return {"max_new_tokens": budget, "protocol_max_new_tokens": asked.budget} if asked.budget else {}


def _prefix_name(benchmark: Benchmark, asked: Question) -> str | None:
    return "/".join(filter(None, (benchmark.name, asked.subset))) if asked.shared else None


def prefixes(benchmark: Benchmark, asked: Sequence[Question]) -> dict[str, str]:
    """Name -> text of the beginnings that the questions share."""
    named = ((_prefix_name(benchmark, one), one.shared) for one in asked)
    return {name: text for name, text in named if name is not None}


def _baselines(
    benchmark: Benchmark, asked: Question, prompt_ids: Sequence[int], budget: int, encoder: Encoder
) -> dict[str, str]:
    """Trivial answers: the longest choice, or what the nearest match copies; of code none, which runs nothing."""
    if asked.choices:
        return {"longest_choice": max(asked.choices, key=len).strip()}
    if benchmark.runs_code:
        return {"empty_answer": ""}
    return {"nearest_match": str(encoder.tokenizer.decode(nearest_match(prompt_ids, budget)))}
