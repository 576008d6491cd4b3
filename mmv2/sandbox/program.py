"""Runs inside the sandbox: reads a program with its tests from standard input, and says when all of it ran.

Its word is a secret, which it has from the first process and gives back at the very end. What the program itself can
bring about, an exit status before all, proves nothing: a program that ends itself has not passed its tests.

As text it is handed to a bare interpreter; nothing of the project is to be imported there.
"""

import contextlib
import os
import sys
import types

CHANNEL = 3
"""Descriptor of a socket to the first process. From it comes the secret; to it goes the secret, or ``FAILED``."""
FAILED = b"failed"


def main() -> None:
    """Run the text as a module that is not ``__main__``, as the benchmarks' own harnesses do."""
    os.set_inheritable(CHANNEL, False)
    secret = os.read(CHANNEL, 64)
    # What is needed afterwards: the program may replace it in its module. A forked copy of this process has no say.
    pid, getpid, write, leave = os.getpid(), os.getpid, os.write, os._exit
    output, show = sys.stdout, sys.excepthook
    source = sys.stdin.read()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    module = types.ModuleType("program")
    sys.modules["program"] = module
    error = None
    try:
        exec(compile(source, "program", "exec"), module.__dict__)
    except SystemExit:
        raise  # says nothing: the program has ended itself
    except BaseException as raised:
        error = raised
    with contextlib.suppress(ValueError):  # the program closed it
        output.flush()  # before the traceback, whose last line is then the last of all
    if error is not None:
        show(type(error), error, error.__traceback__)
    if getpid() == pid:
        write(CHANNEL, secret if error is None else FAILED)
    leave(error is not None)  # now: neither exit handlers nor threads have a say


if __name__ == "__main__":
    main()
