"""RULER's needle in a haystack: one sentence holds the value asked for, the rest of the text says nothing about it.

NVIDIA/RULER's ``niah_single`` tasks; docs/ruler.md tells what is as there and what is not. Templates, haystack, keys,
values and steps are settings: in a world with a closed vocabulary a needle is a fact about somebody new.
"""

from collections.abc import Iterator
from pathlib import Path

from mmv2.data.tokenizer import open_tokenizer
from mmv2.evaluation.baselines import nearest_match
from mmv2.evaluation.frozen import Encoder, FrozenExample, check_corpus_files, freeze_examples, summarise
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.ruler.haystacks import text_paths
from mmv2.evaluation.ruler.needles import num_values, wonderwords_files
from mmv2.evaluation.ruler.niah import NiahPrompts
from mmv2.evaluation.ruler.settings import RulerNiahSettings
from mmv2.evaluation.scoring import official, strict
from mmv2.evaluation.tasks import TaskSpec
from mmv2.evaluation.word_lists import WordList


def freeze(settings: RulerNiahSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Make all examples of all subtasks and lengths and write them.

    Args:
        settings: their file names are relative to ``corpus_folder``.
        corpus_folder: a corpus as data preparation leaves it, or any folder.
        tokenizer_file: tokenizer.json of the models to evaluate, or the folder of their tokenizer.
        output: JSON lines, see ``mmv2.evaluation.frozen``; the same bytes whatever the order of lengths.

    Raises:
        UserError: a file is missing, damaged or not as the corpus manifest records it; a length does not fit; a prompt
            has words that the tokenizer does not know.
    """
    settings = settings.resolved()
    sources = _sources(settings, corpus_folder)
    check_corpus_files(corpus_folder, tokenizer_file, list(sources))
    encoder = Encoder(open_tokenizer(tokenizer_file))
    prompts = [NiahPrompts(settings, name, corpus_folder, encoder) for name in settings.subtasks]
    lengths = sorted(set(settings.context_lengths))
    examples = [example for length in lengths for one in prompts for example in _examples(one, length)]
    freeze_examples(output, "ruler_niah", settings, tokenizer_file, sources, examples, summarise(examples))


def _sources(settings: RulerNiahSettings, corpus_folder: Path) -> dict[str, Path]:
    """Name -> file, of all that prompts are made from."""
    if settings.keys is None:
        found = {f"wonderwords/{file.name}": file for file in wonderwords_files()}
    else:
        found = {words.file: corpus_folder / words.file for words in settings.keys}
    for subtask in settings.subtasks.values():
        found |= text_paths(corpus_folder, subtask.text_files or ())
        lists = (words for words in (subtask.words, subtask.values) if isinstance(words, WordList))
        found |= {words.file: corpus_folder / words.file for words in lists}
    return found


def _examples(prompts: NiahPrompts, length: int) -> Iterator[FrozenExample]:
    blind_guess = 1 / num_values(prompts.values)
    for index, prompt in enumerate(prompts.of_length(length)):
        copied = nearest_match(prompt.ids, prompts.settings.max_new_tokens)
        yield FrozenExample(
            id=f"{prompts.name}-{index}",
            subtask=prompts.name,
            context_length=length,
            prompt=prompt.text,
            references=(prompt.value,),
            num_tokens=prompts.num_tokens(prompt),
            depth=prompt.depth,
            baselines={"nearest_match": prompts.encoder.tokenizer.decode(copied)},
            details={"haystack_size": prompt.size, "blind_guess": blind_guess},
        )


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """RULER's substring score (with one reference, ``string_match_all`` is that) and a strict one, both 0 or 1."""
    return {"official": official(example.references, outcome.text), "strict": strict(example.references, outcome.text)}


def chance(example: FrozenExample) -> float:
    """One value named blindly. An answer that names several has more, under the official score."""
    guess = example.details["blind_guess"]
    assert isinstance(guess, float)
    return guess


TASK = TaskSpec(
    label="RULER S-NIAH",
    settings=RulerNiahSettings,
    freeze=freeze,
    score=score,
    main_score="official",
    packages=(
        "mmv2.evaluation.baselines",
        "mmv2.evaluation.frozen",
        "mmv2.evaluation.prompts",
        "mmv2.evaluation.rows",
        "mmv2.evaluation.ruler",
        "mmv2.evaluation.scoring",
        "mmv2.evaluation.tasks.ruler_niah",
        "mmv2.evaluation.word_lists",
    ),
    chance=chance,
)
