import pytest

from mmv2.evaluation.outcome import Answer, Outcome


def test_the_most_probable_choice_is_told_without_its_blanks():
    assert Answer(loglikelihoods=(-3.0, -1.0, -2.0)).choice((" Oslo", " New York", " Bern")) == "New York"


def test_of_equally_probable_choices_the_first_is_chosen():
    assert Answer(loglikelihoods=(-2.0, -1.0, -1.0)).choice(("a", "b", "c")) == "b"


def test_without_choices_there_is_none():
    assert Answer(ids=(1,)).choice(()) is None


def test_another_number_of_choices_than_were_ranked_is_a_mistake():
    with pytest.raises(ValueError, match="longer"):
        Answer(loglikelihoods=(-2.0,)).choice(("a", "b"))


def test_an_answer_given_counts_as_generated_and_as_chosen():
    assert Outcome.of_text("Oslo") == Outcome(text="Oslo", choice="Oslo", details={})
