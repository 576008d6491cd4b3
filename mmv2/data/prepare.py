"""Makes a corpus folder from a corpus config; the whole folder appears at once."""

from fnmatch import fnmatch
from pathlib import Path

from mmv2.config import CorpusConfig
from mmv2.data.shards import EVALUATION, MANIFEST, TOKENIZER, CorpusManifest, read_manifest
from mmv2.data.sources import Inputs
from mmv2.errors import UserError
from mmv2.files import atomic, sha256
from mmv2.registry import entry

DATA_ROOT = Path("data")
"""Where the user's own texts are looked for, unless told otherwise."""
_OURS = (MANIFEST, TOKENIZER, EVALUATION, "train-*.bin")


def prepare_corpus(config: CorpusConfig, folder: Path, data_root: Path = DATA_ROOT) -> None:
    """Write the corpus, or do nothing when the folder's manifest already records this config and these input files.

    Args:
        config: of the corpus.
        folder: of the corpus; one of another config or of other inputs is replaced.
        data_root: what the config's paths of input files are relative to.

    Raises:
        UserError: an input file is missing, the config cannot be met, or the folder holds files that are no part of a
            corpus.
    """
    source = entry("source", config.source)
    inputs = Inputs(data_root, {name: sha256(data_root / name) for name in source.inputs(config, data_root)})
    if (folder / MANIFEST).exists() and _is_of(read_manifest(folder), config, inputs):
        return
    if folder.exists():
        _check_replaceable(folder)
    with atomic(folder) as temporary:
        temporary.mkdir()
        source.prepare(config, temporary, inputs)


def _is_of(manifest: CorpusManifest, config: CorpusConfig, inputs: Inputs) -> bool:
    return manifest.config == config.model_dump(mode="json") and manifest.inputs == inputs.sha256


def _check_replaceable(folder: Path) -> None:
    """A corpus of another config makes way; anything else in the folder belongs to somebody."""
    for path in sorted(folder.iterdir()):
        if not any(fnmatch(path.name, pattern) for pattern in _OURS):
            raise UserError(f"{path}: no part of a corpus, so its folder is not replaced; move it or choose another")
