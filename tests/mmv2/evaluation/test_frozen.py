import pytest

from mmv2.errors import UserError
from mmv2.evaluation.frozen import FrozenExample, FrozenHeader, read_frozen, write_frozen


def header(num_examples):
    return FrozenHeader(
        task="t",
        settings={"seed": 1},
        tokenizer="aa",
        sources={},
        max_new_tokens=2,
        num_examples=num_examples,
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


def test_what_is_written_is_read(tmp_path):
    examples = [example("a"), example("b")]
    write_frozen(tmp_path / "f.jsonl", header(2), examples)
    assert read_frozen(tmp_path / "f.jsonl") == (header(2), examples)


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "f.jsonl"
    write_frozen(path, header(2), [example("a"), example("b")])
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:2], lines[2].replace('"num_tokens"', '"tokens"'), ""]))
    with pytest.raises(UserError, match=r"f\.jsonl: line 3: num_tokens"):
        read_frozen(path)


def test_missing_examples_are_noticed(tmp_path):
    path = tmp_path / "f.jsonl"
    write_frozen(path, header(2), [example("a"), example("b")])
    path.write_text("\n".join(path.read_text().split("\n")[:2]) + "\n")
    with pytest.raises(UserError, match="the header says 2, the file holds 1"):
        read_frozen(path)


def test_a_prompt_beyond_its_length_is_never_written(tmp_path):
    with pytest.raises(AssertionError):
        write_frozen(tmp_path / "f.jsonl", header(1), [example("a").model_copy(update={"num_tokens": 17})])
    assert not (tmp_path / "f.jsonl").exists()
