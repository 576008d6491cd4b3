"""Makes of a final/ folder another one: a reduced model, or a model for transformers.

The output appears as a whole, and never in the place of something else.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mmv2.data.tokenizer import BOS, EOS
from mmv2.errors import UserError, choices
from mmv2.files import atomic, make_folder
from mmv2.final import CONFIG, TOKENIZER, FinalModel, load_final, save_final
from mmv2.registry import architecture, architectures

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def reduce_final(folder: Path, reduction: str, output_folder: Path) -> None:
    """Write the final/ folder of a reduced model: that of its run, with ``provenance.reduction``.

    Args:
        folder: ``final/`` of a run.
        reduction: one of ``reductions`` of the architecture's spec.
        output_folder: new or empty.

    Raises:
        UserError: damaged files, no such reduction, nothing to take out, a model that is reduced already, or an output
            folder that is in use.
    """
    final = load_final(folder)
    reductions = architecture(final.arch).reductions
    if reduction not in reductions:
        raise UserError(f"{folder}: {final.arch} has no reduction {reduction!r}; {choices(reduction, reductions)}")
    if "reduction" in final.provenance:
        done = final.provenance["reduction"]
        raise UserError(
            f"{folder / CONFIG}: provenance.reduction: is {done} already; reduce the whole model of the run"
        )
    try:
        reduced = reductions[reduction](final.model)
    except UserError as error:
        raise UserError(f"{folder / CONFIG}: {error}") from None
    provenance = {**final.provenance, "reduction": reduction}
    with _new_folder(output_folder) as temporary:
        save_final(temporary, reduced.state_dict(), final.arch, reduced.config, folder / TOKENIZER, provenance)


def export_final(folder: Path, output_folder: Path) -> None:
    """Write a folder from which transformers loads model, tokenizer and generation settings, without this package.

    Raises:
        UserError: damaged files, an architecture that transformers has not, or an output folder that is in use.
    """
    from mmv2.hub.export import save_all

    final = load_final(folder)
    model, tokenizer = for_transformers(final, folder)
    with _new_folder(output_folder) as temporary:
        save_all(model, tokenizer, final.config.max_seq_len, temporary)
        # transformers adds an empty part, and tasks know a tokenizer by the hash of its file.
        shutil.copyfile(folder / TOKENIZER, temporary / TOKENIZER)


def for_transformers(final: FinalModel, folder: Path) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """The model as transformers knows it, with the run's provenance in its config, and the tokenizer.

    The tokenizer adds no BOS, as everywhere here: a prompt must begin with it. It pads on the left, with EOS.

    Args:
        final: what to convert.
        folder: named in the error.

    Raises:
        UserError: an architecture that transformers has not.
    """
    from transformers import GenerationConfig, PreTrainedTokenizerFast

    convert = architecture(final.arch).to_transformers
    if convert is None:
        able = ", ".join(name for name, spec in architectures().items() if spec.to_transformers)
        raise UserError(f"{folder}: {final.arch} cannot be exported to transformers; these can: {able}")
    tokens = {"bos_token": BOS, "eos_token": EOS, "pad_token": EOS}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=final.tokenizer, padding_side="left", clean_up_tokenization_spaces=False, **tokens
    )
    model = convert(final.model)
    model.config.provenance = final.provenance
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    return model, tokenizer


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    make_folder(folder)
    if any(folder.iterdir()):
        raise UserError(f"{folder}: holds files already; choose another output, or delete the folder")
    with atomic(folder) as temporary:
        temporary.mkdir()
        yield temporary
