import pytest

from mmv2.errors import UserError
from mmv2.evaluation.outcome import Answer
from mmv2.evaluation.progress import Progress

ANSWERS = {
    0: Answer((1, 2), False, (-1 / 3, -1e-17)),
    5: Answer((), True),
    6: Answer(details={"bits_8": 2 / 3, "bytes_8": 7}),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "new" / "records.jsonl.partial"
    Progress(path, "key").add(ANSWERS)
    return path


def test_answers_are_taken_up_again(path):
    assert Progress(path, "key").answers == ANSWERS


def test_a_torn_last_line_is_dropped_and_written_over(path):
    path.write_bytes(path.read_bytes()[:-4])
    progress = Progress(path, "key")
    assert progress.answers == {0: ANSWERS[0], 5: ANSWERS[5]}
    progress.add({6: ANSWERS[6]})
    assert Progress(path, "key").answers == ANSWERS


def test_a_torn_first_line_starts_afresh(path):
    path.write_bytes(path.read_bytes()[:6])
    assert Progress(path, "key").answers == {}


def test_another_key_starts_afresh_and_says_so(path, capsys):
    assert Progress(path, "other").answers == {}
    assert "starting afresh" in capsys.readouterr().err
    assert Progress(path, "key").answers == {}


def test_damage_that_no_kill_explains_is_told(path):
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + '{"example": 0, "ids"\n' + lines[2])
    with pytest.raises(UserError, match="line 2: damaged"):
        Progress(path, "key")


def test_remove(path):
    Progress(path, "key").remove()
    assert not path.exists()
