"""Fixtures that several folders of evaluation tests use: tiny models that read any text."""

import socket
from pathlib import Path

import pytest
import torch

from mmv2.data.tokenizer import train_bpe
from mmv2.final import save_final
from mmv2.registry import architecture

TEXT = Path(__file__).read_text() * 3


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory):
    """A byte-level BPE tokenizer of few tokens: it reads any text."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    train_bpe([TEXT], 320).save(str(path))
    return path


@pytest.fixture(scope="session")
def final(tokenizer_file, tmp_path_factory):
    """Function from an architecture to the final/ folder of a random model, small enough to be quick."""

    def make(arch):
        folder = tmp_path_factory.mktemp(arch) / "final"
        tiny = architecture(arch).tiny
        config = tiny.model_copy(update={"vocab_size": 320, "num_layers": 2, "max_seq_len": 64})
        torch.manual_seed(5)
        model = architecture(arch).build(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
        origin = {"run": f"tiny-{arch}", "step": 7, "tokens_seen": 700, "budget": 1.0, "seed": 3, "init_from": "before"}
        provenance = {**origin, "settings": {"delay_is_fixed": False}, "fingerprint": "0123456789abcdef"}
        save_final(folder, model.state_dict(), arch, config, tokenizer_file, provenance)
        return folder

    return make


@pytest.fixture
def no_network(monkeypatch):
    """Ends a test that opens a connection."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def refuse(*arguments):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
