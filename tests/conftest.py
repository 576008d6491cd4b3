"""For all tests: one thread, so that results do not depend on the machine's cores and small tensors do not wait."""

import torch

torch.set_num_threads(1)
