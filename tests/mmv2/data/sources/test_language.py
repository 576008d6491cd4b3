import itertools
import re

from mmv2.data.sources._language import (
    FORMS,
    NEWLINE,
    RELATIONS,
    SPACE,
    WORDINGS,
    anonymous_label,
    document_header,
    fixed_words,
)

NAME = ("First", "Last")


def test_every_relation_has_the_same_number_of_wordings():
    assert all(len(relation.templates) == WORDINGS for relation in RELATIONS)


def test_no_wording_is_ambiguous():
    """Cut before the value, no sentence start is another's, nor the beginning of another's."""
    starts = [template.start(NAME) for relation in RELATIONS for template in relation.templates]
    for one, other in itertools.permutations(starts, 2):
        assert one != other[: len(one)]


def test_the_longest_sentence_counts_name_value_and_stop():
    home = RELATIONS[0]
    assert home.longest_sentence == len(("the", "home", "of", *NAME, "is", "value", "."))


def test_forms_follow_the_protocols():
    words = " ".join(FORMS["banking"].example(("x", "y"), "label"))
    assert words == "service query : x y \n intent category : label \n"
    between = " ".join(FORMS["banking"].example(("x", "y"), "label", NEWLINE))
    assert between.replace(": \n", ":") == words
    assert " ".join(FORMS["emotions"].example(("x",), "label")) == "comment : x \n emotion category : label \n"
    assert FORMS["banking"].example_tokens(4, SPACE) == 13
    assert FORMS["banking"].example_tokens(4, NEWLINE) == 15


def test_numbers_are_digits_and_labels_are_words():
    assert document_header(12) == ("Document", "1", "2", ":", "\n")
    assert anonymous_label(7) == "class_07"


def test_fixed_words_are_single_and_complete():
    words = fixed_words()
    assert len(set(words)) == len(words)
    assert {*"0123456789", "\n", ".", ":", "Document", "Question", "comment", "lives"} <= set(words)
    assert all(re.fullmatch(r"[A-Za-z]+|[0-9:.\n]", word) for word in words)
