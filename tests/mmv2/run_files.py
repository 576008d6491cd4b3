"""A small run for tests of run and suite files, and how their mistakes are told."""

import re

import pytest

from mmv2.errors import UserError
from mmv2.registry import architecture

BASE = {
    "model": architecture("transformer").tiny.model_dump(mode="json"),  # 32 tokens of context
    "corpus": {"source": "tiny_world", "seed": 1, "unit_tokens": 10_000},
    "budget": 1.0,
    "training": {
        "seed": 1,
        "global_batch_size": 4,
        "micro_batch_size": 4,
        "learning_rate": 1.0e-3,
        "warmup_steps": 2,
    },
}


def refused(path, told, call, *arguments):
    with pytest.raises(UserError, match=rf"^{re.escape(f'{path}: {told}')}[^\n]*$"):
        call(*arguments)
