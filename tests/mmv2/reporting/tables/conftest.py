"""What tests of tables share: the golden records of the laptop suite, and the paper's numbers."""

from pathlib import Path

import pytest

from mmv2.records import read_records
from mmv2.registry import entries
from mmv2.reporting.published import read_published
from tests.golden.make_records_laptop import FILE

PUBLISHED = Path(__file__).parents[4] / "results" / "published"


@pytest.fixture(scope="session")
def golden():
    return read_records(FILE)


@pytest.fixture
def table():
    """Builds a table by name."""

    def build(name, records, *metrics):
        spec = entries("table")[name]
        published = [read_published(PUBLISHED / spec.published)] if spec.published else []
        return spec.build(records, *published, *metrics)

    return build
