"""Word lists that tasks make text from: keys and values of needles, labels never seen before, filler."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from mmv2.config import Config
from mmv2.errors import UserError, choices
from mmv2.files import read_json


class WordList(Config):
    """Where a list of words is found."""

    file: str = "evaluation/lexicon.json"
    """Relative to the corpus folder: JSON, or a text of one word per line."""
    key: str | None = Field(default=None, min_length=1)
    """Where in a JSON file the list stands, dotted, such as values.food; null: the file is a text, one word a line."""


def read_words(words: WordList, corpus_folder: Path) -> list[str]:
    """The words, each once, in the order of the file.

    Raises:
        UserError: the file is missing, has no list of that key, or no word.
    """
    path = corpus_folder / words.file
    if words.key is None:
        return _checked(_read_lines(path), path, None)
    return _checked(_look_up(path, words.key), path, words.key)


def read_word_lists(words: WordList, corpus_folder: Path) -> list[list[str]]:
    """All lists of words at a key of a JSON file: the one that stands there, or those of a mapping, such as values.

    Raises:
        UserError: as ``read_words``, for any of them.
    """
    path = corpus_folder / words.file
    found = _look_up(path, words.key) if words.key else None
    if not isinstance(found, Mapping):
        return [read_words(words, corpus_folder)]
    return [_checked(content, path, f"{words.key}.{name}") for name, content in found.items()]


def _read_lines(path: Path) -> list[str]:
    return [word for line in read_text(path).splitlines() if (word := line.strip())]


def _checked(content: Any, path: Path, key: str | None) -> list[str]:
    """A list of words, each once."""
    if not isinstance(content, list) or not all(isinstance(word, str) for word in content):
        raise UserError(f"{path}: {key}: not a list of words; name the key of a list")
    if not content:
        raise UserError(f"{path}: {key or 'no word'}: empty; name a list with words in it")
    return list(dict.fromkeys(content))


def _look_up(path: Path, key: str) -> Any:
    content = read_json(path)
    for part in key.split("."):
        if not isinstance(content, Mapping) or part not in content:
            names = content if isinstance(content, Mapping) else ()
            raise UserError(f"{path}: no key {key!r} ({part!r} is missing); {choices(part, names)}")
        content = content[part]
    return content


def read_text(path: Path, encoding: str = "utf-8-sig") -> str:
    """A text in UTF-8; raises UserError when it is missing or no text.

    Args:
        path: the file.
        encoding: utf-8-sig: without its byte-order mark, where it has one; utf-8: with it.
    """
    try:
        return path.read_text(encoding=encoding)
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; name a file relative to the corpus folder, or an absolute path"
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text; convert the file") from None
