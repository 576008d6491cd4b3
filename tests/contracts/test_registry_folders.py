"""Mistakes in the folders that the registry reads are told: a copied folder, a module without its constant."""

import sys

import pytest

import baselines
from mmv2.errors import UserError
from mmv2.registry import architectures, entries
from mmv2.reporting import tables


def add_module(monkeypatch, folder, package, name, source):
    """As if the package's folder held one more module."""
    (folder / f"{name}.py").write_text(source)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, f"{package.__name__}.{name}", raising=False)
    monkeypatch.setattr(package, name, None, raising=False)  # what the import sets is taken back


@pytest.fixture
def fresh_entries():
    entries.cache_clear()
    yield
    entries.cache_clear()


def test_a_copied_architecture_that_keeps_the_name_is_told(monkeypatch, tmp_path):
    add_module(monkeypatch, tmp_path, baselines, "copied_one", "from baselines.transformer import MODEL_SPEC")
    told = r"^baselines\.transformer: MODEL_SPEC: name 'transformer' is that of baselines\.copied_one too; give it"
    with pytest.raises(UserError, match=told):
        architectures()


def test_an_architecture_without_its_spec_is_told(monkeypatch, tmp_path):
    add_module(monkeypatch, tmp_path, baselines, "unfinished", "SPEC = 1")
    with pytest.raises(UserError, match=r"^baselines\.unfinished: has no MODEL_SPEC; define it"):
        architectures()


def test_an_entry_without_its_constant_is_told(monkeypatch, tmp_path, fresh_entries):
    add_module(monkeypatch, tmp_path, tables, "table_unfinished", "TABEL = 1")
    with pytest.raises(UserError, match=r"^mmv2\.reporting\.tables\.table_unfinished: has no TABLE; define it"):
        entries("table")
