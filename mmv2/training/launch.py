"""Starts a training run, in this process or on several: what the command line and the workflow call.

    python -m mmv2.training.launch RUN --corpus FOLDER --output FOLDER [--init FOLDER] [--processes N] [--device cpu]

RUN is a run file or a resolved run in JSON. Under ``torchrun``, which starts the ranks itself (several nodes), the same
command without --processes is one rank. Exit status: 0 finished, 1 error, 143 stopped by SIGTERM and resumable.
"""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from mmv2.errors import UserError
from mmv2.files import make_folder, read_json, write_json
from mmv2.runs import RunConfig, load_run, parse_run
from mmv2.training.parallel import find_device
from mmv2.training.trainer import STOPPED, train


def launch(
    run: RunConfig,
    corpus_folder: Path,
    output_folder: Path,
    init_folder: Path | None = None,
    processes: int = 1,
    device: str | None = None,
) -> None:
    """Train a run on this machine.

    Args:
        processes: ranks; with a GPU each, where there are GPUs.

    Others as for ``train``.

    Raises:
        UserError: on one process, as ``train`` does; no such device or fewer GPUs than processes; the output folder
            cannot be made.
        SystemExit: with the ranks' exit status if that is not 0; what went wrong was told by them.
    """
    if processes < 1:
        raise UserError(f"--processes {processes}: a run needs at least one; leave the option out for one")
    make_folder(output_folder)
    find_device(device)
    if processes == 1:
        train(run, corpus_folder, output_folder, init_folder, device)
        return
    gpus = torch.cuda.device_count()
    if device in (None, "cuda") and 0 < gpus < processes:
        raise UserError(f"processes: {processes} ranks need a GPU each, there are {gpus}; use at most {gpus}")
    run_file = output_folder / "run.json"
    write_json(run_file, run.model_dump(mode="json"))
    arguments = [str(run_file), f"--corpus={corpus_folder}", f"--output={output_folder}"]
    arguments += [f"--init={init_folder}"] if init_folder else []
    arguments += [f"--device={device}"] if device else []
    status = _torchrun(processes, run.training.threads, arguments)
    if status:
        raise SystemExit(status)


def _torchrun(processes: int, threads: int, arguments: list[str]) -> int:
    """What ``python -m torch.distributed.run`` does, without its report on top of the ranks' own."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "600")  # seconds for the checkpoint after SIGTERM
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    options = ["--standalone", "--nproc-per-node", str(processes), "-m", "mmv2.training.launch"]
    try:
        run(parse_args([*options, *arguments]))
    except SignalException as stopped:
        return 128 + stopped.sigval
    except ChildFailedError as failed:
        rank, failure = failed.get_first_failure()
        if failure.exitcode < 0:
            name = signal.Signals(-failure.exitcode).name
            print(f"error: rank {rank} was ended by {name}; start the run again to go on", file=sys.stderr)
        return STOPPED if failure.exitcode == STOPPED else 1
    return 0


def read_run(file: Path) -> RunConfig:
    """A run file, or a resolved run as JSON; raises UserError naming file and key."""
    if file.suffix == ".json":
        return parse_run(read_json(file), file, name=file.stem)
    return load_run(file)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="mmv2 train", description="Train one run.")
    parser.add_argument("run", type=Path, help="run file (YAML), or resolved run (JSON)")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the prepared corpus")
    parser.add_argument("--output", type=Path, required=True, help="folder for checkpoints, metrics and final weights")
    parser.add_argument("--init", type=Path, help="final/ folder of the run named by init_from")
    parser.add_argument("--processes", type=int, default=1, help="ranks on this machine")
    parser.add_argument("--device", help="such as cpu; default: a GPU for each rank, where there is one")
    options = parser.parse_args(arguments)
    try:
        run = read_run(options.run)
        launch(run, options.corpus, options.output, options.init, options.processes, options.device)
    except UserError as error:
        if int(os.environ.get("RANK", 0)) == 0:
            print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        # All files are written. Without the interpreter's own end, in which about one of twenty two-rank gloo runs was
        # aborted by a thread of the library ("terminate called without an active exception").
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
