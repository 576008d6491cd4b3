"""Kills a training run ten times with SIGKILL and compares its final weights with those of an undisturbed run.

    python benchmarks/kill_test.py RUN --corpus FOLDER --work FOLDER [--init FOLDER] [--seed 0] [--report FILE]

At least three kills fall while a checkpoint is being written (its temporary folder is there), the others just after
one; order and delays are drawn from the seed. RUN must write more checkpoints than it is killed just after one. It runs
on the CPU, where bytes repeat. Exit status 0: same bytes, every step in the metrics once, and no kill cost more than
one checkpoint interval.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mmv2.errors import UserError
from mmv2.files import remove, sha256, write_json
from mmv2.provenance import code_version, environment
from mmv2.training.launch import read_run

KILLS = 10
WHILE_WRITING = 3
LONGEST_DELAY = 0.05
"""Seconds between what is waited for and the kill, at most."""


@dataclass(frozen=True)
class Kill:
    """One kill and what it left."""

    while_writing: bool
    """As found afterwards: a temporary folder was left."""
    newest_checkpoint: int
    last_step: int
    """The last step in the metrics."""

    @property
    def steps_lost(self) -> int:
        return self.last_step - self.newest_checkpoint


@dataclass(frozen=True)
class Launch:
    """How the run is started."""

    run: Path
    corpus: Path
    init: Path | None

    def start(self, output: Path) -> "subprocess.Popen[bytes]":
        """Start training into a folder, silently."""
        folders = [f"--corpus={self.corpus}", f"--output={output}", "--device=cpu"]
        folders += [f"--init={self.init}"] if self.init else []
        command = [sys.executable, "-m", "mmv2.training.launch", str(self.run), *folders]
        return subprocess.Popen(command, stderr=subprocess.PIPE)


def finish(process: "subprocess.Popen[bytes]") -> None:
    """Wait for the end; raises UserError with the run's own words if it failed."""
    _, told = process.communicate()
    if process.returncode != 0:
        raise UserError(told.decode().strip().splitlines()[-1].removeprefix("error: "))


def checkpoint_steps(output: Path) -> list[int]:
    """Steps of the complete checkpoints."""
    names = (re.fullmatch(r"step-(\d{8})", path.name) for path in output.glob("checkpoints/*/*"))
    return [int(name[1]) for name in names if name]


def leftovers(output: Path) -> list[Path]:
    """Checkpoints in the making."""
    return list(output.glob("checkpoints/*/*step-*.tmp"))


def kill_once(launch: Launch, output: Path, while_writing: bool, delay: float) -> Kill:
    """Let the run go on to its next checkpoint and kill it there.

    Raises:
        UserError: the run ended before.
    """
    before = max(checkpoint_steps(output), default=0)
    for leftover in leftovers(output):  # the run would clear it; here it would be taken for a new one
        remove(leftover)
    process = launch.start(output)
    while not (leftovers(output) if while_writing else max(checkpoint_steps(output), default=0) > before):
        if process.poll() is not None:
            finish(process)
            raise UserError(f"{launch.run}: the run ended before all kills; give it more checkpoints")
        time.sleep(0.0005)
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return Kill(bool(leftovers(output)), max(checkpoint_steps(output), default=0), last_step(output))


def last_step(output: Path) -> int:
    """The last step that has a whole line in the live metrics."""
    (metrics,) = output.glob("checkpoints/*/metrics.jsonl")
    lines = metrics.read_text().splitlines(keepends=True)
    return max(json.loads(line)["step"] for line in lines if line.endswith("\n"))


def kill_often(launch: Launch, output: Path, seed: int) -> list[Kill]:
    """Kill until there are enough of both kinds."""
    draw = random.Random(f"kill_test {seed}")
    wanted = [True] * WHILE_WRITING + [False] * (KILLS - WHILE_WRITING)
    draw.shuffle(wanted)
    kills: list[Kill] = []
    for while_writing in wanted:
        while True:
            delay = 0.0 if while_writing else draw.uniform(0, LONGEST_DELAY)
            kills.append(kill_once(launch, output, while_writing, delay))
            if kills[-1].while_writing or not while_writing:
                break  # else the checkpoint was finished in that moment: once more
    return kills


def table_of(kills: list[Kill], equal: bool) -> Table:
    """One row per kill."""
    table = Table(title=f"{len(kills)} SIGKILLs: final weights {'identical' if equal else 'DIFFERENT'}")
    for heading in ("kill", "checkpoint", "last step", "newest checkpoint", "steps lost"):
        table.add_column(heading, justify="left" if heading == "checkpoint" else "right")
    for number, kill in enumerate(kills, start=1):
        place = "while writing" if kill.while_writing else "just after"
        table.add_row(str(number), place, str(kill.last_step), str(kill.newest_checkpoint), str(kill.steps_lost))
    return table


def run_test(launch: Launch, work: Path, seed: int, report: Path | None) -> bool:
    """The whole test; returns whether it was passed."""
    run = read_run(launch.run)
    outputs = work / "undisturbed", work / "killed"
    for output in outputs:
        shutil.rmtree(output, ignore_errors=True)
    finish(launch.start(outputs[0]))
    kills = kill_often(launch, outputs[1], seed)
    finish(launch.start(outputs[1]))

    hashes = [sha256(output / "final" / "model.safetensors") for output in outputs]
    steps = [json.loads(line)["step"] for line in (outputs[1] / "metrics.jsonl").read_text().splitlines()]
    passed = (
        hashes[0] == hashes[1]
        and steps == list(range(1, run.max_steps + 1))
        and max(kill.steps_lost for kill in kills) <= run.training.checkpoint_interval
    )
    Console().print(table_of(kills, hashes[0] == hashes[1]))
    if report:
        content = {
            "run": run.model_dump(mode="json"),
            "seed": seed,
            "passed": passed,
            "undisturbed_sha256": hashes[0],
            "killed_sha256": hashes[1],
            "kills": [{**asdict(kill), "steps_lost": kill.steps_lost} for kill in kills],
            "code_version": code_version(),
            "environment": environment(),
        }
        write_json(report, content)
    return passed


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Kill a training run and compare its final weights.")
    parser.add_argument("run", type=Path, help="run file")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the prepared corpus")
    parser.add_argument("--work", type=Path, required=True, help="folder for both outputs; emptied first")
    parser.add_argument("--init", type=Path, help="final/ folder of the run named by init_from")
    parser.add_argument("--seed", type=int, default=0, help="of order and delays")
    parser.add_argument("--report", type=Path, help="JSON file to write")
    options = parser.parse_args()
    try:
        launch = Launch(options.run, options.corpus, options.init)
        passed = run_test(launch, options.work, options.seed, options.report)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    raise SystemExit(0 if passed else 1)


if __name__ == "__main__":
    main()
