import numpy as np
import pytest

from mmv2.evaluation.baselines import ENOUGH, FrequentAnswers, nearest_match
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
