"""What tests of figures share: the golden records of the laptop suite."""

import pytest

from mmv2.records import read_records
from mmv2.reporting.style import style
from tests.golden.make_records_laptop import FILE


@pytest.fixture(scope="session")
def golden():
    return read_records(FILE)


@pytest.fixture
def draw():
    """Draws a figure; returns its panels."""

    def run(spec, *inputs):
        with style():
            return [axes for axes in spec.draw(*inputs).axes if axes.axison]

    return run


@pytest.fixture
def curves():
    """The means of every run in a panel, by its label."""

    def read(axes):
        lines = {container.get_label(): container.lines[0] for container in axes.containers}
        return {label: dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) for label, line in lines.items()}

    return read
