"""A job in a process of its own: what reaches the log and the terminal, and how the job ends."""

import os
import subprocess
import sys
import textwrap

import pytest


@pytest.fixture
def run(tmp_path):
    """Runs a body inside ``job``; returns the process and the text of its log."""

    def start(body):
        log = tmp_path / "logs" / "deep" / "x.log"
        code = (
            "import os, subprocess, sys\nfrom mmv2.errors import UserError\nfrom mmv2.job import job\n"
            f"with job({str(log)!r}):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
            "print('afterwards')\n"
        )
        buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60, env=buffered
        )
        return done, log.read_text()

    return start


def test_the_log_gets_what_this_process_and_its_children_print(run):
    done, log = run("""
        print("out")
        print("err", file=sys.stderr)
        os.write(1, b"below Python\\n")
        subprocess.run([sys.executable, "-c", "import sys; print('child'); print('child err', file=sys.stderr)"])
    """)
    lines = ["below Python", "child", "child err", "err", "out"]
    assert sorted(log.splitlines()) == lines
    assert sorted(done.stderr.splitlines()) == lines, "the terminal gets the same, on stderr"
    assert done.stdout == "afterwards\n", "both descriptors are given back"
    assert done.returncode == 0


def test_a_user_error_is_one_line_in_the_log_and_status_1(run):
    done, log = run("raise UserError('run.yaml: seed: missing')")
    assert log == "error: run.yaml: seed: missing\n"
    assert done.stderr == log
    assert done.stdout == ""
    assert done.returncode == 1


def test_another_error_keeps_its_traceback(run):
    done, log = run("print('before'); raise ZeroDivisionError('ours')")
    assert log == "before\n"
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: ours\n")
    assert done.returncode == 1


def test_an_exit_status_goes_through(run):
    done, log = run("print('stopped'); raise SystemExit(143)")
    assert (done.returncode, log) == (143, "stopped\n")
