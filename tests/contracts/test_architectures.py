"""What every architecture must fulfil, run over the registry: a new one needs nothing here but its spec's ``tiny``.

Equalities are tested in float64, where an error in the logic cannot pass for rounding; what float32 and bfloat16 make
of them is tested apart.

B rows, T tokens per row, V vocabulary.
"""

import importlib
import subprocess
import sys
from itertools import chain, repeat

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from mmv2.final import load_final, save_final
from mmv2.layers.decoder import IGNORE
from mmv2.layers.documents import Documents
from mmv2.layers.flops import parameters
from mmv2.registry import architectures, no_step_inputs

SPECS = architectures()
CONTEXTS = 4
"""Sequences are this many training contexts long, and a training context is longer than every window and delay."""
CLOSE = {"atol": 1e-9, "rtol": 1e-9}


@pytest.fixture(autouse=True)
def poisoned_memory():
    """Memory that is allocated but not written holds NaN, so that reading it shows."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(params=sorted(SPECS))
def spec(request):
    return SPECS[request.param]


@pytest.fixture
def model(spec):
    return scattered(spec, spec.tiny)


def scattered(spec, config):
    """A float64 model whose every parameter is moved from its initial value, so that each one shows in the logits."""
    torch.manual_seed(11)
    model = spec.build(config).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model.eval()


def random_tokens(config, batch, length, seed=0):
    return torch.randint(config.vocab_size, (batch, length), generator=torch.Generator().manual_seed(seed))


def whole_length(config):
    return CONTEXTS * config.max_seq_len + 3


def drawn_inputs(spec):
    """No step inputs, as at inference, and those of two training steps."""
    return [{}] + [spec.step_inputs(spec.tiny, 5, step) for step in (0, 7)]


def chunks(rows_BT, *sizes):
    """Cut into consecutive pieces; the last size is repeated to the end."""
    pieces, start = [], 0
    for size in chain(sizes, repeat(sizes[-1])):
        if start >= rows_BT.shape[1]:
            return pieces
        pieces.append(rows_BT[:, start : start + size])
        start += size


def extend_by(model, pieces, state=None):
    logits = []
    for piece in pieces:
        part, state = model.extend(piece, state)
        logits.append(part)
    return torch.cat(logits, dim=1), state


# The spec


def test_specs_import_without_torch():
    modules = ", ".join(f"mmv2.registry.architecture({name!r})" for name in SPECS)
    code = f"import sys, mmv2.registry; {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_tiny_is_small_and_longer_than_its_windows(spec):
    assert isinstance(spec.tiny, spec.config)
    assert parameters(spec.build, spec.tiny) < 50_000
    lengths = {name: value for name, value in spec.tiny if name.endswith(("_window", "_delay", "_delay_range"))}
    assert all(np.max(value) < spec.tiny.max_seq_len for value in lengths.values()), lengths


def test_packages_exist_and_hold_the_spec(spec):
    for package in spec.packages:
        importlib.import_module(package)
    assert spec.build.__module__.startswith(spec.packages)


def test_labels_are_distinct():
    assert len({spec.label for spec in SPECS.values()}) == len(SPECS)


def test_sizes_are_of_the_config_class(spec):
    assert all(type(config) is spec.config for config in spec.sizes.values())


def test_parameters_are_those_of_the_built_model(spec):
    for tied in (False, True):
        config = spec.tiny.model_copy(update={"tie_embeddings": tied})
        assert parameters(spec.build, config) == sum(p.numel() for p in spec.build(config).parameters())


def test_flops_grow_with_the_context_and_exceed_the_matrices(spec):
    # Beyond twice every window, where a windowed read costs the same at every length.
    counts = [spec.flops_per_token(spec.tiny, context) for context in (64, 128, 256, 512)]
    embedding = spec.tiny.vocab_size * spec.tiny.hidden_size
    assert counts[0] > 2 * (parameters(spec.build, spec.tiny) - embedding)
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("length", [1, 2, 5, 17, 40, 131])
def test_cache_bytes_are_those_of_the_state(spec, model, length):
    rows_BT = random_tokens(spec.tiny, 2, length)
    with torch.no_grad():
        for sizes in ([length], [1], [3, 1, 2]):
            _, state = extend_by(model, chunks(rows_BT, *sizes))
            content = [tensor for layer in state.layers for tensor in layer.content()]
            assert {tensor.dtype for tensor in content} == {torch.float64}
            assert sum(tensor.nbytes for tensor in content) == 2 * spec.cache_bytes(spec.tiny, length, 8)


def test_cache_bytes_never_shrink_with_the_context(spec):
    counts = [spec.cache_bytes(spec.tiny, context, 2) for context in range(1, 100)]
    assert counts[0] > 0
    assert counts == sorted(counts)


def test_step_inputs_depend_on_seed_and_step_alone(spec):
    config = spec.tiny
    drawn = {(seed, step): spec.step_inputs(config, seed, step) for seed in range(2) for step in range(40)}
    assert drawn == {key: spec.step_inputs(config, *key) for key in reversed(drawn)}
    assert all(len(values) == config.num_layers for inputs in drawn.values() for values in inputs.values())
    if spec.step_inputs is not no_step_inputs:
        assert len({str(drawn[0, step]) for step in range(40)}) > 1
        assert any(drawn[0, step] != drawn[1, step] for step in range(40))


# The forward pass


def test_nothing_looks_ahead(spec, model):
    rows_BT = random_tokens(spec.tiny, 1, whole_length(spec.tiny))
    last = rows_BT.shape[1] - 1
    with torch.no_grad():
        for inputs in drawn_inputs(spec):
            logits_BTV = model(rows_BT, **inputs)
            for changed in (1, 2, 15, 16, 17, 33, last - 1, last):
                other_BT = rows_BT.clone()
                other_BT[0, changed] = (rows_BT[0, changed] + 1) % spec.tiny.vocab_size
                moved_T = (model(other_BT, **inputs) - logits_BTV)[0].abs().amax(-1)
                assert moved_T[:changed].max() < 1e-9, f"token {changed} is seen before it is read"
                assert moved_T[changed] > 1e-3
                assert changed == last or moved_T[changed + 1 :].max() > 1e-3, f"token {changed} is never seen again"


def test_rows_do_not_know_each_other(spec, model):
    rows_BT = random_tokens(spec.tiny, 5, whole_length(spec.tiny))
    with torch.no_grad():
        together_BTV = model(rows_BT)
        for row, tokens_T in enumerate(rows_BT):
            torch.testing.assert_close(together_BTV[row], model(tokens_T[None])[0], **CLOSE)


def packed_batch(config):
    """Rows of documents of many lengths, 1 and beyond every window among them; and the documents one by one."""
    length = whole_length(config)
    lengths = [[length], [1, 2, 3, length - 6], [17, 1, 1, 16, length - 35], [length // 2, length - length // 2]]
    starts_BT = np.zeros((len(lengths), length), dtype=bool)
    for row, row_lengths in enumerate(lengths):
        starts_BT[row, np.cumsum([0, *row_lengths[:-1]])] = True
    rows_BT = random_tokens(config, len(lengths), length)
    documents = [part for row, row_lengths in zip(rows_BT, lengths, strict=True) for part in row.split(row_lengths)]
    return rows_BT, starts_BT, documents


def next_tokens(rows_BT, starts_BT):
    """Targets that never reach into the next document."""
    targets_BT = rows_BT.roll(-1, dims=1)
    ends_BT = np.roll(starts_BT, -1, axis=1)
    ends_BT[:, -1] = True
    return targets_BT.masked_fill(torch.from_numpy(ends_BT), IGNORE)


def test_packed_documents_equal_separate_ones(spec, model):
    rows_BT, starts_BT, documents = packed_batch(spec.tiny)
    for inputs in drawn_inputs(spec):
        with torch.no_grad():
            packed_BTV = model(rows_BT, Documents.from_starts(starts_BT), **inputs)
            separate_NV = torch.cat([model(document[None], **inputs)[0] for document in documents])
        torch.testing.assert_close(packed_BTV.flatten(0, 1), separate_NV, **CLOSE)


def test_packed_documents_have_the_gradients_of_separate_ones(spec, model):
    rows_BT, starts_BT, documents = packed_batch(spec.tiny)
    for inputs in drawn_inputs(spec):
        model.zero_grad()
        loss = model(rows_BT, Documents.from_starts(starts_BT), next_tokens(rows_BT, starts_BT), **inputs)
        loss.backward()
        packed = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
        model.zero_grad()
        total = 0.0
        for document in documents:
            targets_1T = document[None].roll(-1, dims=1)
            targets_1T[:, -1] = IGNORE
            part = model(document[None], targets_BT=targets_1T, **inputs)
            part.backward()
            total += part.item()
        assert loss.item() == pytest.approx(total, rel=1e-12)
        for name, parameter in model.named_parameters():
            scale = parameter.grad.abs().max().item()
            assert scale > 0, f"{name} has no influence on the loss"
            torch.testing.assert_close(packed[name], parameter.grad, atol=1e-9 * scale, rtol=1e-7, msg=name)


def test_float32_and_bfloat16_are_close(spec, model):
    rows_BT, starts_BT, _ = packed_batch(spec.tiny)
    documents = Documents.from_starts(starts_BT)
    exact_BTV = model(rows_BT, documents)
    single = model.float()
    single_BTV = single(rows_BT, documents)
    with torch.autocast("cpu", torch.bfloat16):
        rough_BTV = single(rows_BT, documents)
        single(rows_BT, documents, next_tokens(rows_BT, starts_BT)).backward()
    assert single_BTV.dtype == rough_BTV.dtype == torch.float32
    assert (single_BTV - exact_BTV).abs().max() < 1e-4
    assert (rough_BTV - exact_BTV).std() < 0.05 * exact_BTV.std()
    assert all(parameter.grad.isfinite().all() for parameter in single.parameters())


# Decoding


@pytest.mark.parametrize("sizes", [[1], [2, 3, 1, 7, 1], [16], [5, 33, 1], [40, 1]], ids=str)
def test_cached_decoding_equals_the_forward_pass(spec, model, sizes):
    rows_BT = random_tokens(spec.tiny, 2, whole_length(spec.tiny))
    with torch.no_grad():
        logits_BTV, state = extend_by(model, chunks(rows_BT, *sizes))
        torch.testing.assert_close(logits_BTV, model(rows_BT), **CLOSE)
    assert state.length == rows_BT.shape[1]


def test_cached_decoding_in_float32_and_bfloat16_is_close(spec, model):
    rows_BT = random_tokens(spec.tiny, 2, whole_length(spec.tiny))
    with torch.no_grad():
        exact_BTV = model(rows_BT)
        single = model.float()
        single_BTV, _ = extend_by(single, chunks(rows_BT, 40, 1))
        with torch.autocast("cpu", torch.bfloat16):
            rough_BTV, _ = extend_by(single, chunks(rows_BT, 40, 1))
    assert single_BTV.dtype == rough_BTV.dtype == torch.float32
    assert (single_BTV - exact_BTV).abs().max() < 1e-4
    assert (rough_BTV - exact_BTV).std() < 0.05 * exact_BTV.std()


@pytest.mark.parametrize("prefix", [1, 6, 30, 100])
def test_clones_go_separate_ways(spec, model, prefix):
    rows_BT = random_tokens(spec.tiny, 2, prefix)
    endings = [random_tokens(spec.tiny, 2, 20, seed) for seed in (1, 2, 3)]
    with torch.no_grad():
        _, state = extend_by(model, chunks(rows_BT, 7))
        states = [state.clone(), state, state.clone()]
        for ending, own in zip(endings, states, strict=True):
            logits_BTV, _ = extend_by(model, chunks(ending, 9, 1), own)
            torch.testing.assert_close(logits_BTV, model(torch.cat([rows_BT, ending], 1))[:, prefix:], **CLOSE)


@pytest.mark.parametrize("prefix", [1, 6, 30, 100])
def test_an_expanded_prefix_serves_many_endings(spec, model, prefix):
    row_1T = random_tokens(spec.tiny, 1, prefix)
    endings_BT = random_tokens(spec.tiny, 3, 20, seed=1)
    with torch.no_grad():
        _, state = extend_by(model, chunks(row_1T, 7))
        expanded = state.expand(3)
        assert expanded.length == prefix
        for own, rows_BT in ((expanded, endings_BT), (state, endings_BT[:1])):
            logits_BTV, _ = extend_by(model, chunks(rows_BT, 9, 1), own)
            whole_BT = torch.cat([row_1T.expand(len(rows_BT), -1), rows_BT], dim=1)
            torch.testing.assert_close(logits_BTV, model(whole_BT)[:, prefix:], **CLOSE)


# Weights


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_initialisation_covers_every_parameter(spec, tied):
    config = spec.tiny.model_copy(update={"tie_embeddings": tied})
    reference = spec.build(config)
    torch.manual_seed(3)
    reference.reset_parameters()
    expected = reference.state_dict()
    with torch.device("meta"):
        model = spec.build(config)
    model.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(torch.nan)
    torch.manual_seed(3)
    model.reset_parameters()
    assert model.state_dict().keys() == expected.keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_initialisation_depends_on_the_generator_alone(spec):
    models = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        models.append(spec.build(spec.tiny).state_dict())
    assert all(torch.equal(models[0][name], tensor) for name, tensor in models[1].items())
    assert any(not torch.equal(models[0][name], tensor) for name, tensor in models[2].items())


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_the_final_folder_keeps_the_model(spec, tied, tmp_path):
    config = spec.tiny.model_copy(update={"tie_embeddings": tied})
    model = scattered(spec, config).float()
    words = {f"w{index}": index for index in range(config.vocab_size)}
    tokenizer_file = tmp_path / "tokenizer.json"
    Tokenizer(WordLevel(words, unk_token="w0")).save(str(tokenizer_file))
    save_final(tmp_path / "final", model.state_dict(), spec.name, config, tokenizer_file, {"step": 3})
    loaded = load_final(tmp_path / "final")
    rows_BT = random_tokens(config, 2, 50)
    assert (loaded.arch, loaded.config, loaded.provenance) == (spec.name, config, {"step": 3})
    with torch.no_grad():
        assert torch.equal(loaded.model(rows_BT), model(rows_BT))
