"""Fixtures of the tests of configuration files."""

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
