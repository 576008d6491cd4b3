"""Fixtures of the tests of configuration files, and a locale that knows no more than ASCII."""

import io

import pytest
import yaml


@pytest.fixture
def write(tmp_path):
    """Writes a YAML file; returns its path."""

    def run(name, /, **content):
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content))
        return path

    return run


@pytest.fixture
def ascii_locale(tmp_path, monkeypatch):
    """Files that are opened without an encoding are ASCII, as where LC_ALL is POSIX."""
    monkeypatch.setattr(io, "text_encoding", lambda encoding, stacklevel=2: encoding or "ascii")
    with pytest.raises(UnicodeEncodeError):
        (tmp_path / "x").write_text("ä")
    (tmp_path / "x").unlink()
