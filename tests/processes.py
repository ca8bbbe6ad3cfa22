"""Runs in processes of their own, for what cannot be acted in one."""

import os
import subprocess
import sys
import time
from pathlib import Path

import vitpos

TINY = (
    "training=smoke", "training.limit=null", "training.batch_size=16", "training.epochs=2",
    "backbone.depth=1", "backbone.dim=8", "backbone.heads=1", "threads=1", "device=cpu",
    "embedding=learned1d", "tensorboard=false", "backbone.dropout=0.1",
)  # fmt: skip


# As in a terminal: whoever started the tests may have told its children to ignore hang-ups.
MAIN = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from vitpos.cli import main
main()
"""


def spawn(*words: str, **options: object) -> "subprocess.Popen[str]":
    """`vitpos ...` with warnings as errors, started."""
    place = {"PYTHONPATH": str(Path(vitpos.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", MAIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | place,
        **options,
    )


def torchrun(*words: str) -> "subprocess.Popen[str]":
    """The same by two processes that `torchrun` starts, without its remarks."""
    place = {"PYTHONPATH": str(Path(vitpos.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    return subprocess.Popen(
        [*start, "-m", "vitpos", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | place,
    )


def run(*words: str, seconds: float = 120) -> "subprocess.CompletedProcess[str]":
    """The same, waited for."""
    process = spawn(*words)
    out, err = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def wait_for(pattern: str, folder: Path, process: "subprocess.Popen[str]") -> Path:
    """The first file that matches, once it is there."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        found = sorted(folder.glob(pattern))
        if found:
            return found[0]
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError(f"no {pattern} in {folder}")
