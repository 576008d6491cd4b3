"""Every architecture of the registry: a new one needs nothing in these tests but its spec's ``tiny``."""

import pytest
import torch

from tests.contracts.common import SPECS, scattered


@pytest.fixture(autouse=True)
def poisoned_memory():
    """Memory that is allocated but not written holds NaN, so that reading it shows."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(params=sorted(SPECS))
def spec(request):
    return SPECS[request.param]


@pytest.fixture
def model(spec):
    return scattered(spec, spec.tiny)
