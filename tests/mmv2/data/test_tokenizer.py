import shutil

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from mmv2.data.tokenizer import (
    BOS,
    EOS,
    UNKNOWN,
    build_word_level,
    load_tokenizer,
    marker_ids,
    open_tokenizer,
    tokenizer_hash,
    train_bpe,
    unknown_words,
)
from mmv2.errors import UserError
from mmv2.files import sha256

WORDS = ["Document", "Question", ":", ".", ",", "\n", "1", "2", "Velna", "Torak", "lives", "in", "zomar", "class_07"]


@pytest.fixture
def tokenizer():
    return build_word_level(WORDS)


def test_words_digits_marks_and_newlines_are_tokens(tokenizer):
    text = "Document 12:\nVelna   lives in\tzomar,class_07."
    expected = ["Document", "1", "2", ":", "\n", "Velna", "lives", "in", "zomar", ",", "class_07", "."]
    assert tokenizer.encode(text).tokens == expected


@pytest.mark.parametrize(
    "text",
    [
        "Document 12:\nVelna Torak lives in zomar. Velna lives in zomar.\n\nDocument 2:\nVelna in 21.",
        "Document: 1\nQuestion: class_07\n",
        "zomar",
        "\n\n",
        "",
    ],
)
def test_text_survives(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_a_continuation_decodes_by_itself(tokenizer):
    ids = tokenizer.encode("Velna lives in zomar. Velna").ids
    assert tokenizer.decode(ids[3:]) == "zomar. Velna"


def test_encoding_adds_no_markers_but_reads_them(tokenizer):
    assert tokenizer.encode("zomar").tokens == ["zomar"]
    assert tokenizer.encode(f"{BOS}zomar{EOS}").tokens == [BOS, "zomar", EOS]
    assert marker_ids(tokenizer) == (0, 1)


def test_unknown_words_are_detectable(tokenizer):
    text = "Velna lives in Paris, é 3\nzomar"
    assert unknown_words(tokenizer, text) == ["Paris", "é", "3"]
    assert unknown_words(tokenizer, "Velna lives in zomar.") == []
    assert UNKNOWN in tokenizer.decode(tokenizer.encode(text).ids)


@pytest.mark.parametrize("words", [["a", "a"], ["two words"], ["12"], ["a-b"]])
def test_a_vocabulary_holds_single_different_tokens(words):
    with pytest.raises(AssertionError):
        build_word_level(words)


def test_a_saved_tokenizer_is_the_same(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    assert load_tokenizer(path).to_str() == tokenizer.to_str()


def test_a_missing_or_damaged_file_is_named(tmp_path):
    path = tmp_path / "tokenizer.json"
    with pytest.raises(UserError, match=r"tokenizer\.json: no such file"):
        load_tokenizer(path)
    path.write_text('{"version": ')
    with pytest.raises(UserError, match=r"tokenizer\.json: not a tokenizer\.json"):
        load_tokenizer(path)


def test_a_tokenizer_without_markers_is_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    Tokenizer(models.WordLevel({BOS: 0, UNKNOWN: 1}, unk_token=UNKNOWN)).save(str(path))
    with pytest.raises(UserError, match=r"has no token <\|end_of_text\|>"):
        load_tokenizer(path)


PROSE = "It was the best of times, it was the worst of times; the café was closed.\n" * 20


def test_bpe_has_the_size_asked_for_with_markers_and_bytes_first():
    tokenizer = train_bpe([PROSE], 280)
    assert tokenizer.get_vocab_size() == 280
    assert marker_ids(tokenizer) == (0, 1)
    assert len(tokenizer.encode(PROSE).ids) < len(PROSE) / 2


@pytest.mark.parametrize("text", [PROSE, " two  blanks\t\r\n\n", "日本語 🎻", "naïve", "<|end", " ", ""])
def test_bpe_gives_every_text_back(text, tmp_path):
    path = tmp_path / "tokenizer.json"
    train_bpe([PROSE], 280).save(str(path))
    tokenizer = load_tokenizer(path)
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_bpe_of_the_same_texts_in_another_order_is_the_same():
    texts = [f"{PROSE[number:]} chapter {number}" for number in range(30)]
    assert train_bpe(texts, 320).to_str() == train_bpe(reversed(texts), 320).to_str()


def test_bpe_does_not_reach_over_the_end_of_a_text():
    apart, together = train_bpe(["qz", "qz"] * 50, 259), train_bpe(["qzqz"] * 50, 260)
    assert len(apart.encode("qzqz").ids) == 2
    assert len(together.encode("qzqz").ids) == 1


def test_too_little_text_for_a_vocabulary_is_told():
    with pytest.raises(
        UserError, match=r"corpus\.vocab_size: 400, but the text .* yields 260 tokens; use at most that"
    ):
        train_bpe(["ab ab ab"], 400)


@pytest.fixture
def saved(tmp_path):
    """A tokenizer without our markers, as transformers saves it, and the same as tokenizer.json alone."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="b").save_pretrained(tmp_path / "folder")
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "folder" / "tokenizer.json", tmp_path / "alone")
    return tmp_path


def test_any_tokenizer_is_opened_as_file_or_folder(saved):
    file = saved / "alone" / "tokenizer.json"
    for path in (file, saved / "alone", saved / "folder"):
        assert open_tokenizer(path).encode("a b c", add_special_tokens=False).ids == [0, 1, 2]
        assert tokenizer_hash(path) == sha256(file)
    with pytest.raises(UserError, match="has no token"):
        load_tokenizer(file)


def test_a_tokenizer_that_truncates_and_pads_is_opened_without(saved):
    for name in ("alone", "folder"):
        file = saved / name / "tokenizer.json"
        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.add_special_tokens([BOS, EOS])
        tokenizer.enable_truncation(2)
        tokenizer.enable_padding(length=4)
        tokenizer.save(str(file))
        assert len(tokenizer.encode("a b a").ids) == 4
    for path in (saved / "alone" / "tokenizer.json", saved / "alone", saved / "folder"):
        assert open_tokenizer(path).encode("a b a", add_special_tokens=False).ids == [0, 1, 0]
        assert open_tokenizer(path).encode("a", add_special_tokens=False).ids == [0]
    assert load_tokenizer(saved / "alone" / "tokenizer.json").encode("a b a").ids == [0, 1, 0]


def test_a_folder_without_tokenizer_json_has_the_hash_of_its_parts(tmp_path):
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    one = tokenizer_hash(tmp_path)
    assert one == tokenizer_hash(tmp_path)
    (tmp_path / "README.md").write_text("not of the tokenizer")
    assert one == tokenizer_hash(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{}")
    assert one != tokenizer_hash(tmp_path)


def test_a_folder_that_holds_no_tokenizer_is_told(tmp_path):
    with pytest.raises(UserError, match=r"tokenizer\.json: no such file"):
        open_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "Nothing"}')
    with pytest.raises(UserError, match="no tokenizer that transformers reads"):
        open_tokenizer(tmp_path)
