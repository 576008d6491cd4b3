"""Fixtures: where the rows of a benchmark are, hand-made ones where no real file was to be had."""

from pathlib import Path

import pytest

from mmv2.evaluation.persistent.table import BENCHMARKS

FIXTURES = Path(__file__).parent / "fixtures"
"""Three hand-made rows of each benchmark of which no real file was to be had; of math at least one of each subset."""


@pytest.fixture
def root_of(request):
    """Function from a benchmark's name to the folder of its rows: real ones, or hand-made ones where there are none."""

    def find(name):
        return request.getfixturevalue("data_root") if BENCHMARKS[name].measured else FIXTURES

    return find
