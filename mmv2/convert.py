"""Makes of a final/ folder another one: a reduced model, or a model for transformers.

The output appears as a whole, and never in the place of something else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmv2.data.tokenizer import BOS, EOS
from mmv2.errors import UserError, choices
from mmv2.files import atomic, make_folder
from mmv2.final import CONFIG, TOKENIZER, load_final, save_final
from mmv2.registry import architecture, architectures


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
    """Write a folder from which transformers loads model, tokenizer and the token that ends a generation.

    The tokenizer adds no BOS, as everywhere here: a prompt must begin with it.

    Raises:
        UserError: damaged files, an architecture that transformers has not, or an output folder that is in use.
    """
    from transformers import GenerationConfig, PreTrainedTokenizerFast

    final = load_final(folder)
    write = architecture(final.arch).export
    if write is None:
        able = ", ".join(name for name, spec in architectures().items() if spec.export)
        raise UserError(f"{folder}: {final.arch} cannot be exported to transformers; these can: {able}")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=final.tokenizer, bos_token=BOS, eos_token=EOS, clean_up_tokenization_spaces=False
    )
    with _new_folder(output_folder) as temporary:
        write(final.model, temporary)
        tokenizer.save_pretrained(temporary)
        ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
        GenerationConfig(**ends).save_pretrained(temporary)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    make_folder(folder)
    if any(folder.iterdir()):
        raise UserError(f"{folder}: holds files already; choose another output, or delete the folder")
    with atomic(folder) as temporary:
        temporary.mkdir()
        yield temporary
