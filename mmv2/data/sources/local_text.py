"""A folder of plain text files, with real evaluation files beside it.

Some files are held out for development and for test, chosen by the seed: novels are split by novel. A byte-level BPE
tokenizer is trained on the rest, which is cut into documents and shuffled; each is seen at most once. Texts are UTF-8;
a byte order mark is dropped and line ends become newlines. Corpora that differ in nothing but ``stream_seed``,
``unit_tokens``, ``largest_budget`` and ``document_tokens`` have the same tokenizer and the same evaluation files, as
long-context fine-tuning needs.

evaluation/ holds text_{dev,test}.jsonl, a row {id, text} for each held-out file, copies of the files that
``evaluation`` names, and the two parts of a SQuAD-format file that ``squad`` names. All paths are relative to
``data_root`` (``workflow/config/config.yaml``, or ``mmv2 data --data-root``).
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mmv2.config import Config, CorpusConfig
from mmv2.data.sources import Inputs, SourceSpec
from mmv2.errors import UserError

OURS = ("text_dev.jsonl", "text_test.jsonl")
SQUAD_FILES = ("squad_dev.json", "squad_test.json")


def _below_root(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("must be a path below data_root, without a leading slash and without ..")
    return path


RelativePath = Annotated[str, Field(min_length=1), AfterValidator(_below_root)]
"""A path below ``data_root``."""
FileName = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]


class SquadSplit(Config):
    """A SQuAD-format file of which the last articles serve development, so that the others keep their order."""

    file: RelativePath
    dev_articles: int = Field(ge=1)
    """Articles of squad_dev.json, from which blind guesses come; all before them stand in squad_test.json."""
    max_paragraph_words: int | None = Field(default=None, ge=1)
    """Longer paragraphs are left out with their questions, so that short contexts hold several; None: none is."""


class LocalTextConfig(CorpusConfig):
    """One corpus of local texts."""

    source: Literal["local_text"]
    stream_seed: int = Field(default=0, ge=0)
    """Another number takes the training files and their documents in another order; all else stays as it is."""
    folder: RelativePath
    """Holds the texts."""
    glob: str = Field(default="*.txt", min_length=1)
    """Which files below ``folder``; ``**/*.txt`` looks into its folders too."""
    dev_files: int = Field(default=1, ge=1)
    """Files held out for development."""
    test_files: int = Field(default=1, ge=1)
    """Files held out for test."""
    vocab_size: int = Field(ge=258)
    """Of the tokenizer: begin- and end-of-text and 256 bytes included."""
    tokenizer_characters: int = Field(default=20_000_000, ge=1)
    """Text that the tokenizer is trained on, at most: the beginnings of all training files, equally long."""
    document_tokens: int | None = Field(default=None, ge=3)
    """Longest document, with BOS and EOS: files are cut into documents of this length; None: a file is a document."""
    evaluation: dict[FileName, RelativePath] = Field(default_factory=dict)
    """Name in evaluation/ -> file to copy."""
    squad: SquadSplit | None = None

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        taken = {*OURS, *(SQUAD_FILES if self.squad else ())} & set(self.evaluation)
        if taken:
            raise ValueError(f"evaluation: {min(taken)} is written by the corpus itself; give the copy another name")
        return self


def text_names(config: LocalTextConfig, root: Path) -> list[str]:
    """The text files, sorted, relative to the root; raises UserError for no folder or too few files."""
    folder = root / config.folder
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder, but corpus.folder names it below data_root {root}; put the texts there, or set "
            f"data_root (in workflow/config/config.yaml, or mmv2 data --data-root)"
        )
    names = sorted(path.relative_to(root).as_posix() for path in folder.glob(config.glob) if path.is_file())
    held_out = config.dev_files + config.test_files
    if len(names) <= held_out:
        raise UserError(
            f"{folder}: {len(names)} files match corpus.glob {config.glob!r}; {held_out + 1} are needed, as dev_files "
            f"and test_files hold out {held_out}; give more files, or hold out fewer"
        )
    return names


def inputs(config: LocalTextConfig, root: Path) -> Sequence[str]:
    """Texts and evaluation files, relative to the root; raises UserError where one is missing."""
    named = {f"evaluation.{name}": file for name, file in config.evaluation.items()}
    if config.squad:
        named["squad.file"] = config.squad.file
    names = text_names(config, root)
    for key, file in named.items():
        if not (root / file).is_file():
            raise UserError(
                f"{root / file}: no such file, but corpus.{key} names it below data_root {root}; put it there, or set "
                f"data_root (in workflow/config/config.yaml, or mmv2 data --data-root)"
            )
    return [*names, *named.values()]


def prepare(config: LocalTextConfig, folder: Path, inputs: Inputs) -> None:
    """Write the corpus and its evaluation files into an existing folder."""
    from mmv2.data.sources._text import write_text_corpus

    write_text_corpus(config, text_names(config, inputs.root), folder, inputs)


SOURCE = SourceSpec(
    config=LocalTextConfig, packages=(__name__, "mmv2.data.sources._text"), inputs=inputs, prepare=prepare
)
