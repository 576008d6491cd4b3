import pytest
from tokenizers import Tokenizer, models

from mmv2.data.tokenizer import build_word_level, train_bpe
from mmv2.errors import UserError
from mmv2.evaluation.frozen import (
    Encoder,
    FrozenExample,
    FrozenHeader,
    check_boundaries,
    checksum,
    freeze_examples,
    read_frozen,
    summarise,
    write_frozen,
)
from mmv2.evaluation.tasks import TaskSettings
from mmv2.files import sha256


def header(*examples, **changes):
    plain = FrozenHeader(
        task="t",
        settings={"seed": 1},
        tokenizer="aa",
        sources={},
        max_new_tokens=2,
        num_examples=len(examples),
        examples_sha256=checksum(examples),
        summary={},
    )
    changed = plain.model_copy(update=changes)
    return changed.model_copy(update={"examples_sha256": checksum(examples, changed.prefixes)})


def example(identity, **changes):
    plain = FrozenExample(
        id=identity,
        subtask="s",
        context_length=16,
        prompt="zeilen\u2028trenner \n ä",
        references=("x",),
        num_tokens=9,
        baselines={"b": "y"},
    )
    return plain.model_copy(update=changes)


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


def test_prefixes_are_kept_and_an_edited_one_is_noticed(tmp_path):
    path = tmp_path / "f.jsonl"
    made = header(*EXAMPLES, prefixes={"p": "a long text", "q": "another"})
    write_frozen(path, made, EXAMPLES)
    assert read_frozen(path) == (made, EXAMPLES)
    for change in (("a long", "a short"), ('"q"', '"r"')):
        write_frozen(path, made, EXAMPLES)
        path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
        with pytest.raises(UserError, match="examples_sha256"):
            read_frozen(path)


@pytest.mark.parametrize(
    ("of_header", "of_example"),
    [
        ({"max_new_tokens": 0}, {}),
        ({}, {"references": ()}),
        ({}, {"choices": (" y", " z")}),
        ({"max_new_tokens": 0, "position_bounds": (4, 8)}, {}),
        ({"max_new_tokens": 0, "position_bounds": (16, 8)}, {}),
        ({"position_bounds": (8, 16)}, {}),
        ({"max_new_tokens": 0, "position_bounds": (8, 16)}, {"choices": ("x",)}),
        ({"max_new_tokens": 0, "ages": (0, 1)}, {}),
        ({}, {"marked": (1, 2)}),
        ({"max_new_tokens": 0, "ages": (0, 1)}, {"marked": (2, 2)}),
        ({"max_new_tokens": 0, "ages": (0, 1)}, {"marked": (1, 99)}),
        ({"max_new_tokens": 0, "ages": (1, 2)}, {"marked": (1, 2)}),
        ({"ages": (0, 1)}, {"marked": (1, 2)}),
    ],
    ids=str,
)
def test_examples_that_ask_nothing_or_have_no_right_answer_are_never_written(tmp_path, of_header, of_example):
    wrong = example("a", **of_example)
    with pytest.raises(AssertionError):
        write_frozen(tmp_path / "f.jsonl", header(wrong, **of_header), [wrong])
    assert not (tmp_path / "f.jsonl").exists()


@pytest.mark.parametrize(
    ("of_header", "of_example"),
    [
        ({"max_new_tokens": 0}, {"choices": ("y", " x")}),
        ({"max_new_tokens": 0, "position_bounds": (4, 9)}, {"references": ()}),
        ({"max_new_tokens": 0, "ages": (0, 1)}, {"references": (), "marked": (1, 2)}),
    ],
    ids=["choices", "reading", "attention"],
)
def test_choices_alone_and_texts_to_read_or_look_at_can_be_written(tmp_path, of_header, of_example):
    right = example("a", **of_example)
    write_frozen(tmp_path / "f.jsonl", header(right, **of_header), [right])
    assert read_frozen(tmp_path / "f.jsonl")[1] == [right]


@pytest.fixture(scope="module")
def encoder():
    """Byte pairs: a blank belongs to the word after it."""
    return Encoder(train_bpe(["the cat is in the hall", "hall: cat"], 271))


def counted(encoder, **fields):
    prefix = {"p": "the cat"}[fields["prefix"]] if "prefix" in fields else ""
    ends = [encoder.ids(choice) for choice in fields.get("choices", ())]
    length = 1 + len(encoder.ids(prefix)) + len(encoder.ids(fields["prompt"])) + max([2, *map(len, ends)])
    return example("a", num_tokens=length, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"prefix": "p", "prompt": " is in the"},
        {"prompt": "the cat is in", "choices": (" the hall", " the", " hall: cat cat cat")},
        {"prefix": "p", "prompt": " is in the", "choices": (" hall", "\n")},
    ],
    ids=str,
)
def test_texts_that_part_at_their_blanks_are_fine(encoder, fields):
    check_boundaries(encoder, header(*EXAMPLES, prefixes={"p": "the cat"}), counted(encoder, **fields))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"prefix": "p", "prompt": "the"}, r"prefix and prompt, 'e cat is in ' \+ 'the'"),
        ({"prompt": "the cat is in ", "choices": ("the hall",)}, r"prompt and choice, 'e cat is in ' \+ 'the hall'"),
    ],
    ids=str,
)
def test_a_token_across_a_boundary_is_told(encoder, fields, named):
    texts = {"p": "the cat is in " if "prefix" in fields else ""}
    with pytest.raises(UserError, match=f"t: example a: a token .* reaches across the boundary of {named}"):
        check_boundaries(encoder, header(*EXAMPLES, prefixes=texts), example("a", **fields))


def test_of_a_long_prefix_its_ending_is_compared(encoder):
    lines = "the cat is in the hall\n" * 500
    for last, after, splits in (("the cat is in", " the hall", True), ("the cat is in ", "the hall", False)):
        ending = encoder.ending(lines + last)
        assert (lines + last).endswith(ending)
        assert 200 <= len(ending) < 230
        assert encoder.splits(ending, after) is encoder.splits(lines + last, after) is splits
    assert encoder.ending("the cat") == "the cat"


def test_where_tokens_reach_across_lines_the_whole_prefix_is_compared():
    pairs = {"a": 0, "b": 1, "\n": 2, "b\n": 3, "b\na": 4}
    across = Encoder(Tokenizer(models.BPE(pairs, [("b", "\n"), ("b\n", "a")])))
    text = "ab\n" * 200
    assert across.ids("ab\nab\n") == [0, 4, 3]
    assert across.ending(text) == text


def test_a_wrong_count_is_never_frozen(encoder):
    right = counted(encoder, prompt="the cat is in", choices=(" the hall hall hall hall",))
    check_boundaries(encoder, header(*EXAMPLES), right)
    for wrong in (-1, 1):
        with pytest.raises(AssertionError, match="counted"):
            check_boundaries(
                encoder, header(*EXAMPLES), right.model_copy(update={"num_tokens": right.num_tokens + wrong})
            )


def test_the_summary_has_means_per_length():
    examples = [
        example("a", details={"n": 2}),
        example("b", details={"n": 5}, num_tokens=15),
        example("c", details={"n": 1}, context_length=32, num_tokens=8),
    ]
    assert summarise(examples, documents="n") == {
        "16": {"examples": 2.0, "documents": 3.5, "fill": 0.75},
        "32": {"examples": 1.0, "documents": 1.0, "fill": 0.25},
    }


def test_freezing_writes_checked_examples_with_their_header(tmp_path):
    tokenizer_file, source = tmp_path / "tokenizer.json", tmp_path / "source"
    build_word_level(["x", "y"]).save(str(tokenizer_file))
    source.write_text("source")
    settings = TaskSettings(context_lengths=(16, 8, 16), max_new_tokens=3)
    right = example("a", prefix="p", prompt=" x y", num_tokens=7)
    freeze_examples(tmp_path / "f.jsonl", "t", settings, tokenizer_file, {"s": source}, [right], {}, {"p": "y"})
    head, examples = read_frozen(tmp_path / "f.jsonl")
    assert examples == [right]
    assert (head.task, head.max_new_tokens, head.prefixes, head.num_examples) == ("t", 3, {"p": "y"}, 1)
    assert (head.tokenizer, head.sources) == (sha256(tokenizer_file), {"s": sha256(source)})
    assert head.settings["context_lengths"] == [8, 16]
    wrong = right.model_copy(update={"num_tokens": 8})
    with pytest.raises(AssertionError, match="counted 7"):
        freeze_examples(tmp_path / "g.jsonl", "t", settings, tokenizer_file, {}, [wrong], {}, {"p": "y"})
    assert not (tmp_path / "g.jsonl").exists()
