"""A workflow job: what it prints goes to the terminal and to its log, and a UserError ends it in one line."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmv2.errors import UserError


@contextmanager
def job(log: str | Path) -> Iterator[None]:
    """Copy everything that this process and its children print into ``log``; exit with status 1 on a UserError.

    By file descriptor and the ``tee`` program, so that the ranks of a distributed run are logged too.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    kept = os.dup(1), os.dup(2)
    # -i: on Ctrl-C the log must outlive the job, which still has to say how it ended.
    with subprocess.Popen(["tee", "-i", str(log)], stdin=subprocess.PIPE, stdout=kept[1]) as tee:
        assert tee.stdin is not None
        os.dup2(tee.stdin.fileno(), 1)
        os.dup2(tee.stdin.fileno(), 2)
        try:
            yield
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
