import pytest

from tests.mmv2.sandbox.hostile import skip_without_containment


@pytest.fixture(autouse=True, scope="session")
def _containment():
    skip_without_containment()
