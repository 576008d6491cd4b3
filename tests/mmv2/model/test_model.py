"""The whole model against the same model on the reference operators, and what only the whole model shows."""

import numpy as np
import pytest
import torch

from mmv2.layers import memory as read_memory
from mmv2.layers.decoder import DecoderState
from mmv2.layers.documents import Documents
from mmv2.layers.flops import parameters
from mmv2.layers.memory_mixer import MemoryMixerState
from mmv2.model import MODEL_SPEC, draw_delays
from mmv2.model import memory as mosaic_memory
from mmv2.model.config import TINY
from mmv2.model.model import memory_mosaics, without_long_term_memory
from mmv2.ops.gated_keys import reference as gated_keys_reference
from mmv2.ops.lookahead_values import reference as lookahead_values_reference
from mmv2.ops.memory_read import Ages
from mmv2.ops.memory_read import reference as memory_read_reference

H, M = TINY.short_term_window, TINY.long_term_delay
DOCUMENTS = [1, M - 1, M, 1, H - 1, M + 1, H, H + 1, 5 * H, 1, 2 * H, 3]
"""Document lengths in one packed row: 1, T < m, T = m, T < h, T = h, and longer."""


def model(seed=0, **changes):
    torch.manual_seed(seed)
    made = memory_mosaics(TINY.model_copy(update=changes)).double()
    with torch.no_grad():
        for parameter in made.parameters():  # off the initial values, at which many mistakes cancel
            parameter += 0.3 * torch.randn_like(parameter)
    return made


def packed_batch(rows=2):
    length = sum(DOCUMENTS)
    starts = np.zeros((rows, length), dtype=bool)
    for row in range(rows):
        order = np.random.default_rng(row).permutation(DOCUMENTS)
        starts[row, np.cumsum(order)[:-1]] = True
    tokens = torch.randint(TINY.vocab_size, (rows, length), generator=torch.Generator().manual_seed(0))
    return tokens, Documents.from_starts(starts)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"short_term_pairs": "caption"},
        {"value_scale": "trainable"},
        {"long_term_memory": False},
        {"adaptive_bandwidth": False},
        {"key_extractor": "leaky"},
        {"key_extractor": "plain", "rope_theta": 30.0},
    ],
    ids=str,
)
def test_packed_model_equals_the_reference_operators(options, monkeypatch):
    tokens, documents = packed_batch()
    made = model(**options)
    targets = tokens.roll(-1, 1)

    def loss_and_gradients():
        loss = made(tokens, documents, targets, long_term_delay=[M, H])
        return loss.detach(), torch.autograd.grad(loss, list(made.parameters()))

    loss, grads = loss_and_gradients()
    monkeypatch.setattr(mosaic_memory, "gated_keys", gated_keys_reference.gated_keys)
    monkeypatch.setattr(read_memory, "lookahead_values", lookahead_values_reference.lookahead_values)
    monkeypatch.setattr(read_memory, "memory_read", memory_read_reference.memory_read)
    expected, expected_grads = loss_and_gradients()
    torch.testing.assert_close(loss, expected)
    for (name, _), grad, want in zip(made.named_parameters(), grads, expected_grads, strict=True):
        torch.testing.assert_close(grad, want, atol=1e-8, rtol=1e-6, msg=lambda m, name=name: f"{name}: {m}")


def test_the_last_token_of_a_document_does_not_look_into_the_next():
    tokens, documents = packed_batch(rows=1)
    made = model()
    before = made(tokens, documents)
    boundary = int(np.cumsum(np.random.default_rng(0).permutation(DOCUMENTS))[4])
    changed = tokens.clone()
    changed[0, boundary] = (changed[0, boundary] + 1) % TINY.vocab_size
    after = made(changed, documents)
    torch.testing.assert_close(before[:, :boundary], after[:, :boundary], atol=0, rtol=0)


def test_the_delay_is_what_the_step_says():
    tokens = torch.randint(TINY.vocab_size, (1, 24), generator=torch.Generator().manual_seed(0))
    made = model()
    default = made(tokens)
    torch.testing.assert_close(made(tokens, long_term_delay=[M, M]), default)
    for layer in range(2):
        delays = [M, M]
        delays[layer] = M + 1
        assert not torch.allclose(made(tokens, long_term_delay=delays), default)


def test_delays_are_a_function_of_seed_and_step():
    drawn = [draw_delays(TINY, seed=1, step=step)["long_term_delay"] for step in range(400)]
    assert drawn == [draw_delays(TINY, seed=1, step=step)["long_term_delay"] for step in range(400)]
    assert drawn != [draw_delays(TINY, seed=2, step=step)["long_term_delay"] for step in range(400)]
    assert {tuple(delays) for delays in drawn} == {(m, m) for m in range(M, H + 1)}  # both ends, all layers alike
    per_layer = TINY.model_copy(update={"delay_draw": "layer"})
    assert any(len(set(draw_delays(per_layer, 1, step)["long_term_delay"])) > 1 for step in range(20))


def test_literal_value_scale_never_trains_and_the_alternative_does():
    tokens = torch.randint(TINY.vocab_size, (1, 24), generator=torch.Generator().manual_seed(0))
    for option, trains in (("literal", False), ("trainable", True)):
        torch.manual_seed(0)
        made = memory_mosaics(TINY.model_copy(update={"value_scale": option}))
        made(tokens).square().sum().backward()
        grad = made.blocks[0].mixer.short_term.theta_alpha_psi.grad
        assert bool(grad.abs().sum() > 0) == trains


def test_initial_values_of_table_6():
    torch.manual_seed(0)
    layer = memory_mosaics(TINY).blocks[1].mixer.long_term
    beta_0, beta_1, alpha = layer.bandwidth()
    torch.testing.assert_close(beta_0, torch.full((4,), 1.5).exp())
    torch.testing.assert_close(beta_1, torch.full((4,), 1.5).exp())
    torch.testing.assert_close(alpha, torch.full((4,), 1 / 3))
    torch.testing.assert_close(layer.value_scale(), torch.ones(4))
    assert ((layer.gamma > 0) & (layer.gamma < 1)).all()
    assert len(layer.gamma.unique()) == 4


def test_removing_the_long_term_memory_leaves_the_short_term_answers():
    made = model()
    with torch.no_grad():
        for block in made.blocks:
            block.mixer.output.weight[:, TINY.hidden_size :] = 0  # long-term answers count nothing
    reduced = without_long_term_memory(made)
    tokens, documents = packed_batch()
    torch.testing.assert_close(reduced(tokens, documents), made(tokens, documents))
    assert sum(p.numel() for p in reduced.parameters()) == parameters(MODEL_SPEC.build, reduced.config)


def test_an_empty_memory_answers_zero():
    made = model()
    x = torch.randn(1, M, TINY.hidden_size, dtype=torch.float64)
    mixer = made.blocks[0].mixer
    assert not mixer.long_term(x, Ages(M)).any()
    assert not mixer.short_term(x, Ages(1, H))[:, 0].any()
    assert mixer.short_term(x, Ages(1, H))[:, 1:].any()


@pytest.mark.parametrize("packed", [False, True])
def test_memory_kept_for_the_backward_pass_is_linear_in_the_context(packed):
    made = model().float()

    def kept(length):
        sizes = {}
        starts = np.zeros((1, length), dtype=bool)
        starts[:, :: length // 2 if packed else length] = True
        tokens = torch.zeros(1, length, dtype=torch.int64)

        def count(tensor):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            logits = made(tokens, Documents.from_starts(starts))  # alive, so that no storage is counted for another
        assert logits.shape[1] == length
        return sum(sizes.values())

    assert kept(2048) < 2.1 * kept(1024)


@pytest.mark.parametrize("options", [{}, {"long_term_memory": False}], ids=str)
def test_rows_of_unlike_length_go_on_together(options):
    """Also a row that has read nothing yet."""
    made = model(**options)
    generator = torch.Generator().manual_seed(3)
    rows = [torch.randint(TINY.vocab_size, (1, length), generator=generator) for length in (2 * H, 1, M)]
    onward = torch.randint(TINY.vocab_size, (4, 3 * H), generator=generator)
    with torch.no_grad():
        states = [made.extend(row)[1].layers for row in rows] + [[b.mixer.nothing_read(1) for b in made.blocks]]
        state = DecoderState([MemoryMixerState.join(layer) for layer in zip(*states, strict=True)])
        logits = []
        for piece in onward.split([1, M, 3 * H - M - 1], dim=1):
            found, state = made.extend(piece, state)
            logits.append(found)
        for number, row in enumerate([*rows, rows[0][:, :0]]):
            whole = made(torch.cat([row, onward[number : number + 1]], dim=1))
            torch.testing.assert_close(torch.cat(logits, 1)[number], whole[0, row.shape[1] :], atol=1e-9, rtol=1e-9)
