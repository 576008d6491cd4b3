"""What tests of tables share: the paper's numbers beside the golden records."""

from pathlib import Path

import pytest

from mmv2.registry import entries
from mmv2.reporting.published import read_published

PUBLISHED = Path(__file__).parents[4] / "results" / "published"


@pytest.fixture
def table():
    """Builds a table by name."""

    def build(name, records, *metrics):
        spec = entries("table")[name]
        published = [read_published(PUBLISHED / spec.published)] if spec.published else []
        return spec.build(records, *published, *metrics)

    return build
