from pathlib import Path

import numpy as np
import pytest

from mmv2.errors import UserError
from mmv2.evaluation.baselines import ENOUGH, AnswerLists, FrequentAnswers, nearest_match, told_share
from mmv2.evaluation.squad import Question


def question(text, answer):
    return Question("id", text, (answer, "never counted"), "gold", ())


def test_the_blind_guess_goes_by_kind_of_question():
    dev = [question(f"p{i} lives in", "Oslo" if i % 3 else "Rome") for i in range(ENOUGH)]
    dev += [question(f"p{i} likes", "tea") for i in range(3 * ENOUGH)]
    guesses = FrequentAnswers(dev)
    assert guesses.guess("x lives in") == "Oslo"
    assert guesses.guess("x likes") == "tea"
    assert guesses.guess("unheard of") == "tea"


def test_an_ending_shared_by_too_few_is_no_kind():
    dev = [question("p lives in", "Oslo")] * (ENOUGH - 1) + [question("p likes", "tea")] * ENOUGH
    assert FrequentAnswers(dev).guess("x lives in") == "tea"


def test_equally_frequent_answers_go_by_the_alphabet():
    dev = [question("q", answer) for answer in ["Rome", "Oslo"] * ENOUGH]
    assert FrequentAnswers(dev).guess("q") == "Oslo"


KINDS = [["Oslo", "Rome", "York", "York Minster", "St. Paul"], ["tea", "milk"]]


@pytest.mark.parametrize(
    ("references", "text", "told"),
    [
        (["Oslo"], "Ann lives in Oslo. Bo lives in Rome, and drinks tea. Cy lives in ROME.", (3, 1)),
        (["tea"], "Ann lives in Oslo. Bo lives in Rome, and drinks tea. Cy lives in Rome.", (1, 1)),
        (["York"], "Ann saw York Minster. Bo lives in York. Yorkshire and New-York.", (3, 2)),
        (["Nowhere", "oslo", "Rome"], "Oslo or Rome, milk", (2, 2)),
        (["St. Paul"], "St. Paul is not StX Paul, nor is Rome.", (2, 1)),
    ],
)
def test_what_a_text_tells_are_the_words_of_the_answers_kind_at_every_place(references, text, told):
    found = AnswerLists(KINDS).told(references, text, "row 1")
    assert found == told
    assert told_share(found.details, otherwise=0.5) == told[1] / told[0]


def test_without_lists_chance_is_something_else():
    assert told_share({"group": "context"}, otherwise=0.5) == 0.5
    assert AnswerLists.read(None, Path("none")) is None


@pytest.mark.parametrize(
    ("references", "message"),
    [
        (["Bern"], r"row 1: answer_lists: none holds the answer 'Bern'"),
        (["Rome"], r"row 1: answer_lists: .* does not tell the answer 'Rome'"),
    ],
)
def test_lists_that_do_not_fit_an_answer_are_refused(references, message):
    with pytest.raises(UserError, match=message):
        AnswerLists(KINDS).told(references, "Ann lives in Oslo and dreams of Bern.", "row 1")


def test_a_word_of_two_kinds_is_refused():
    with pytest.raises(UserError, match=r"answer_lists: 'rome' stands in two lists"):
        AnswerLists([["Rome"], ["rome"]])


@pytest.mark.parametrize(
    ("prompt", "budget", "copied"),
    [
        ([1, 2, 3, 9, 1, 2], 2, [3, 9]),
        ([1, 2, 3, 7, 2, 4, 1, 2], 1, [3]),  # the longer match, though the shorter one is nearer
        ([1, 2, 3, 1, 2, 4, 1, 2], 1, [4]),  # of two equally long ones the last
        ([1, 2, 3], 2, []),
        ([5, 5], 3, [5, 5, 5]),  # copying runs on into what was copied
        ([5], 3, []),
        ([1, 2, 1, 2], 3, [1, 2, 1]),
    ],
)
def test_nearest_match_copies_what_an_induction_head_would(prompt, budget, copied):
    assert nearest_match(prompt, budget) == copied


def test_nearest_match_agrees_with_a_search_of_all_places():
    rng = np.random.default_rng(0)
    for _ in range(200):
        ids = rng.integers(3, size=rng.integers(2, 30)).tolist()
        best = (0, 0)
        for end in range(len(ids) - 1):
            length = 0
            while length <= end and ids[end - length] == ids[-1 - length]:
                length += 1
            best = max(best, (length, end))
        assert nearest_match(ids, 1) == ([ids[best[1] + 1]] if best[0] else [])
