"""The folder that training leaves and evaluation reads: weights, config, tokenizer.

final/model.safetensors   all parameters, float32
final/config.json         architecture, model config, and where the weights come from
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

from mmv2.config import ModelConfig, validate
from mmv2.errors import UserError
from mmv2.files import atomic, read_json, write_json
from mmv2.layers.decoder import Decoder
from mmv2.registry import architecture


@dataclass(frozen=True)
class FinalModel:
    """A trained model, ready to evaluate."""

    model: Decoder
    arch: str
    config: ModelConfig
    tokenizer: Tokenizer
    provenance: dict[str, Any]
    """run, step, tokens_seen, budget, seed, init_from, fingerprint, corpus, code_version, environment."""


def save_final(
    folder: Path,
    weights: Mapping[str, Tensor],
    arch: str,
    config: ModelConfig,
    tokenizer_file: Path,
    provenance: Mapping[str, Any],
) -> None:
    """Write the three files, each atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / "tokenizer.json") as temporary:
        shutil.copyfile(tokenizer_file, temporary)
    with atomic(folder / "model.safetensors") as temporary:
        save_file({name: tensor.clone() for name, tensor in weights.items()}, temporary)
    content = {"arch": arch, "model": config.model_dump(mode="json"), "provenance": dict(provenance)}
    write_json(folder / "config.json", content)


def load_final(folder: Path) -> FinalModel:
    """Load a model in evaluation mode on the CPU; raises UserError for missing, damaged or unfitting files."""
    content = read_json(folder / "config.json")
    spec = architecture(content["arch"])
    config = validate(spec.config, content["model"], folder / "config.json", "model")
    model = spec.build(config)
    load_weights(model, folder / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return FinalModel(model.eval(), content["arch"], config, tokenizer, content["provenance"])


def load_weights(model: Decoder, file: Path) -> None:
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
