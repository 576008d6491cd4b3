"""RULER's multi-document question answering: documents hold the answer, among others that distract.

NVIDIA/RULER's ``qa`` tasks on SQuAD or HotpotQA; docs/ruler.md tells what is as there and what is not. Instruction,
documents, steps and budget are settings: the same code fits any length, tokenizer and file.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmv2.config import Detail
from mmv2.data.tokenizer import open_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.baselines import AnswerLists, FrequentAnswers, nearest_match, told_share
from mmv2.evaluation.frozen import Encoder, FrozenExample, check_corpus_files, freeze_examples, summarise
from mmv2.evaluation.hotpot import read_hotpot
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.question_files import DocumentQuestion, QuestionFile
from mmv2.evaluation.ruler.qa import QaPrompts
from mmv2.evaluation.ruler.settings import RulerQaSettings
from mmv2.evaluation.scoring import official, strict
from mmv2.evaluation.squad import read_squad
from mmv2.evaluation.tasks import TaskSpec


def freeze(settings: RulerQaSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Make all examples of all lengths and write them.

    Args:
        settings: their file names are relative to ``corpus_folder``.
        corpus_folder: a corpus as data preparation leaves it, or any folder.
        tokenizer_file: tokenizer.json of the models to evaluate, or the folder of their tokenizer.
        output: JSON lines, see ``mmv2.evaluation.frozen``; the same bytes whatever the order of lengths.

    Raises:
        UserError: a source or the tokenizer is absent, damaged or not as the corpus manifest records it, a length does
            not fit or cannot be filled, a prompt has words that the tokenizer does not know.
    """
    settings = settings.resolved()
    files = {name: corpus_folder / name for source in settings.sources.values() for name in source.files}
    check_corpus_files(corpus_folder, tokenizer_file, list(files))
    encoder = Encoder(open_tokenizer(tokenizer_file))
    subtasks = [_asked(settings, name, corpus_folder) for name in settings.sources]
    examples: list[FrozenExample] = []
    for length in sorted(set(settings.context_lengths)):
        for asked in subtasks:
            found = list(_examples(QaPrompts(settings, asked.name, asked.pool, encoder, length), asked))
            _check_filled(found, asked, settings.min_fill)
            examples += found
    summary = summarise(examples, documents="num_documents")
    if settings.unfit == "leave_out":
        number = sum(len(asked.questions) for asked in subtasks)
        summary = {length: {**row, "left_out": number - row["examples"]} for length, row in summary.items()}
    freeze_examples(output, "ruler_qa", settings, tokenizer_file, files, examples, summary)


@dataclass(frozen=True)
class _Asked:
    """What is asked in one subtask, the same at every length."""

    name: str
    file: Path
    questions: Sequence[DocumentQuestion]
    pool: Sequence[str]
    guesses: FrequentAnswers
    lists: AnswerLists | None


def _asked(settings: RulerQaSettings, name: str, corpus_folder: Path) -> _Asked:
    source = settings.sources[name]
    file = corpus_folder / source.file
    found = read_questions(file, source.format)
    fewest = min(map(settings.fewest, settings.context_lengths))
    if settings.regime == "random_depth" and len(found.pool) < fewest:
        raise UserError(
            f"{file}: {len(found.pool)} documents, ruler_qa needs min_documents {fewest}; use a larger file or fewer "
            f"documents"
        )
    questions = _chosen(found.questions, settings, name)
    if source.dev_file is not None:
        dev = read_questions(corpus_folder / source.dev_file, source.format).questions
    else:
        dev = tuple(question for question in found.questions if question not in questions)
    if not dev:
        raise UserError(
            f"{file}: dev_file: all {len(questions)} questions are asked, none is left for the blind guess; name a "
            f"file of other questions, or ask fewer (examples_per_length)"
        )
    lists = AnswerLists.read(source.answer_lists, corpus_folder)
    return _Asked(name, file, questions, found.pool, FrequentAnswers(dev), lists)


def read_questions(path: Path, layout: str) -> QuestionFile:
    """Read SQuAD (layout squad) or HotpotQA (layout hotpotqa); raises UserError for anything else."""
    if layout == "hotpotqa":
        return read_hotpot(path)
    squad = read_squad(path)
    questions = tuple(
        DocumentQuestion(one.id, one.text, one.answers, own=(one.gold,), needed=(one.gold,), more=one.more)
        for one in squad.questions
    )
    return QuestionFile(questions, squad.pool)


def _chosen(questions: Sequence[DocumentQuestion], settings: RulerQaSettings, name: str) -> list[DocumentQuestion]:
    number = min(settings.examples_per_length, len(questions))
    if settings.questions == "first":
        return list(questions[:number])
    rng = np.random.default_rng((settings.seed, zlib.crc32(f"ruler_qa/{name}/questions".encode())))
    return [questions[place] for place in rng.choice(len(questions), size=number, replace=False)]


def _examples(prompts: QaPrompts, asked: _Asked) -> Iterator[FrozenExample]:
    budget = prompts.settings.max_new_tokens
    for question, prompt in prompts.of(asked.questions):
        details: dict[str, Detail] = {"num_documents": prompt.num_documents}
        if len(question.needed) > 1:
            details["last_depth"] = prompt.last_depth
        if asked.lists is not None:
            place = f"{asked.file}: question {question.id}"
            details |= asked.lists.told(question.answers, prompt.context, place).details
        yield FrozenExample(
            id=question.id,
            subtask=asked.name,
            context_length=prompts.length,
            prompt=prompt.text,
            references=question.answers,
            num_tokens=prompts.num_tokens(prompt),
            depth=prompt.first_depth,
            baselines={
                "most_frequent_answer": asked.guesses.guess(question.text),
                "nearest_match": prompts.encoder.tokenizer.decode(nearest_match(prompt.ids, budget)),
            },
            details=details,
        )


def _check_filled(examples: Sequence[FrozenExample], asked: _Asked, least: float) -> None:
    """Of one length."""
    length = examples[0].context_length
    fill = float(np.mean([example.num_tokens / length for example in examples]))
    if fill < least:
        raise UserError(
            f"ruler_qa: context_lengths: {length}: its examples use {fill:.0%} of it, min_fill is {least:.0%} "
            f"({asked.file.name} has {len(asked.pool)} documents); use a shorter length, a larger file, a smaller "
            f"document_step or a lower min_fill"
        )


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """RULER's substring score and a strict one, both 0 or 1."""
    return {"official": official(example.references, outcome.text), "strict": strict(example.references, outcome.text)}


def chance(example: FrozenExample) -> float:
    """Score to be expected of a word of the right kind drawn from the documents, where ``answer_lists`` tell the kinds.

    Who gets no further has read which answers there are, not which of them belongs to the question. Without lists the
    blind guess, the most frequent answer to questions of that kind in the dev file. That is 0 or 1: the guess is fixed,
    so over few examples its mean is uncertain, as a model's is.
    """
    return told_share(example.details, official(example.references, example.baselines["most_frequent_answer"]))


TASK = TaskSpec(
    label="RULER QA",
    settings=RulerQaSettings,
    freeze=freeze,
    score=score,
    main_score="official",
    packages=(
        "mmv2.evaluation.baselines",
        "mmv2.evaluation.frozen",
        "mmv2.evaluation.hotpot",
        "mmv2.evaluation.prompts",
        "mmv2.evaluation.question_files",
        "mmv2.evaluation.rows",
        "mmv2.evaluation.ruler",
        "mmv2.evaluation.scoring",
        "mmv2.evaluation.squad",
        "mmv2.evaluation.tasks.ruler_qa",
        "mmv2.evaluation.word_lists",
    ),
    chance=chance,
)
