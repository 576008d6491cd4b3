"""Makes a corpus folder from a corpus config; the whole folder appears at once."""

from fnmatch import fnmatch
from pathlib import Path

from mmv2.config import CorpusConfig
from mmv2.data.shards import EVALUATION, MANIFEST, TOKENIZER, read_manifest
from mmv2.errors import UserError
from mmv2.files import atomic
from mmv2.registry import entry

_OURS = (MANIFEST, TOKENIZER, EVALUATION, "train-*.bin")


def prepare_corpus(config: CorpusConfig, folder: Path) -> None:
    """Write the corpus, or do nothing when the folder's manifest already records this config.

    Raises:
        UserError: the config cannot be met, or the folder holds files that are no part of a corpus.
    """
    if (folder / MANIFEST).exists() and read_manifest(folder).config == config.model_dump(mode="json"):
        return
    if folder.exists():
        _check_replaceable(folder)
    with atomic(folder) as temporary:
        temporary.mkdir()
        entry("source", config.source).prepare(config, temporary)


def _check_replaceable(folder: Path) -> None:
    """A corpus of another config makes way; anything else in the folder belongs to somebody."""
    for path in sorted(folder.iterdir()):
        if not any(fnmatch(path.name, pattern) for pattern in _OURS):
            raise UserError(f"{path}: no part of a corpus, so its folder is not replaced; move it or choose another")
