"""A process from which members are forked: Python and PyTorch are imported once, not by each.

`python -m vitpos.sweeps.launchers.nursery` reads requests from its input, a line of JSON for each,
and answers every one with a line. It has one thread and has used no device, which is when a fork is
a process like any other. A member that is forked is the main program of its process from then on,
with the environment, the log and the group of processes that a new one would have.

When its input ends, because the sweep is over or was killed, it tells those that are left to save
and end, and waits for them.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from vitpos.sweeps import member

NEEDED = ("vitpos.experiment", "vitpos.evaluate", "vitpos.terminal.screen")
# A thread of NumPy's would not be in the forks; GOMP_SPINCOUNT as in `cli.main`.
PLACE = {"OPENBLAS_NUM_THREADS": "1", "GOMP_SPINCOUNT": "2000"}


class Nursery:
    """The sweep's end of it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.asked = 0

    def start(self, words: Sequence[str], place: Mapping[str, str], log: Path) -> int | None:
        """Fork a member that is given these words; its process, None if that cannot be done."""
        if self.process is None or self.process.poll() is not None:
            self.close()
            try:
                self.process = begun(log)
            except OSError:
                return None
        words = list(words)
        found: int | None = self.ask(what="start", words=words, place=dict(place), log=str(log))
        return found

    def poll(self, process: int) -> int | None:
        """The exit code of a member, negative for a signal; None while it runs."""
        found: int | None = self.ask(what="poll", process=process, without=-signal.SIGKILL)
        return found

    def send(self, process: int, number: int) -> None:
        """Send a member a signal, if it is not over."""
        self.ask(what="send", process=process, number=int(number))

    def ask(self, without: int | None = None, **request: Any) -> Any:
        """Its answer; `without` it if it died, and its members were told to end by that."""
        process = self.process
        if process is None or process.stdin is None or process.stdout is None:
            return without
        self.asked += 1
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request | {"id": self.asked}).encode() + b"\n")
            process.stdin.flush()
            for line in process.stdout:
                answer = json.loads(line)
                if answer["id"] == self.asked:  # else to a question that a signal cut short
                    return answer["said"]
        return without

    def close(self) -> None:
        """Let it go; it ends when its members have."""
        process, self.process = self.process, None
        if process is None or process.stdin is None or process.stdout is None:
            return
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        process.wait()


def begun(log: Path) -> "subprocess.Popen[bytes]":
    """A new one, with a group of its own, so that Ctrl-C reaches members through the sweep."""
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | PLACE,
            process_group=0,
        )


def serve(requests: BinaryIO, answers: BinaryIO) -> dict[str, Any] | None:
    """Answer until there is nothing more, then None; in a member, what it was asked to be."""
    own, codes = os.getpid(), dict[int, int | None]()  # of every member
    for line in requests:
        request = json.loads(line)
        said = None
        if request["what"] == "start":
            with suppress(OSError):
                said = os.fork()
                if not said:
                    return request | {"parent": own}
                codes[said] = None
        elif request["what"] == "poll":
            said = code(request["process"], codes)
        elif code(request["process"], codes) is None:
            os.kill(request["process"], request["number"])
        answers.write(json.dumps({"id": request["id"], "said": said}).encode() + b"\n")
        answers.flush()
    left = [process for process in codes if code(process, codes) is None]
    for process in left:
        os.kill(process, signal.SIGTERM)
    for process in left:
        os.waitpid(process, 0)
    return None


def code(process: int, codes: dict[int, int | None]) -> int | None:
    """The exit code of a member, None while it runs; one of another nursery is lost."""
    if codes.get(process, -signal.SIGKILL) is None:
        found, status = os.waitpid(process, os.WNOHANG)
        codes[process] = os.waitstatus_to_exitcode(status) if found else None
    return codes.get(process, -signal.SIGKILL)


def become(request: Mapping[str, Any]) -> None:
    """Be as a process that was started with these words."""
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for here, there in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(here, there)
    os.close(nothing)
    os.close(log)
    os.environ.clear()
    os.environ.update(request["place"] | {member.PARENT: str(request["parent"])})
    sys.argv[1:] = request["words"]


def main() -> None:
    """Import what members need, wait for them to be asked for; in a member, be it."""
    # Members may read and write what they like, so requests and answers are moved out of the way.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for name in NEEDED:
        import_module(name)
    import torch

    torch.use_deterministic_algorithms(False)  # imports a thousand modules when it is first asked
    if len([*Path("/proc/self/task").iterdir()]) > 1:
        sys.exit("only a process with one thread can be forked")
    request = serve(requests, answers)
    requests.close()
    answers.close()
    if request is not None:
        become(request)
        member.main()


if __name__ == "__main__":
    main()
