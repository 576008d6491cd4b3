import numpy as np
import pytest

from mmv2.errors import UserError
from mmv2.evaluation.ruler.haystacks import DRAWN_WORDS, DrawnText, Noise, Text, read_texts, text_paths

TEXT = "Mr. Smith went home.  He was\ntired! Was it (late)?  It\twas 5 p.m. on Monday. "


def test_noise_is_a_line_again_and_again():
    haystack = Noise("Here we go.").of_size(3)
    assert haystack.around(1, "NEEDLE") == "Here we go.\nNEEDLE\nHere we go.\nHere we go."
    assert [haystack.depth(place) for place in range(4)] == [0, 1 / 3, 2 / 3, 1]


def test_sentences_are_those_of_punkt():
    haystack = Text(TEXT, "own").of_size(16)
    assert haystack.sentences == ("Mr. Smith went home.", "He was tired!", "Was it (late)?", "It was 5 p.m. on Monday.")
    assert haystack.words_before == (0, 4, 7, 10, 16)
    assert [haystack.depth(place) for place in range(5)] == [0, 4 / 16, 7 / 16, 10 / 16, 1]
    assert haystack.around(1, "X.") == ("Mr. Smith went home. X. He was tired! Was it (late)? It was 5 p.m. on Monday.")


def test_a_size_cuts_the_text_and_a_short_text_is_repeated():
    assert Text(TEXT, "own").of_size(6).sentences == ("Mr. Smith went home.", "He was")
    repeated = Text("One two. Three", "own").of_size(7)
    assert " ".join(repeated.sentences) == "One two. Three One two. Three One"
    assert repeated.words_before[-1] == 7


def test_rulers_words_keep_what_blanks_around_a_text_make():
    """``re.sub(r"\\s+", " ", text).split(" ")`` has an empty word at either end; repeated, blanks meet."""
    haystack = Text(" One two\n", "ruler").of_size(6)
    assert haystack.sentences == ("One two   One",)
    assert haystack.words_before[-1] == 3


def test_at_the_ends_of_a_text_ruler_joins_to_nothing():
    haystack = Text("One. Two. Three.", "ruler").of_size(3)
    assert haystack.around_as_ruler(0, "X.") == " X. One. Two. Three."
    assert haystack.around_as_ruler(3, "X.") == "One. Two. Three. X. "
    assert haystack.around_as_ruler(2, "X.") == haystack.around(2, "X.") == "One. Two. X. Three."


def test_a_drawn_text_has_sentences_of_so_many_words():
    haystack = DrawnText(["a", "b"], 3, np.random.default_rng(0)).of_size(8)
    assert [sentence.count(" ") + 1 for sentence in haystack.sentences] == [3, 3, 2]
    assert [sentence.endswith(".") for sentence in haystack.sentences] == [True, True, False]
    assert haystack.words_before == (0, 3, 6, 8)
    words = " ".join(DrawnText(["a", "b"], 3, np.random.default_rng(0)).of_size(DRAWN_WORDS + 3).sentences).split()
    assert words[:8] == " ".join(haystack.sentences).split()
    assert words[DRAWN_WORDS:] == words[:3]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "essays").mkdir()
    for name, text in {"b.txt": "Second.", "a.txt": "\ufeffFirst.", "note.md": "no"}.items():
        (tmp_path / "essays" / name).write_text(text, encoding="utf-8")
    (tmp_path / "essays.json").write_text('{"text": "All of them."}')
    return tmp_path


def test_texts_are_files_folders_in_order_of_names_or_rulers_json(folder):
    paths = text_paths(folder, ["essays", "essays.json", str(folder / "essays" / "b.txt")])
    names = ["essays/a.txt", "essays/b.txt", "essays.json", str(folder / "essays" / "b.txt")]
    assert list(paths) == names
    assert read_texts(list(paths.values())) == "\ufeffFirst.Second.All of them.Second."


def test_json_lines_stand_for_the_texts_of_all_lines(tmp_path):
    path = tmp_path / "novels.jsonl"
    path.write_text('{"text": "One."}\n{"id": 2, "text": " Two."}\n')
    assert read_texts([path]) == "One. Two."
    path.write_text('{"text": "One."}\n{"id": 2}\n')
    with pytest.raises(UserError, match=r"novels\.jsonl: line 2: text: missing"):
        read_texts([path])


def test_an_absent_text_is_told_with_where_rulers_comes_from(folder):
    with pytest.raises(UserError, match=r"pg: no such file or folder; .*Graham's essays.*paulgraham\.com \(all ri"):
        text_paths(folder, ["pg"])
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: no \*\.txt in this folder"):
        text_paths(folder, ["empty"])


@pytest.mark.parametrize(
    ("content", "message"),
    [('{"texts": ""}', r"e\.json: text: missing"), ("{", r"e\.json: line 1: not JSON"), ('{"text": " "}', "no words")],
)
def test_a_damaged_json_is_told(tmp_path, content, message):
    (tmp_path / "e.json").write_text(content)
    with pytest.raises(UserError, match=message):
        read_texts([tmp_path / "e.json"])
