import json
import subprocess
import sys

import pytest

from mmv2.data.tokenizer import load_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.frozen import Encoder
from mmv2.evaluation.windows import Windows
from tests.mmv2.evaluation.small_world import write_corpus_folder


@pytest.fixture
def windows(tmp_path):
    """Windows of the small world's held-out texts."""
    corpus = write_corpus_folder(tmp_path / "corpus")
    encoder = Encoder(load_tokenizer(corpus / "tokenizer.json"))
    return lambda size, seed=(1,): Windows(corpus / "evaluation" / "text_test.jsonl", encoder, size, seed)


def test_windows_hold_so_many_tokens_of_their_text_and_do_not_overlap(windows, tmp_path):
    made = windows(15)
    lines = (tmp_path / "corpus" / "evaluation" / "text_test.jsonl").read_text().splitlines()
    ids = {row["id"]: made.encoder.ids(row["text"]) for row in map(json.loads, lines)}
    cut = made.take(1000, "task")
    assert len(cut) == len({window[:2] for window in cut}) == sum(len(own) // 15 for own in ids.values())
    for identity, place, text in cut:
        assert place % 15 == 0
        assert made.encoder.ids(text) == ids[identity][place : place + 15]


def test_the_first_windows_are_the_first_of_more_and_others_with_another_seed(windows):
    assert windows(15).take(3, "task") == windows(15).take(9, "task")[:3]
    assert windows(15).take(9, "task") != windows(15, (2,)).take(9, "task")


def test_texts_that_are_too_short_are_told_with_the_task_and_the_length(windows):
    with pytest.raises(
        UserError, match=r"own_task: context_lengths: 512: no window in text_test\.jsonl, whose longest"
    ):
        windows(511).take(3, "own_task")


def test_the_plan_of_a_workflow_needs_no_torch():
    code = "import sys, mmv2.evaluation.windows; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
