"""Folders made of a final/ folder: reduced models, and models for transformers."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaForCausalLM

from mmv2.convert import export_final, reduce_final
from mmv2.data.tokenizer import build_word_level
from mmv2.errors import UserError
from mmv2.evaluation.generation import answer
from mmv2.final import TOKENIZER, load_final, save_final
from mmv2.hub import MemoryMosaicsForCausalLM
from mmv2.model.model import without_long_term_memory
from mmv2.registry import architecture, architectures
from tests.mmv2.evaluation.small_world import write_final

REDUCTION = "without_long_term_memory"


@pytest.fixture
def finals(tmp_path):
    """One final/ folder per architecture, by name."""
    tokenizer_file = tmp_path / "tokenizer.json"
    build_word_level(["a", "b", "c"]).save(str(tokenizer_file))
    return {arch: write_final(tmp_path / arch, arch, tokenizer_file) for arch in ("mmv2", "transformer")}


def tokens(config):
    return torch.randint(config.vocab_size, (2, 40), generator=torch.Generator().manual_seed(1))


def test_a_reduced_model_keeps_its_run_and_tells_its_reduction(finals, tmp_path):
    reduce_final(finals["mmv2"], REDUCTION, tmp_path / "out")
    whole, reduced = load_final(finals["mmv2"]), load_final(tmp_path / "out")
    assert reduced.provenance == {**whole.provenance, "reduction": REDUCTION}
    assert not reduced.config.long_term_memory
    rows = tokens(whole.config)
    with torch.no_grad():
        assert torch.equal(reduced.model(rows), without_long_term_memory(whole.model)(rows))
    assert (tmp_path / "out/tokenizer.json").read_bytes() == (finals["mmv2"] / "tokenizer.json").read_bytes()


def test_an_unknown_reduction_names_the_choices(finals, tmp_path):
    with pytest.raises(UserError, match=r"mmv2: mmv2 has no reduction .without_long.; .*allowed: without_long_term"):
        reduce_final(finals["mmv2"], "without_long", tmp_path / "out")
    with pytest.raises(UserError, match=r"transformer: transformer has no reduction .*; allowed: none"):
        reduce_final(finals["transformer"], REDUCTION, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_gone_is_not_removed_again(finals, tmp_path):
    reduce_final(finals["mmv2"], REDUCTION, tmp_path / "once")
    with pytest.raises(
        UserError, match=r"once/config\.json: provenance\.reduction: is without_long_term_memory already"
    ):
        reduce_final(tmp_path / "once", REDUCTION, tmp_path / "twice")
    assert not (tmp_path / "twice").exists()


def test_what_was_never_there_is_not_removed(finals, tmp_path):
    model = without_long_term_memory(load_final(finals["mmv2"]).model)
    save_final(tmp_path / "plain", model.state_dict(), "mmv2", model.config, finals["mmv2"] / TOKENIZER, {})
    with pytest.raises(UserError, match=r"plain/config\.json: model\.long_term_memory: false, so there is none"):
        reduce_final(tmp_path / "plain", REDUCTION, tmp_path / "out")


def test_nothing_is_overwritten(finals, tmp_path):
    with pytest.raises(UserError, match="transformer: holds files already; choose another output"):
        reduce_final(finals["mmv2"], REDUCTION, finals["transformer"])
    with pytest.raises(UserError, match="mmv2: holds files already; choose another output"):
        export_final(finals["transformer"], finals["mmv2"])
    assert load_final(finals["transformer"]).arch == "transformer"


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("arch", ["mmv2", "transformer"])
def test_a_model_reloads_through_transformers(finals, tmp_path, arch, tied):
    if tied:
        spec, tokenizer_file = architecture(arch), finals[arch] / TOKENIZER
        torch.manual_seed(2)
        model = spec.build(spec.tiny.model_copy(update={"tie_embeddings": True}))
        save_final(tmp_path / "tied", model.state_dict(), arch, model.config, tokenizer_file, {"run": "tied"})
        finals[arch] = tmp_path / "tied"
    export_final(finals[arch], tmp_path / "out")
    ours, theirs = load_final(finals[arch]), AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert type(theirs) is {"mmv2": MemoryMosaicsForCausalLM, "transformer": LlamaForCausalLM}[arch]
    assert (theirs.get_output_embeddings().weight is theirs.get_input_embeddings().weight) == tied
    rows = tokens(ours.config)
    with torch.no_grad():
        torch.testing.assert_close(theirs(rows).logits, ours.model(rows), atol=1e-5, rtol=0)
    for row in rows:
        options = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None}
        written = theirs.generate(row[None], attention_mask=torch.ones_like(row[None]), **options)
        (found,) = answer(ours.model, [row.tolist()], max_new_tokens=8, eos_id=-1)
        assert written[0, len(row) :].tolist() == list(found.ids)
    assert theirs.config.provenance == ours.provenance


@pytest.mark.parametrize("arch", ["mmv2", "transformer"])
def test_the_tokenizer_reloads_with_its_markers(finals, tmp_path, arch):
    export_final(finals[arch], tmp_path / "out")
    tokenizer, ours = AutoTokenizer.from_pretrained(tmp_path / "out"), load_final(finals[arch]).tokenizer
    assert tokenizer("c a: b.").input_ids == ours.encode("c a: b.", add_special_tokens=False).ids
    assert tokenizer.decode([5, 3, 4]) == ours.decode([5, 3, 4])
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (0, 1, 1)
    generation = GenerationConfig.from_pretrained(tmp_path / "out")
    assert (generation.bos_token_id, generation.eos_token_id, generation.pad_token_id) == (0, 1, 1)
    batch = tokenizer(["<|begin_of_text|>a", "<|begin_of_text|>a b"], padding=True)
    assert batch == {"input_ids": [[1, 0, 3], [0, 3, 4]], "attention_mask": [[0, 1, 1], [1, 1, 1]]}


def test_an_architecture_that_transformers_has_not_is_told(finals, tmp_path, monkeypatch):
    specs = architectures()
    specs["mmv2"] = replace(specs["mmv2"], to_transformers=None)
    monkeypatch.setattr("mmv2.convert.architecture", specs.__getitem__)
    monkeypatch.setattr("mmv2.convert.architectures", lambda: specs)
    with pytest.raises(UserError, match=r"mmv2: mmv2 cannot be exported to transformers; these can: .*\btransformer\b"):
        export_final(finals["mmv2"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failed_export_leaves_an_empty_folder(finals, tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.GenerationConfig.save_pretrained", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_final(finals["transformer"], tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_file_that_changed_after_training_is_told(finals, tmp_path, name):
    """Such a file still loads; only its checksum tells."""
    file = finals["mmv2"] / name
    content = bytearray(file.read_bytes())
    if name == TOKENIZER:
        content += b"\n"
    else:
        content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: checksum .* the file is damaged or was edited"):
        reduce_final(finals["mmv2"], REDUCTION, tmp_path / "out")
    assert not (tmp_path / "out").exists()
