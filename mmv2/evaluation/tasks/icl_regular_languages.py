"""Regular languages learnt in context: which symbol may come next, after some strings of a language nobody has seen?

More than the paper's, after RegBench (Akyurek et al. 2024): every example is of a random probabilistic automaton of its
own. The prompt holds strings of its language, one a line, and the beginning of a further one; all symbols are ranked as
its continuation. Nothing is known of a language from outside its prompt, and how well it can be known from the strings
is seen from n-gram models of the same strings.
"""

import zlib
from collections.abc import Iterator, Sequence
from math import exp
from pathlib import Path
from string import ascii_lowercase
from typing import Annotated, Literal, Self

from numpy.random import Generator, default_rng
from pydantic import Field, model_validator

from mmv2.data.tokenizer import open_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.automata import Automaton, most_probable, ngram, overlap, random_automaton
from mmv2.evaluation.baselines import nearest_match
from mmv2.evaluation.frozen import Encoder, FrozenExample, check_corpus_files, freeze_examples, summarise
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.prompts import known_ids
from mmv2.evaluation.tasks import TaskSettings, TaskSpec
from mmv2.evaluation.word_lists import WordList, read_words

Range = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
"""Both ends included; numbers between them are drawn with equal probability."""
NGRAMS = {"bigram": 2, "trigram": 3}


class RegularLanguagesSettings(TaskSettings):
    """The default languages and lengths of strings are those of RegBench's code."""

    context_lengths: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, max_length=1)
    """One length in tokens, which every prompt must fit."""
    examples_per_length: int = Field(default=200, ge=1)
    """Languages, each asked with every number of strings."""
    max_new_tokens: Literal[0] = 0
    """Nothing is generated: symbols are ranked."""
    shots: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(1, 2, 5, 10, 20), min_length=1)
    """Whole strings in the prompt; fewer are the first of more."""
    states: tuple[Annotated[int, Field(ge=2)], Annotated[int, Field(ge=2)]] = (4, 12)
    """Both ends included. Of one language, before its automaton is made the smallest."""
    symbols: Range = (4, 18)
    """Of one language, out of the alphabet; it may use fewer."""
    edges: Range = (1, 3)
    """Leaving each state."""
    string_length: Range = (1, 49)
    positions: int = Field(default=4, ge=1)
    """How many places of the further string are asked, drawn; the first symbol is given, as in RegBench."""
    alphabet: WordList | None = None
    """Its first words are the symbols of all languages, as many as the largest has; null: letters."""

    @model_validator(mode="after")
    def _ranges_are_not_empty(self) -> Self:
        for name in ("states", "symbols", "edges", "string_length"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: [{low}, {high}] is empty; give two ends, the lower one first")
        if self.string_length[1] <= self.positions:
            raise ValueError(
                f"positions: {self.positions}, but strings have at most {self.string_length[1]} symbols, of which the "
                f"first is given; ask at fewer places, or make string_length longer"
            )
        return self


def _alphabet(settings: RegularLanguagesSettings, corpus_folder: Path) -> list[str]:
    most = settings.symbols[1]
    words = list(ascii_lowercase) if settings.alphabet is None else read_words(settings.alphabet, corpus_folder)
    if len(words) < most:
        raise UserError(
            f"icl_regular_languages: symbols: up to {most}, but the alphabet has {len(words)}; name a longer list of "
            f"words, or use fewer symbols"
        )
    return words[:most]


def _draw(bounds: Range, rng: Generator) -> int:
    return int(rng.integers(bounds[0], bounds[1] + 1))


class _Language:
    """One language, strings of it, and a further string with the places at which it is asked."""

    def __init__(self, settings: RegularLanguagesSettings, alphabet: Sequence[str], number: int):
        rng = default_rng((settings.seed, zlib.crc32(b"icl_regular_languages"), number))
        chosen = rng.permutation(len(alphabet))[: _draw(settings.symbols, rng)]
        states = _draw(settings.states, rng)
        self.automaton: Automaton = random_automaton(states, [alphabet[place] for place in chosen], settings.edges, rng)
        longest = (max(settings.string_length[0], settings.positions + 1), settings.string_length[1])
        self.further = self.automaton.string(_draw(longest, rng), rng)
        places = rng.permutation(len(self.further) - 1)[: settings.positions] + 1
        self.places = sorted(int(place) for place in places)
        # Last, so that more strings leave all else as it is.
        most = max(settings.shots)
        self.strings = [self.automaton.string(_draw(settings.string_length, rng), rng) for _ in range(most)]


def _line(symbols: Sequence[str]) -> str:
    """Every symbol has its blank in front, the first too: byte pairs make the same token of it everywhere."""
    return "".join(f" {symbol}" for symbol in symbols)


def _examples(
    settings: RegularLanguagesSettings, number: int, alphabet: Sequence[str], encoder: Encoder, prefixes: dict[str, str]
) -> Iterator[FrozenExample]:
    language, choices = _Language(settings, alphabet, number), tuple(f" {symbol}" for symbol in sorted(alphabet))
    source = "icl_regular_languages: alphabet"
    after = max(len(known_ids(encoder.tokenizer, choice, source)) for choice in choices)
    for shots in sorted(set(settings.shots)):
        strings = language.strings[:shots]
        name = f"{number}/{shots}"
        prefixes[name] = "".join(f"{_line(string)}\n" for string in strings)
        before = 1 + len(known_ids(encoder.tokenizer, prefixes[name], source))
        for place in language.places:
            beginning = language.further[:place]
            prompt = _line(beginning)
            length = before + len(known_ids(encoder.tokenizer, prompt, source)) + after
            if length > settings.context_lengths[0]:
                raise UserError(
                    f"icl_regular_languages: context_lengths: {settings.context_lengths[0]}: language {number} with "
                    f"{shots} strings needs {length} tokens (begin-of-text, strings, the longest symbol); use a longer "
                    f"length, fewer shots or a shorter string_length"
                )
            valid = language.automaton.next_symbols(beginning)
            true = dict.fromkeys(valid, 1 / len(valid))
            models = {name: ngram(strings, beginning, order) for name, order in NGRAMS.items()}
            yield FrozenExample(
                id=f"{number}-{place}",
                subtask="regular_languages",
                context_length=settings.context_lengths[0],
                num_shots=shots,
                prefix=name,
                prompt=prompt,
                references=valid,
                choices=choices,
                num_tokens=length,
                baselines={
                    **{name: most_probable(model) for name, model in models.items()},
                    "nearest_match": _copied(strings, beginning),
                },
                details={
                    "num_valid": len(valid),
                    "num_states": len(language.automaton.edges),
                    "num_symbols": len(language.automaton.symbols),
                    **{f"{name}_overlap": overlap(model, true) for name, model in models.items()},
                },
            )


def _copied(strings: Sequence[Sequence[str]], beginning: Sequence[str]) -> str:
    """The symbol after the nearest match of the prompt's ending; none where a string ended there or nothing matches."""
    symbols: list[str] = []
    for string in (*strings, beginning):
        symbols += [*string, ""]
    numbers = {symbol: number for number, symbol in enumerate(sorted(set(symbols)))}
    copied = nearest_match([numbers[symbol] for symbol in symbols[:-1]], budget=1)
    return next((symbol for symbol, number in numbers.items() if [number] == copied), "")


def freeze(settings: RegularLanguagesSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Make all examples and write them.

    Args:
        settings: see there.
        corpus_folder: where the alphabet's file is, if it has one.
        tokenizer_file: tokenizer.json of the models to evaluate.
        output: JSON lines, see ``mmv2.evaluation.frozen``.

    Raises:
        UserError: a prompt does not fit, the alphabet is too short, or a symbol is unknown to the tokenizer.
    """
    names = [settings.alphabet.file] if settings.alphabet else []
    check_corpus_files(corpus_folder, tokenizer_file, names)
    alphabet, encoder = _alphabet(settings, corpus_folder), Encoder(open_tokenizer(tokenizer_file))
    prefixes: dict[str, str] = {}
    examples = [
        example
        for number in range(settings.examples_per_length)
        for example in _examples(settings, number, alphabet, encoder, prefixes)
    ]
    summary = summarise(examples, valid="num_valid", states="num_states", symbols="num_symbols")
    sources = {name: corpus_folder / name for name in names}
    freeze_examples(output, "icl_regular_languages", settings, tokenizer_file, sources, examples, summary, prefixes)


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """From 0 to 1.

    accuracy: 1 if the most probable symbol may follow (RegBench's greedy-decoding accuracy).
    overlap: one minus the total variation distance between the model's distribution over the symbols and the true one,
    which is uniform over those that may follow; there is none for an answer that is one symbol.
    """
    found = {"accuracy": float(outcome.choice in example.references)}
    if not outcome.loglikelihoods:
        return found
    largest = max(outcome.loglikelihoods)
    weights = [exp(one - largest) for one in outcome.loglikelihoods]
    model = {choice.strip(): weight / sum(weights) for choice, weight in zip(example.choices, weights, strict=True)}
    return {
        **found,
        "overlap": min(1.0, overlap(dict.fromkeys(example.references, 1 / len(example.references)), model)),
    }


def chance(example: FrozenExample) -> float:
    """A blind guess among the symbols."""
    return len(example.references) / len(example.choices)


TASK = TaskSpec(
    label="Regular languages in context",
    settings=RegularLanguagesSettings,
    freeze=freeze,
    score=score,
    main_score="accuracy",
    packages=(
        "mmv2.evaluation.automata",
        "mmv2.evaluation.baselines",
        "mmv2.evaluation.frozen",
        "mmv2.evaluation.prompts",
        "mmv2.evaluation.tasks.icl_regular_languages",
        "mmv2.evaluation.word_lists",
    ),
    chance=chance,
)
