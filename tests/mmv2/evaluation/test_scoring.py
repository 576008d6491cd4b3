import pytest

from mmv2.evaluation.scoring import official, postprocess, strict, until


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ("  Oslo\x00", "Oslo"),
        ("\n\t Oslo \n Rome ", "Oslo \n Rome"),
        ("Oslo\x07Rome", "Oslo\nRome"),
        ("\x1f", ""),
    ],
)
def test_postprocess_follows_ruler(prediction, expected):
    assert postprocess(prediction) == expected


@pytest.mark.parametrize(
    ("references", "prediction", "loose", "exact"),
    [
        (["France"], "France", 1, 1),
        (["France"], " france.", 1, 1),
        (["France"], "in France", 1, 0),
        (["France"], "Spain\nFrance", 1, 0),
        (["New York"], "New\nYork", 0, 0),
        (["the 10th"], "the\n10th", 0, 0),
        (["no"], "Norway", 1, 0),
        (["no"], "No, it is not", 1, 1),
        (["10th century", "the 10th"], "10th", 0, 1),
        (["the 10th century"], "10th century", 0, 1),
        (["France", "Spain"], "Spain", 1, 1),
        (["1,000"], "1,000 men", 1, 1),
        (["1,000"], "1,0001", 1, 0),
        (["1"], "1,000 men", 1, 0),
        (["5"], "5.5", 1, 0),
        (["5"], "5.", 1, 1),
        (["5"], "5, or 6", 1, 1),
        (["5.5"], "5.5 %", 1, 1),
        (["5"], "-5", 1, 0),
        (["-5"], "-5 degrees", 1, 1),
        (["-5"], "\N{MINUS SIGN}5", 0, 1),
        (["5"], ".5", 1, 0),
        (["5"], "...5", 1, 1),
        (["1990\N{EN DASH}1995"], "1990-1995", 0, 1),
        (["1990"], "1990-1995", 1, 0),
        (["10"], "10-year", 1, 1),
        (["covid-19"], "Covid 19", 0, 1),
        (["$5"], "5", 0, 1),
        (["France"], "", 0, 0),
        (["%"], "% of all", 1, 0),
        (["%"], "%", 1, 1),
        (["A"], "A", 1, 1),
    ],
)
def test_official_is_a_substring_and_strict_the_beginning_of_the_first_line(references, prediction, loose, exact):
    assert official(references, prediction) == loose
    assert strict(references, prediction) == exact


def test_a_text_ends_at_its_first_stop():
    assert until("one. Two, three", [",", "."]) == "one"
    assert until("one", ["\n", ""]) == "one"
    assert until("", ["."]) == until("one", []).removeprefix("one") == ""
