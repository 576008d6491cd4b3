"""Runs inside the sandbox: reads a program with its tests from standard input, and says by its exit status that all of
it ran. A program that ends itself, by ``exit()`` even with status 0, has not passed its tests.

As text it is handed to a bare interpreter; nothing of the project is to be imported there.
"""

import contextlib
import os
import sys
import types

FINISHED = 42


def main() -> None:
    """Run the text as a module that is not ``__main__``, as the benchmarks' own harnesses do."""
    source = sys.stdin.read()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    module = types.ModuleType("program")
    sys.modules["program"] = module
    output = sys.stdout
    try:
        exec(compile(source, "program", "exec"), module.__dict__)
    finally:
        with contextlib.suppress(ValueError):  # the program closed it
            output.flush()  # before the traceback, whose last line is then the last of all
    os._exit(FINISHED)  # now: neither exit handlers nor threads have a say


if __name__ == "__main__":
    main()
