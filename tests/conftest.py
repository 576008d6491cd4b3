"""For all tests: one thread, so that results do not depend on the machine's cores and small tensors do not wait."""

from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_root():
    """shared/data, the folder of real data beside the repository; skips the test where it is absent."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("shared/data is not beside the repository: its real files are not tested")
    return folder


@pytest.fixture(scope="session")
def shared_data(data_root):
    """Function from a path in shared/data to that file; without it a test fails, as the path or the data is wrong."""

    def find(path):
        assert (data_root / path).is_file(), f"shared/data is beside the repository, but holds no {path}"
        return data_root / path

    return find
