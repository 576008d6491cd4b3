"""Evidence from synthetic records, for tests of claims."""

import tempfile
from functools import cache
from pathlib import Path

from mmv2.records import read_records, write_records
from mmv2.reporting.evidence import Evidence
from tests.golden.make_records_claims import world

PUBLISHED = Path(__file__).parents[4] / "results" / "published"


def evidence(*changes, seeds=(1,)):
    """Evidence of a world with some rates changed; see ``world``."""
    found = _records(changes, seeds)
    return Evidence(found.copy(), PUBLISHED)


@cache
def _records(changes, seeds):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "records.jsonl"
        write_records(file, world(*changes, seeds=seeds))
        return read_records(file).assign(file="records.jsonl")
