import pytest

from mmv2.errors import UserError
from mmv2.reporting.metrics import read_metrics
from tests.golden.make_records_laptop import write_metrics


def test_runs_are_named_by_their_folders(tmp_path):
    files = write_metrics(tmp_path)
    found = read_metrics(files)
    assert sorted(found["run"].unique()) == sorted(file.parent.name for file in files)
    of_run = found[found["run"] == "s1-long"]
    assert of_run["step"].tolist() == list(range(1, 9))
    assert of_run["tokens_seen"].tolist() == [10_000 * step for step in range(1, 9)]


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "no step in it"), ("{}\n", "line 1: no metrics of a step"), ("[1]\n", "line 1"), ("{\n", "line 1")],
)
def test_a_damaged_file_is_told(tmp_path, content, message):
    (tmp_path / "metrics.jsonl").write_text(content)
    with pytest.raises(UserError, match=rf"metrics\.jsonl: {message}"):
        read_metrics([tmp_path / "metrics.jsonl"])


def test_no_file_a_missing_one_and_one_named_twice_are_told(tmp_path):
    file = write_metrics(tmp_path)[0]
    with pytest.raises(UserError, match="metrics: no file"):
        read_metrics([])
    with pytest.raises(UserError, match=r"none\.jsonl: no such file"):
        read_metrics([tmp_path / "none.jsonl"])
    with pytest.raises(UserError, match="a second file of run s1"):
        read_metrics([file, file])
