"""A trained model leaves as the library's own, and writes there what it writes here."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from baselines.huggingface import MODEL_SPEC, build
from baselines.huggingface.config import label
from baselines.huggingface.translation import transformers_config
from mmv2.convert import export_final
from mmv2.data.tokenizer import build_word_level
from mmv2.evaluation.generation import answer
from mmv2.final import load_final, save_final
from tests.contracts.common import random_tokens


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("tiny", [MODEL_SPEC.tiny, *MODEL_SPEC.more_tinies], ids=label)
def test_an_exported_model_is_the_librarys_own(tiny, tied, tmp_path):
    config = tiny.model_copy(update={"tie_embeddings": tied})
    build_word_level(["a", "b", "c"]).save(str(tmp_path / "tokenizer.json"))
    torch.manual_seed(2)
    weights = build(config).state_dict()
    save_final(tmp_path / "final", weights, "huggingface", config, tmp_path / "tokenizer.json", {"run": "tiny"})
    export_final(tmp_path / "final", tmp_path / "out")
    ours, theirs = load_final(tmp_path / "final"), AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert type(theirs) is type(ours.model.network)
    assert AutoConfig.from_pretrained(tmp_path / "out").hidden_size == transformers_config(config).hidden_size
    assert f"training context {config.max_seq_len} tokens" in (tmp_path / "out" / "README.md").read_text()
    assert (theirs.get_output_embeddings().weight is theirs.get_input_embeddings().weight) == tied
    rows_BT = random_tokens(config, 2, 20)
    with torch.no_grad():
        assert torch.equal(theirs(rows_BT).logits, ours.model(rows_BT))
    for row_T in rows_BT:
        options = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None}
        written = theirs.generate(row_T[None], attention_mask=torch.ones_like(row_T[None]), **options)
        (found,) = answer(ours.model, [row_T.tolist()], max_new_tokens=8, eos_id=-1)
        assert written[0, len(row_T) :].tolist() == list(found.ids)
