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


@pytest.mark.parametrize("status", [0, 42])
@pytest.mark.parametrize(
    "ending",
    [
        "raise SystemExit({})",
        "import sys; sys.exit({})",
        "import os; os._exit({})",
        "import atexit, os, sys; atexit.register(os._exit, {}); sys.exit()",
        "import os, sys; os.execv(sys.executable, [sys.executable, '-c', 'import sys; sys.exit({})'])",
    ],
)
def test_a_program_that_ends_before_its_tests_has_not_passed(ending, status):
    outcome = passes(ending.format(status), "assert False", LIMITS)
    assert (outcome.reason, outcome.detail) == ("exited", f"exit status {status} before the tests were through")


@pytest.mark.parametrize("status", [0, 42])
@pytest.mark.parametrize(
    "trick",
    [
        "import atexit, os; atexit.register(os._exit, {})",
        "import os, sys; sys.excepthook = lambda *_: os._exit({})",
        "import os, sys; sys.__excepthook__ = lambda *_: os._exit({})",
        "import os, threading, time; threading.Thread(target=lambda: (time.sleep(0.5), os._exit({}))).start()",
    ],
)
def test_a_failure_is_one_whatever_the_program_does_at_its_end(trick, status):
    outcome = passes(trick.format(status), "assert False, 'no'", LIMITS)
    assert (outcome.reason, outcome.detail) == ("failed", "AssertionError: no")


def test_status_1_without_an_exception_is_an_ending_too():
    outcome = passes("print('last line'); raise SystemExit(1)", "", LIMITS)
    assert (outcome.reason, outcome.detail) == ("exited", "exit status 1 before the tests were through")


def test_words_other_than_the_secret_do_not_pass():
    for word in (b"passed", b"failed", bytes(32), b""):
        outcome = passes(f"import os\nos.write(3, {word!r})\nos._exit(0)", "assert False", LIMITS)
        assert outcome.reason in ("failed", "exited")


def test_a_forked_copy_has_no_say():
    program = "import os\nchild = os.fork()\nif child: os.waitpid(child, 0)"
    assert passes(program, "assert child, 'in the copy'", LIMITS).passed
    assert passes(program, "assert not child, 'in the first'", LIMITS).detail == "AssertionError: in the first"


def test_a_program_may_replace_what_its_frame_uses():
    program = "import os, sys\nos._exit = os.write = os.getpid = sys.exit = print"
    assert passes(program, "", LIMITS).passed
    assert passes(program, "assert False, 'no'", LIMITS).detail == "AssertionError: no"


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
