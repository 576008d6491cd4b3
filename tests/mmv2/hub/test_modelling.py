"""generate() on a cache against the full pass, padded batches against single rows, and round trips through files.

B rows, T tokens, V vocabulary.
"""

import copy
import itertools

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, DynamicCache

from mmv2.data.tokenizer import build_word_level
from mmv2.final import load_final
from mmv2.hub import MemoryMosaicsCache, MemoryMosaicsConfig, MemoryMosaicsForCausalLM
from mmv2.model.config import TINY
from tests.contracts.common import CLOSE
from tests.mmv2.evaluation.small_world import write_final

NEW = 12
WHOLE = {"max_new_tokens": NEW, "min_new_tokens": NEW, "return_dict_in_generate": True, "output_logits": True}
GREEDY = {**WHOLE, "do_sample": False}
SAMPLED = {**WHOLE, "do_sample": True, "top_k": 0, "temperature": 1.5}
BEAMS = {"max_new_tokens": 5, "do_sample": False, "num_beams": 4, "num_return_sequences": 3, "output_scores": True}
BEAMS |= {"return_dict_in_generate": True}


def write(model, options, seed=3, **inputs):
    torch.manual_seed(seed)
    return model.generate(**inputs, **options)


def test_logits_are_the_decoders(model, decoder, rows):
    with torch.no_grad():
        for row in rows:
            torch.testing.assert_close(model(row, use_cache=False).logits, decoder(row), rtol=0, atol=0)


@pytest.mark.parametrize("options", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_cached_generation_equals_full_passes(model, padded, options):
    cached, whole = (write(model, options, **padded, use_cache=use_cache) for use_cache in (True, False))
    assert torch.equal(cached.sequences, whole.sequences)
    torch.testing.assert_close(cached.logits, whole.logits, **CLOSE)
    assert isinstance(cached.past_key_values, MemoryMosaicsCache)
    assert whole.past_key_values is None
    assert len(cached.sequences[:, -NEW:].unique()) > NEW, "hardly anything is written"


def test_a_padded_batch_writes_what_its_rows_write_alone(model, padded, rows):
    together = write(model, GREEDY, **padded)
    for number, row in enumerate(rows):
        alone = write(model, GREEDY, input_ids=row)
        assert torch.equal(together.sequences[number, -NEW:], alone.sequences[0, -NEW:])
        for found_BV, expected_BV in zip(together.logits, alone.logits, strict=True):
            torch.testing.assert_close(found_BV[number], expected_BV[0], atol=1e-5, rtol=0)


def test_beams_on_a_cache_equal_beams_without(model, padded):
    cached, whole = (write(model, BEAMS, **padded, use_cache=use_cache) for use_cache in (True, False))
    assert torch.equal(cached.sequences, whole.sequences)
    torch.testing.assert_close(cached.sequences_scores, whole.sequences_scores)
    moves_BT = whole.beam_indices[:, :5].diff(dim=1)
    assert (moves_BT != 0).any(), "no beam ever took another's place"


def test_enough_beams_find_the_most_probable_continuation(model):
    """Against all continuations of three tokens, over a vocabulary of six."""
    vocabulary, steps = 6, 3
    model.resize_token_embeddings(vocabulary, mean_resizing=False)
    prompt = torch.tensor([[1, 5, 2, 2, 0, 3, 4, 1, 1, 5]])
    options = {"max_new_tokens": steps, "do_sample": False, "num_beams": vocabulary**steps, "length_penalty": 0.0}
    best = write(model, options, input_ids=prompt)
    every = torch.tensor(list(itertools.product(range(vocabulary), repeat=steps)))
    whole = torch.cat([prompt.expand(len(every), -1), every], dim=1)
    with torch.no_grad():
        logs = model.model(whole)[:, -steps - 1 : -1].log_softmax(-1)
    totals = logs.gather(2, every[..., None]).sum((1, 2))
    assert torch.equal(best[0, -steps:], every[totals.argmax()])


def test_chunked_prefill_changes_nothing(model, padded):
    chunked = write(model, {**GREEDY, "prefill_chunk_size": 9}, **padded)
    assert torch.equal(chunked.sequences, write(model, GREEDY, **padded).sequences)


def test_a_conversation_goes_on_from_its_cache(model, padded):
    first = write(model, {**GREEDY, "max_new_tokens": 4, "min_new_tokens": 4}, **padded)
    more = torch.randint(61, (len(first.sequences), 6), generator=torch.Generator().manual_seed(4))
    ids = torch.cat([first.sequences, more], dim=1)
    mask = functional.pad(padded["attention_mask"], (0, 10), value=1)
    again = write(model, GREEDY, input_ids=ids, attention_mask=mask)
    kept = copy.deepcopy(first.past_key_values)
    for cache in (first.past_key_values, kept):
        onward = write(model, GREEDY, input_ids=ids, attention_mask=mask, past_key_values=cache)
        assert torch.equal(onward.sequences, again.sequences)


def test_several_samples_of_a_prompt_differ(model, rows):
    found = write(model, {**SAMPLED, "num_return_sequences": 3}, input_ids=rows[0])
    assert len(found.sequences.unique(dim=0)) == 3


def test_prompts_longer_than_the_training_context_are_read_whole(model, decoder):
    row = torch.randint(61, (1, 3 * TINY.max_seq_len), generator=torch.Generator().manual_seed(5))
    found = write(model, {**GREEDY, "max_new_tokens": 1, "min_new_tokens": 1}, input_ids=row)
    with torch.no_grad():
        torch.testing.assert_close(found.logits[0], decoder(row)[:, -1], check_dtype=False)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cache_implementation": "static"}, "cache_implementation: 'static' is not for Memory Mosaics"),
        ({"prompt_lookup_num_tokens": 2}, "assisted generation is not supported with stateful models"),
        ({"past_key_values": DynamicCache()}, "past_key_values: a DynamicCache; Memory Mosaics need a MemoryMosaics"),
    ],
)
def test_what_cannot_be_is_refused(model, rows, options, told):
    with pytest.raises(ValueError, match=told):
        model.generate(rows[0], max_new_tokens=3, **options)


def test_prompts_padded_on_the_right_are_refused(model, padded):
    flipped = {name: tensor.flip(1) for name, tensor in padded.items()}
    with pytest.raises(ValueError, match="a prompt ends in padding; pad on the left"):
        model.generate(**flipped, max_new_tokens=2)


@pytest.mark.parametrize("tied", [False, True])
def test_a_round_trip_through_files_is_exact(tmp_path, rows, tied):
    torch.manual_seed(0)
    config = MemoryMosaicsConfig(**{**TINY.model_dump(mode="json"), "tie_embeddings": tied})
    model = MemoryMosaicsForCausalLM(config).eval()
    for folder in ("once", "twice"):
        model.save_pretrained(tmp_path / folder)
        loaded = AutoModelForCausalLM.from_pretrained(tmp_path / folder)
        assert isinstance(loaded, MemoryMosaicsForCausalLM)
        before, after = model.state_dict(), loaded.state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert (loaded.model.classifier.weight is loaded.model.embedding.weight) == tied
        with torch.no_grad():
            assert torch.equal(model(rows[0]).logits, loaded(rows[0]).logits)
        model = loaded
    for file in ("config.json", "model.safetensors", "generation_config.json"):
        assert (tmp_path / "once" / file).read_bytes() == (tmp_path / "twice" / file).read_bytes(), file


def test_a_model_from_its_configuration_is_initialised_as_the_suite_does(decoder):
    torch.manual_seed(6)
    model = AutoModelForCausalLM.from_config(MemoryMosaicsConfig(**TINY.model_dump(mode="json")))
    torch.manual_seed(6)
    expected = type(decoder)(TINY, lambda layer: type(decoder.blocks[0].mixer)(TINY)).state_dict()
    assert all(torch.equal(expected[name], tensor) for name, tensor in model.model.state_dict().items())


def test_the_final_folder_of_a_run_loads(tmp_path, rows):
    build_word_level(["a", "b"]).save(str(tmp_path / "tokenizer.json"))
    folder = write_final(tmp_path / "final", "mmv2", tmp_path / "tokenizer.json")
    model = AutoModelForCausalLM.from_pretrained(folder)
    final = load_final(folder)
    with torch.no_grad():
        assert torch.equal(model(rows[0], use_cache=False).logits, final.model(rows[0]))
    assert not model.training
    assert model.config.provenance == final.provenance
    assert (model.generation_config.bos_token_id, model.generation_config.eos_token_id) == (0, 1)


def test_a_checkpoint_that_lacks_weights_is_refused(model, tmp_path):
    weights = model.state_dict()
    gone = "model.blocks.1.mixer.long_term.gamma"
    model.save_pretrained(tmp_path, state_dict={name: x for name, x in weights.items() if name != gone})
    with pytest.raises(ValueError, match=f"the checkpoint lacks .*{gone}"):
        AutoModelForCausalLM.from_pretrained(tmp_path)


def test_gates_stay_in_float32_in_a_bfloat16_model(model, rows, tmp_path):
    model.float().save_pretrained(tmp_path)
    rough = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    kept = {name for name, parameter in rough.named_parameters() if parameter.dtype == torch.float32}
    assert kept == {name for name, _ in model.named_parameters() if "gain_proj" in name or "decay_proj" in name}
    with torch.no_grad():
        exact_BTV, rough_BTV = model(rows[0]).logits, rough(rows[0]).logits
    assert (rough_BTV - exact_BTV).std() < 0.05 * exact_BTV.std()
    assert rough.generate(rows[0], max_new_tokens=3, do_sample=False).shape == (1, rows[0].shape[1] + 3)


def test_the_loss_is_that_of_the_next_tokens(model, decoder, rows):
    width = max(row.shape[1] for row in rows)
    ids = torch.cat([functional.pad(row, (0, width - row.shape[1]), value=7) for row in rows])
    real = torch.arange(width) < torch.tensor([[row.shape[1]] for row in rows])
    output = model(ids, attention_mask=real.long(), labels=ids.masked_fill(~real, -100), use_cache=False)
    pairs = [(decoder(row)[0, :-1], row[0, 1:]) for row in rows]
    logits, targets = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    torch.testing.assert_close(output.loss, functional.cross_entropy(logits, targets), check_dtype=False)
    assert output.past_key_values is None
    output.loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("padded_on_the_left", [False, True])
def test_training_draws_the_delay_as_the_paper_does(model, decoder, padded, padded_on_the_left):
    """Every m of the range, both ends included, one for all rows and layers; from torch's generator."""
    inputs = padded if padded_on_the_left else {"input_ids": padded["input_ids"]}
    labels = padded["input_ids"].masked_fill(padded["attention_mask"] == 0, -100)

    def losses(calls):
        torch.manual_seed(8)
        return [model(**inputs, labels=labels, use_cache=False).loss.item() for _ in range(calls)]

    with torch.no_grad():
        evaluated = losses(3)
        model.train()
        drawn = losses(60)
        assert model(**inputs, labels=labels).past_key_values is None
        assert drawn == losses(60)
        low, high = TINY.long_term_delay_range
        expected = {}
        for delay in range(low, high + 1):
            decoder.config = TINY.model_copy(update={"long_term_delay_range": (delay, delay)})
            (expected[delay],) = losses(1)
    assert set(drawn) == set(expected.values())
    assert len(set(drawn)) == high - low + 1
    assert set(evaluated) == {expected[TINY.long_term_delay]}


def test_training_may_draw_a_delay_for_each_layer(model, decoder, rows):
    decoder.config = TINY.model_copy(update={"delay_draw": "layer"})
    model.train()
    seen = []
    for block in decoder.blocks:
        block.mixer.register_forward_pre_hook(
            lambda _, arguments, options: seen.append(options["long_term_delay"]), with_kwargs=True
        )
    for _ in range(20):
        model(rows[0])
    assert any(first != second for first, second in zip(seen[::2], seen[1::2], strict=True))


def test_without_a_length_twenty_tokens_are_written_up_to_the_training_context(model):
    def new_tokens(length):
        row = torch.randint(2, 61, (1, length), generator=torch.Generator().manual_seed(6))
        return model.generate(row, do_sample=False, eos_token_id=None).shape[1] - length

    context = TINY.max_seq_len
    assert [new_tokens(length) for length in (4, context - 5, context - 1)] == [20, 5, 1]
    for length in (context, context + 3):
        with pytest.raises(
            ValueError, match=f"Input length of input_ids is {length}, but `max_length` is set to {context}"
        ):
            new_tokens(length)


def test_some_columns_of_logits(model, rows):
    row = rows[0]
    with torch.no_grad():
        whole = model(row).logits
        torch.testing.assert_close(model(row, logits_to_keep=3).logits, whole[:, -3:], **CLOSE)
        chosen = torch.tensor([0, 5])
        torch.testing.assert_close(model(row, logits_to_keep=chosen).logits, whole[:, chosen], **CLOSE)
        as_tuple = model(row, return_dict=False, use_cache=False)
    assert len(as_tuple) == 1


def test_a_larger_vocabulary_keeps_the_old_tokens(model, rows, tmp_path):
    with torch.no_grad():
        before = model(rows[0]).logits
        model.resize_token_embeddings(64)
        torch.testing.assert_close(model(rows[0]).logits[..., :61], before, **CLOSE)
    model.save_pretrained(tmp_path)
    assert AutoModelForCausalLM.from_pretrained(tmp_path).model.embedding.num_embeddings == 64
