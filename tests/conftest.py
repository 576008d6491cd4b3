"""For all tests: one thread, so that results do not depend on the machine's cores and small tensors do not wait."""

from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data():
    """Function from a path in shared/data, beside the repository, to that file; skips the test where it is absent."""
    folder = Path(__file__).parents[2] / "shared" / "data"

    def find(path):
        if not (folder / path).is_file():
            pytest.skip(f"shared/data/{path} is not beside the repository: this real file is not tested")
        return folder / path

    return find
