"""The folder that training leaves and evaluation reads: weights, config, tokenizer.

final/model.safetensors   all parameters, float32
final/config.json         architecture, model config, where the weights come from, checksums of the other two files
final/tokenizer.json      the tokenizer of the corpus
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from mmv2.config import Config, ModelConfig, validate
from mmv2.data.tokenizer import BOS, EOS
from mmv2.errors import UserError
from mmv2.files import atomic, check_sha256, read_json, sha256, write_json
from mmv2.layers.decoder import LanguageModel
from mmv2.registry import architecture

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"


class FinalConfig(Config):
    """config.json."""

    arch: str
    model: dict[str, Any]
    """By the config class of the architecture."""
    provenance: dict[str, Any]
    weights_sha256: str
    tokenizer_sha256: str
    model_type: str | None = None
    """``arch`` once more, where transformers looks for it. This key and the next two are not in folders of old."""
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    """Ends a generation."""


@dataclass(frozen=True)
class FinalModel:
    """A trained model, ready to evaluate."""

    model: LanguageModel
    arch: str
    config: ModelConfig
    tokenizer: Tokenizer
    provenance: dict[str, Any]
    """run, step, tokens_seen, budget (of the pre-training), seed, init_from, settings, fingerprint, corpus,
    code_version, environment, device; after ``mmv2 reduce`` also reduction."""


def save_final(
    folder: Path,
    weights: Mapping[str, Tensor],
    arch: str,
    config: ModelConfig,
    tokenizer_file: Path,
    provenance: Mapping[str, Any],
) -> None:
    """Write the three files, each atomically, the config last."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / TOKENIZER) as temporary:
        shutil.copyfile(tokenizer_file, temporary)
    with atomic(folder / WEIGHTS) as temporary:
        save_file({name: tensor.clone() for name, tensor in weights.items()}, temporary)
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    content = FinalConfig(
        arch=arch,
        model=config.model_dump(mode="json"),
        provenance=dict(provenance),
        weights_sha256=sha256(folder / WEIGHTS),
        tokenizer_sha256=sha256(folder / TOKENIZER),
        model_type=arch,
        bos_token_id=tokenizer.token_to_id(BOS),
        eos_token_id=tokenizer.token_to_id(EOS),
    )
    write_json(folder / CONFIG, content.model_dump(mode="json"))


def read_final_config(folder: Path) -> FinalConfig:
    """Read config.json; raises UserError when it is missing or damaged, or the folder is another one of the run."""
    file = folder / CONFIG
    if not file.is_file():
        inner = folder / "final"
        right = inner if inner.is_dir() else "the final/ folder of a finished run"
        raise UserError(f"{file}: no such file, so this is no final/ folder; give {right}")
    content = read_json(file)
    if not isinstance(content, dict):
        raise UserError(f"{file}: holds no mapping of keys to values; export the run again")
    if "architectures" in content:
        raise UserError(f"{file}: is of a folder for transformers; give the final/ folder that it was exported from")
    return validate(FinalConfig, content, file)


def check_final(folder: Path) -> FinalConfig:
    """Read config.json and compare the other files with it; raises UserError for a missing or changed one."""
    content = read_final_config(folder)
    check_sha256(folder / WEIGHTS, content.weights_sha256)
    check_sha256(folder / TOKENIZER, content.tokenizer_sha256)
    return content


def load_final(folder: Path) -> FinalModel:
    """Load a model in evaluation mode on the CPU; raises UserError for missing, damaged or unfitting files."""
    content = check_final(folder)
    try:
        spec = architecture(content.arch)
    except UserError as error:
        raise UserError(f"{folder / CONFIG}: arch: {error}") from None
    config = validate(spec.config, content.model, folder / CONFIG, "model")
    model = spec.build(config)
    load_weights(model, folder / WEIGHTS)
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    return FinalModel(model.eval(), content.arch, config, tokenizer, content.provenance)


def load_weights(model: LanguageModel, file: Path) -> None:
    """Fill a model from a safetensors file; raises UserError when a name or a shape does not fit."""
    try:
        weights = load_file(file)
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; train the run that writes it first") from None
    except SafetensorError as error:
        raise UserError(f"{file}: damaged ({error}); export it again from the run's checkpoint") from None
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise UserError(
            f"{file}: {name}: shape {found.get(name, 'missing')}, the model needs {expected.get(name, 'none')}; "
            f"use weights of the same architecture and sizes ({len(wrong)} weights differ)"
        )
    model.load_state_dict(weights)
