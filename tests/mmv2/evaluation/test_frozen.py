import pytest

from mmv2.errors import UserError
from mmv2.evaluation.frozen import FrozenExample, FrozenHeader, checksum, read_frozen, write_frozen


def header(*examples):
    return FrozenHeader(
        task="t",
        settings={"seed": 1},
        tokenizer="aa",
        sources={},
        max_new_tokens=2,
        num_examples=len(examples),
        examples_sha256=checksum(examples),
        summary={},
    )


def example(identity):
    return FrozenExample(
        id=identity,
        subtask="s",
        context_length=16,
        prompt="zeilen\u2028trenner \n ä",
        references=("x",),
        num_tokens=9,
        baselines={"b": "y"},
    )


EXAMPLES = [example("a"), example("b")]


def test_what_is_written_is_read(tmp_path):
    write_frozen(tmp_path / "f.jsonl", header(*EXAMPLES), EXAMPLES)
    assert read_frozen(tmp_path / "f.jsonl") == (header(*EXAMPLES), EXAMPLES)


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "f.jsonl"
    write_frozen(path, header(*EXAMPLES), EXAMPLES)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:2], lines[2].replace('"num_tokens"', '"tokens"'), ""]))
    with pytest.raises(UserError, match=r"f\.jsonl: line 3: num_tokens"):
        read_frozen(path)


def test_missing_examples_are_noticed(tmp_path):
    path = tmp_path / "f.jsonl"
    write_frozen(path, header(*EXAMPLES), EXAMPLES)
    path.write_text("\n".join(path.read_text().split("\n")[:2]) + "\n")
    with pytest.raises(UserError, match="the header says 2, the file holds 1"):
        read_frozen(path)


def test_a_prompt_beyond_its_length_is_never_written(tmp_path):
    long = example("a").model_copy(update={"num_tokens": 17})
    with pytest.raises(AssertionError):
        write_frozen(tmp_path / "f.jsonl", header(long), [long])
    assert not (tmp_path / "f.jsonl").exists()


@pytest.mark.parametrize("change", [('"references":["x"]', '"references":["y"]'), ("zeilen", "zellen"), (":9", ":8")])
def test_an_edited_example_is_noticed(tmp_path, change):
    path = tmp_path / "f.jsonl"
    write_frozen(path, header(*EXAMPLES), EXAMPLES)
    lines = path.read_text(encoding="utf-8").split("\n")
    assert change[0] in lines[2]
    path.write_text("\n".join([*lines[:2], lines[2].replace(*change), ""]), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"f\.jsonl: line 1: examples_sha256: .* edited or damaged; freeze the task again"
    ):
        read_frozen(path)


def test_examples_in_another_order_are_noticed(tmp_path):
    path = tmp_path / "f.jsonl"
    write_frozen(path, header(*EXAMPLES), EXAMPLES)
    first, *lines, last = path.read_text(encoding="utf-8").split("\n")
    path.write_text("\n".join([first, *lines[::-1], last]), encoding="utf-8")
    with pytest.raises(UserError, match="examples_sha256"):
        read_frozen(path)


def test_a_checksum_of_other_examples_is_never_written(tmp_path):
    with pytest.raises(AssertionError):
        write_frozen(tmp_path / "f.jsonl", header(*EXAMPLES), EXAMPLES[::-1])
    assert not (tmp_path / "f.jsonl").exists()
