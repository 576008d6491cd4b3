"""Scores of SQuAD by hand-computed values of the official script's rules."""

import pytest

from mmv2.evaluation.persistent.own_tasks import score_squad, squad_f1, squad_words


def test_words_are_compared_without_case_articles_and_punctuation():
    assert squad_words("The  U.S. Army, a-b!") == ["us", "army", "ab"]
    assert squad_words("anthem theatre") == ["anthem", "theatre"], "articles are whole words"


@pytest.mark.parametrize(
    ("answer", "reference", "f1"),
    [
        ("the Norman king", "Norman king", 1.0),
        ("king of France", "the king", 0.5),  # precision 1/3, recall 1
        ("a king and a king", "king king king", 2 * (2 / 3) * (2 / 3) / (2 / 3 + 2 / 3)),  # king twice, and once "and"
        ("Paris", "London", 0.0),
        ("the", "a", 1.0),
        ("", "London", 0.0),
    ],
)
def test_f1_is_of_words(answer, reference, f1):
    assert squad_f1(answer, reference) == pytest.approx(f1)


def test_the_reference_that_fits_best_counts():
    doc = {"answers": {"text": ["in 1066", "1066"]}}
    assert score_squad(doc, [" 1066."]) == {"exact_match": 1.0, "f1": 1.0}
    assert score_squad(doc, ["the year 1066"]) == {"exact_match": 0.0, "f1": pytest.approx(2 / 3)}
