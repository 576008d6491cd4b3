"""What a GPU computes is what the CPU computes, for every architecture. Where there is no GPU nothing can be told.

B rows, T tokens per row, V vocabulary.
"""

import pytest
import torch

from mmv2.layers.documents import Documents
from tests.contracts.common import chunks, drawn_inputs, extend_by, random_tokens
from tests.contracts.test_forward import next_tokens, packed_batch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")


@pytest.fixture(autouse=True)
def poisoned_memory():
    """Not needed here, and the GPU's matrix products are not deterministic without a setting of the environment."""


def passed(model, config, inputs, device, precision=None):
    """Summed loss, logits and gradients of a packed batch."""
    rows_BT, starts_BT, _ = packed_batch(config)
    targets_BT = next_tokens(rows_BT, starts_BT)
    documents = Documents.from_starts(starts_BT, device)
    rows_BT, targets_BT, model = rows_BT.to(device), targets_BT.to(device), model.to(device)
    model.zero_grad()
    with torch.autocast(device, torch.bfloat16, enabled=precision is not None):
        logits_BTV = model(rows_BT, documents, **inputs)
        loss = model(rows_BT, documents, targets_BT, **inputs)
    loss.backward()
    grads = {name: parameter.grad.cpu().double() for name, parameter in model.named_parameters()}
    return loss.item(), logits_BTV.detach().cpu().double(), grads


def test_values_and_gradients_in_float64(spec, model):
    for inputs in drawn_inputs(spec):
        loss, logits_BTV, grads = passed(model, spec.tiny, inputs, "cpu")
        other_loss, other_BTV, other_grads = passed(model, spec.tiny, inputs, "cuda")
        assert other_loss == pytest.approx(loss, rel=1e-9)
        torch.testing.assert_close(other_BTV, logits_BTV, atol=1e-8, rtol=1e-8)
        for name, grad in grads.items():
            torch.testing.assert_close(
                other_grads[name], grad, atol=1e-6, rtol=1e-6, msg=lambda text, n=name: f"{n}: {text}"
            )


def test_bfloat16_is_near(spec, model):
    """Its products have 8 bits: some per cent of the spread of logits and of the norm of the gradient."""
    torch.manual_seed(5)
    model = spec.build(spec.tiny)
    inputs = next(iter(drawn_inputs(spec)))
    loss, logits_BTV, grads = passed(model, spec.tiny, inputs, "cpu")
    other_loss, other_BTV, other_grads = passed(model, spec.tiny, inputs, "cuda", "bfloat16")
    assert other_loss == pytest.approx(loss, rel=5e-3)
    assert (other_BTV - logits_BTV).std() < 0.05 * logits_BTV.std()
    whole = torch.cat([grad.flatten() for grad in grads.values()])
    other_whole = torch.cat([grad.flatten() for grad in other_grads.values()])
    assert (other_whole - whole).norm() < 0.15 * whole.norm()


def test_decoding_continues_whole_passes(spec, model):
    model = model.cuda()
    rows_BT = random_tokens(spec.tiny, 2, 70).cuda()
    with torch.no_grad():
        whole_BTV = model(rows_BT)
        pieces_BTV, _ = extend_by(model, chunks(rows_BT, 33, 1, 1, 35))
    torch.testing.assert_close(pieces_BTV, whole_BTV, atol=1e-8, rtol=1e-8)
