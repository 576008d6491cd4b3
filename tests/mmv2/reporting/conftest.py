"""What tests of tables and figures share: synthetic records of the laptop suite, made when they are needed."""

import pytest

from mmv2.evaluation import contrasts, statistics
from mmv2.records import read_records, write_records
from tests.golden.make_records_laptop import laptop_records


@pytest.fixture(scope="session")
def golden_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("golden") / "records_laptop.jsonl"
    write_records(file, laptop_records())
    return file


@pytest.fixture(scope="session")
def golden(golden_file):
    return read_records(golden_file)


@pytest.fixture
def few_resamplings(monkeypatch):
    """Quicker, and as good where intervals are not what is tested."""
    for module in (statistics, contrasts):
        monkeypatch.setattr(module, "RESAMPLINGS", 1000)
