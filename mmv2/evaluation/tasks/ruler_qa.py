"""RULER's multi-document question answering: documents hold the answer, among others that distract.

NVIDIA/RULER's ``qa`` tasks on SQuAD or HotpotQA; docs/ruler.md tells what is as there and what is not. Instruction,
documents, steps and budget are settings: the same code fits any length, tokenizer and file.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmv2.data.tokenizer import open_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.baselines import FrequentAnswers, nearest_match
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
            not fit or cannot be filled.
    """
    settings = settings.resolved()
    names = [name for name in (settings.file, settings.dev_file) if name is not None]
    check_corpus_files(corpus_folder, tokenizer_file, names)
    encoder = Encoder(open_tokenizer(tokenizer_file))
    files = {name: corpus_folder / name for name in names}
    source = read_questions(files[settings.file], settings.format)
    fewest = min(map(settings.fewest, settings.context_lengths))
    if settings.regime == "random_depth" and len(source.pool) < fewest:
        raise UserError(
            f"{files[settings.file]}: {len(source.pool)} documents, ruler_qa needs min_documents {fewest}; use a "
            f"larger file or fewer documents"
        )
    asked = _chosen(source.questions, settings)
    guesses = FrequentAnswers(_for_guesses(settings, files, source, asked))
    examples: list[FrozenExample] = []
    for length in sorted(set(settings.context_lengths)):
        examples += _examples(QaPrompts(settings, source.pool, encoder, length), asked, guesses)
    summary = summarise(examples, documents="num_documents")
    if settings.unfit == "leave_out":
        summary = {length: {**row, "left_out": len(asked) - row["examples"]} for length, row in summary.items()}
    _check_filled(summary, len(source.pool), settings.min_fill, files[settings.file])
    freeze_examples(output, "ruler_qa", settings, tokenizer_file, files, examples, summary)


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


def _chosen(questions: Sequence[DocumentQuestion], settings: RulerQaSettings) -> list[DocumentQuestion]:
    """The questions asked, the same at every length."""
    number = min(settings.examples_per_length, len(questions))
    if settings.questions == "first":
        return list(questions[:number])
    rng = np.random.default_rng((settings.seed, zlib.crc32(f"ruler_qa/{settings.subtask}/questions".encode())))
    return [questions[place] for place in rng.choice(len(questions), size=number, replace=False)]


def _for_guesses(
    settings: RulerQaSettings, files: Mapping[str, Path], source: QuestionFile, asked: Sequence[DocumentQuestion]
) -> Sequence[DocumentQuestion]:
    """Questions that the blind guess may know: none of those asked."""
    if settings.dev_file is not None:
        return read_questions(files[settings.dev_file], settings.format).questions
    left = [question for question in source.questions if question not in asked]
    if not left:
        raise UserError(
            f"{files[settings.file]}: dev_file: all {len(asked)} questions are asked, none is left for the blind "
            f"guess; name a file of other questions, or ask fewer (examples_per_length)"
        )
    return left


def _examples(
    prompts: QaPrompts, questions: Sequence[DocumentQuestion], guesses: FrequentAnswers
) -> Iterator[FrozenExample]:
    settings = prompts.settings
    for question, prompt in prompts.of(questions):
        copied = nearest_match(prompt.ids, settings.max_new_tokens)
        yield FrozenExample(
            id=question.id,
            subtask=settings.subtask,
            context_length=prompts.length,
            prompt=prompt.text,
            references=question.answers,
            num_tokens=prompts.num_tokens(prompt),
            depth=prompt.first_depth,
            baselines={
                "most_frequent_answer": guesses.guess(question.text),
                "nearest_match": prompts.encoder.tokenizer.decode(copied),
            },
            details={"num_documents": prompt.num_documents}
            | ({} if len(question.needed) == 1 else {"last_depth": prompt.last_depth}),
        )


def _check_filled(summary: Mapping[str, Mapping[str, float]], pool: int, least: float, file: Path) -> None:
    for length, values in summary.items():
        if values["fill"] < least:
            raise UserError(
                f"ruler_qa: context_lengths: {length}: its examples use {values['fill']:.0%} of it, min_fill is "
                f"{least:.0%} ({file.name} has {pool} documents); use a shorter length, a larger file, a smaller "
                f"document_step or a lower min_fill"
            )


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """RULER's substring score and a strict one, both 0 or 1."""
    return {"official": official(example.references, outcome.text), "strict": strict(example.references, outcome.text)}


def chance(example: FrozenExample) -> float:
    """Official score of the blind guess: the most frequent answer to questions of that kind in the dev file.

    0 or 1: the guess is fixed, so over few examples its mean is uncertain, as a model's is.
    """
    return official(example.references, example.baselines["most_frequent_answer"])


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
