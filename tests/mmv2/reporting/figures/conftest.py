"""What tests of figures share."""

import pytest

from mmv2.reporting.style import style


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
