import pytest

from mmv2.errors import UserError
from mmv2.sandbox import passes
from tests.mmv2.sandbox.hostile import LIMITS, contained


def test_right_and_wrong_programs():
    program = "def double(x):\n    return 2 * x"
    assert passes(program, "assert double(2) == 4", LIMITS).passed
    wrong = passes(program, "assert double(2) == 5, 'no'", LIMITS)
    assert (wrong.passed, wrong.reason, wrong.detail) == (False, "failed", "AssertionError: no")
    assert contained("def double(x:").detail.startswith("SyntaxError")


@pytest.mark.parametrize("ending", ["import sys; sys.exit(0)", "import os; os._exit(0)", "raise SystemExit"])
def test_a_program_that_ends_before_its_tests_has_not_passed(ending):
    outcome = passes(ending, "assert False", LIMITS)
    assert (outcome.reason, outcome.detail) == ("exited", "exit status 0 before the tests were through")


def test_a_crash_is_told_by_its_signal():
    outcome = contained("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert (outcome.reason, outcome.detail) == ("killed", "Segmentation fault")


def test_a_printed_line_does_not_hide_the_exception():
    assert contained("print('all well')\n1 / 0").detail == "ZeroDivisionError: division by zero"


def test_the_program_is_not_main_and_has_no_input():
    program = "assert __name__ == 'program'\nimport sys\nassert sys.stdin.read() == ''"
    assert contained(program).passed


def test_the_order_of_a_set_is_the_same_in_every_run():
    program = "order = list({str(i) for i in range(50)})"
    orders = {passes(program, "raise Exception(hash(tuple(order)))", LIMITS).detail for _ in range(3)}
    assert len(orders) == 1


def test_only_named_packages_can_be_imported():
    assert passes("import numpy", "assert numpy.arange(3).sum() == 3", packages=["numpy"]).passed
    for name in ("numpy", "pip", "mmv2"):
        assert contained(f"import {name}").detail == f"ModuleNotFoundError: No module named '{name}'"
    with pytest.raises(UserError, match="package 'no_such_package': not installed"):
        passes("", "", LIMITS, ["no_such_package"])
