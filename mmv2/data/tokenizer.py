"""Tokenizers: reading a tokenizer.json, byte-level BPE for real text, and the word-level one of the tiny world.

Documents are wrapped in BOS ... EOS (Section 4 of the paper) by whoever writes or prompts them; ``encode`` adds neither
(pass ``add_special_tokens=False`` for tokenizers from elsewhere, whose post-processor may add them).
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from mmv2.errors import UserError
from mmv2.files import sha256

BOS = "<|begin_of_text|>"
EOS = "<|end_of_text|>"
UNKNOWN = "<|unknown|>"
"""What a word-level tokenizer makes of a word it does not know. No special token, so that decoding shows it."""

_WORDS = r"[A-Za-z_][A-Za-z0-9_]*|[0-9]|\n|[^\sA-Za-z0-9_]"
"""A word (digits may follow its first letter: class_07), one digit, a newline, or one punctuation mark."""


def build_word_level(words: Iterable[str]) -> Tokenizer:
    """A tokenizer with one token per word, digit, punctuation mark and newline; blanks only separate.

    ``decode`` puts one blank between words, none before a colon or full stop, between digits or around a newline, so
    that text in this form survives encoding and decoding unchanged.

    Args:
        words: the vocabulary after BOS (id 0), EOS (1) and UNKNOWN (2), in the order of their ids, each one token.
    """
    names = [BOS, EOS, UNKNOWN, *words]
    vocabulary = {word: index for index, word in enumerate(names)}
    assert len(vocabulary) == len(names), "a word stands twice in the vocabulary"
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_WORDS), "removed", invert=True)
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.WordPiece(prefix="##", cleanup=False),  # a blank before every token but the first
            decoders.Fuse(),
            decoders.Replace(Regex(" ?\n ?"), "\n"),
            decoders.Replace(Regex("(?<=[0-9]) (?=[0-9])| (?=[:.])"), ""),
        ]
    )
    tokenizer.add_special_tokens([BOS, EOS])
    for word in names[3:]:
        assert tokenizer.encode(word).ids == [vocabulary[word]], f"{word!r} is not one token"
    return tokenizer


BYTES = 256


def train_bpe(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Train a byte-level BPE tokenizer: every text can be encoded, and decoding gives it back.

    Args:
        texts: pieces of the training text; no token reaches across two of them.
        vocab_size: BOS (id 0), EOS (1) and the 256 bytes included.

    Raises:
        UserError: the texts are too short for so many tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() < vocab_size:
        raise UserError(
            f"corpus.vocab_size: {vocab_size}, but the text that the tokenizer is trained on yields "
            f"{tokenizer.get_vocab_size()} tokens; use at most that, or more text"
        )
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer.json, which then neither truncates nor pads.

    Raises:
        UserError: it is missing, damaged, or lacks BOS or EOS.
    """
    tokenizer = _read_file(path)
    for token in (BOS, EOS):
        if tokenizer.token_to_id(token) is None:
            raise UserError(f"{path}: has no token {token}; documents are wrapped in {BOS} and {EOS}: add both")
    return tokenizer


def open_tokenizer(path: Path) -> Tokenizer:
    """Read any model's tokenizer, whatever its markers are called.

    Args:
        path: a tokenizer.json, or a folder as transformers saves it, which is read the way transformers reads it.

    Returns:
        The tokenizer, set to neither truncate nor pad.

    Raises:
        UserError: missing, damaged, or nothing that the tokenizers library can run.
    """
    if not path.is_dir():
        return _read_file(path)
    if not (path / "tokenizer_config.json").is_file():
        return _read_file(path / "tokenizer.json")
    from transformers import AutoTokenizer

    try:
        # A tokenizer is read, no code of the folder: left open, transformers would ask on the terminal.
        tokenizer = AutoTokenizer.from_pretrained(str(path), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        raise UserError(f"{path}: no tokenizer that transformers reads ({' '.join(str(error).split())})") from None
    if not tokenizer.is_fast:
        raise UserError(f"{path}: {type(tokenizer).__name__} has no tokenizers backend; save it with a tokenizer.json")
    return _unlimited(tokenizer.backend_tokenizer)


def tokenizer_hash(path: Path) -> str:
    """Hexadecimal SHA-256 of a tokenizer.json, given itself or in its folder.

    Of a folder without one: of the names and hashes of all files in it that transformers makes a tokenizer from.
    """
    file = path / "tokenizer.json" if path.is_dir() else path
    if file.is_file() or not path.is_dir():
        return sha256(file)
    parts = {name: sha256(path / name) for name in _PARTS if (path / name).is_file()}
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


_PARTS = (
    "added_tokens.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)


def _read_file(path: Path) -> Tokenizer:
    if not path.is_file():
        raise UserError(f"{path}: no such file; a tokenizer.json of the tokenizers library is needed")
    try:
        return _unlimited(Tokenizer.from_file(str(path)))
    except Exception as error:  # the library raises plain Exception
        raise UserError(f"{path}: not a tokenizer.json ({error}); restore the file or make it again") from None


def _unlimited(tokenizer: Tokenizer) -> Tokenizer:
    """The same, without the truncation and padding that its file may have set: nothing is cut or filled unsaid."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def marker_ids(tokenizer: Tokenizer) -> tuple[int, int]:
    """The ids of BOS and EOS."""
    bos_id, eos_id = tokenizer.token_to_id(BOS), tokenizer.token_to_id(EOS)
    assert bos_id is not None
    assert eos_id is not None
    return bos_id, eos_id


def unknown_words(tokenizer: Tokenizer, text: str) -> list[str]:
    """The parts of a text that the tokenizer has no token for, in order."""
    unknown = tokenizer.token_to_id(UNKNOWN)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    places = zip(encoding.ids, encoding.offsets, strict=True)
    return [text[start:stop] for token, (start, stop) in places if token == unknown]
