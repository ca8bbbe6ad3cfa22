"""Processes that begin at once: forks of one that has imported everything.

Importing torch takes seconds, and a fork has it already. The process that forks has one thread, as
a fork needs it. Each fork does `experiment.start` or `experiment.resume` as the command line would,
and ends with the code that it would end with.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import small_runs
import torch

import vitpos
from vitpos import experiment, machine, outcome
from vitpos.terminal.screen import Quiet

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Warm:
    """The process that forks, as tests see it."""

    def __init__(self) -> None:
        places = (Path(__file__).parent, Path(vitpos.__file__).parents[1])
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import warm; warm.serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, places))},
        )

    def begin(self, **request: Any) -> int:
        """Have a run started (`outputs` and `words`) or resumed (`path`); its process."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request, default=str) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self) -> int:
        """Wait for the one that was begun; its exit code, of a killed one as a shell says it."""
        code = self.answer()
        return code if code >= 0 else 128 - code

    def answer(self) -> int:
        """A line of its output."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def close(self) -> None:
        """Let it go."""
        self.process.communicate()


def serve() -> None:
    """Fork for each line of the input; tell the number of the process, and how it ended."""
    torch.set_num_threads(1)
    experiment.load = small_runs.few
    machine.commit = lambda: None
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who started it may have ignored it
    for line in sys.stdin:
        request = json.loads(line)
        work = asked(request)
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        process = os.fork()
        if not process:
            os._exit(outcome.of(lambda work=work: listening(work)))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        tell(process)
        tell(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


def tell(number: int) -> None:
    """A line of the output."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def asked(request: dict[str, Any]) -> Callable[[], object]:
    """What is to be done."""
    if "path" in request:
        return lambda: experiment.resume(Path(request["path"]), Quiet())
    run = small_runs.compose(Path(request["outputs"]), *request["words"])
    return lambda: experiment.start(run, request["words"], Quiet())


def listening(work: Callable[[], object]) -> None:
    """Work, during which signals come; those before and after wait."""
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - the answers go there
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        work()
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
