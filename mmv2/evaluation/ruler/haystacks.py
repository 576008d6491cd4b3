"""Haystacks of any size, in sentences: a line of noise again and again, texts of the user's, or drawn words
(protocols.md, 1.4)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mmv2.errors import UserError
from mmv2.evaluation.rows import is_lines, placed, read_content
from mmv2.evaluation.word_lists import read_text

if TYPE_CHECKING:
    from nltk.tokenize.punkt import PunktSentenceTokenizer

DRAWN_WORDS = 20_000
"""Words of a text drawn from a list; a longer haystack repeats them, as a text that is too short."""


@dataclass(frozen=True)
class Haystack:
    """A haystack of one size. A needle goes before one of its sentences, or after the last."""

    sentences: tuple[str, ...]
    joiner: str
    words_before: tuple[int, ...]
    """Of every such place: words (of noise: lines) before it; at the end all there are."""

    def around(self, place: int, needle: str) -> str:
        """The text with the needle before sentence ``place``."""
        return self.joiner.join([*self.sentences[:place], needle, *self.sentences[place:]])

    def around_as_ruler(self, place: int, needle: str) -> str:
        """The same as NVIDIA's generator has it: at an end of a text, where there is nothing, joined to nothing."""
        parts = [self.joiner.join(part) for part in (self.sentences[:place], self.sentences[place:])]
        return self.joiner.join([parts[0], needle, parts[1]])

    def depth(self, place: int) -> float:
        """The share of the haystack before a place."""
        return self.words_before[place] / self.words_before[-1]


class Noise:
    """A line again and again; its size is counted in lines."""

    def __init__(self, line: str):
        self.line = line

    def of_size(self, size: int) -> Haystack:
        """So many lines."""
        return Haystack((self.line,) * size, "\n", tuple(range(size + 1)))


class DrawnText:
    """Words in sentences of so many, the last word of each with a full stop; its size is counted in words."""

    def __init__(self, words: Sequence[str], sentence_words: int, rng: np.random.Generator):
        drawn = rng.choice(words, size=DRAWN_WORDS).tolist()
        self.words = [word + "." * (place % sentence_words == 0) for place, word in enumerate(drawn, start=1)]
        self.of_size = lru_cache(maxsize=2)(self._of_size)
        """The first so many words; remembered, as all examples of a length have few sizes."""

    def _of_size(self, size: int) -> Haystack:
        words = _repeated(self.words, size)
        ends = [place for place, word in enumerate(words, start=1) if word.endswith(".") or place == size]
        starts = (0, *ends[:-1])
        return Haystack(
            tuple(" ".join(words[start:end]) for start, end in zip(starts, ends, strict=True)), " ", (0, *ends)
        )


class Text:
    """A text, repeated where too short; its size is counted in words, its sentences are Punkt's."""

    def __init__(self, text: str, words: Literal["ruler", "own"]):
        """
        Args:
            text: not empty.
            words: ruler: as NVIDIA splits it, where blanks around the text make an empty word; own: without.
        """
        self.words = re.sub(r"\s+", " ", text).split(" ") if words == "ruler" else text.split()
        self.of_size = lru_cache(maxsize=2)(self._of_size)
        """The first so many words; remembered, as all examples of a length have few sizes."""

    def _of_size(self, size: int) -> Haystack:
        sentences = tuple(_punkt().tokenize(" ".join(_repeated(self.words, size)).strip()))
        counts = (len(sentence.split()) for sentence in sentences)
        return Haystack(sentences, " ", tuple(accumulate(counts, initial=0)))


def _repeated(words: Sequence[str], size: int) -> list[str]:
    return (list(words) * -(-size // len(words)))[:size]


@cache
def _punkt() -> "PunktSentenceTokenizer":
    """NLTK's English sentence tokenizer, with the parameters of its ``punkt_tab`` as a package holds them."""
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
    from punkt.data import english

    parameters = PunktParameters()
    parameters.abbrev_types = set(english.ABBREV_TYPES)
    parameters.collocations = set(english.COLLOCATIONS)
    parameters.sent_starters = set(english.SENT_STARTERS)
    parameters.ortho_context.update(english.ORTHO_CONTEXT)
    return PunktSentenceTokenizer(parameters)


def text_paths(corpus_folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The files that ``text_files`` names, in the order in which they are read.

    Args:
        corpus_folder: what relative names are relative to.
        names: files, or folders, which stand for their ``*.txt`` in the order of their names.

    Returns:
        Name -> file.

    Raises:
        UserError: there is no such file or folder (with what RULER's is), or no text in a folder.
    """
    found: dict[str, Path] = {}
    for name in names:
        path = corpus_folder / name
        if path.is_dir():
            texts = {f"{name}/{file.name}": file for file in sorted(path.glob("*.txt"))}
            if not texts:
                raise UserError(f"{path}: no *.txt in this folder; name a folder of texts")
            found |= texts
        elif path.is_file():
            found[name] = path
        else:
            raise UserError(
                f"{path}: no such file or folder; RULER's haystack is Paul Graham's essays, which its script "
                f"download_paulgraham_essay.py (github.com/NVIDIA/RULER) fetches from paulgraham.com (all rights "
                f"reserved by their author): put them there, or name another text"
            )
    return found


def read_texts(paths: Sequence[Path]) -> str:
    """The texts one after another, with nothing between them; raises UserError when there is no word in them.

    A JSON file stands for its ``text``, as RULER's script leaves the essays; JSON lines for that of every line. A
    byte-order mark is kept, as there.
    """
    text = "".join(
        _read_rows(path) if path.suffix in (".json", ".jsonl") else read_text(path, "utf-8") for path in paths
    )
    if not text.split():
        raise UserError(f"{paths[0]}: holds no words; name a file of text")
    return text


def _read_rows(path: Path) -> str:
    content = read_content(path)
    rows = content if is_lines(path) else [content]
    for place, row in placed(rows, path):
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            told = f"{place}: " if is_lines(path) else ""
            raise UserError(f"{path}: {told}text: missing; a JSON haystack is an object whose text is one")
    return "".join(row["text"] for row in rows)
