"""A process that does one member after another: what it compiled serves all seeds of an arm.

`python -m vitpos.sweeps.launchers.lasting` reads requests from its input, a line of JSON for each
member, and writes a line with its exit code when it is over. A member that raises, dies or is told
to stop takes the process with it, and the next one gets a new process.
"""

import errno
import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vitpos import outcome, plain
from vitpos.errors import Diverged, Paused
from vitpos.sweeps import member

UNHARMED = (0, Paused.code, Diverged.code)  # after these a process can do another member


class Lasting:
    """The sweep's end of it: one member at a time."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, words: Sequence[str], place: Mapping[str, str], log: Path) -> "Turn":
        """Have it do a member that is given these words; raises OSError if it cannot begin."""
        request = json.dumps({"words": [*words], "log": str(log)}).encode() + b"\n"
        for _ in range(2):
            if self.process is None or self.process.poll() is not None:
                self.close()
                self.process = begun(place, log)
            if handed(self.process, request):
                return Turn(self.process)
            self.process.wait()  # it ended just now
        raise OSError(errno.EPIPE, "it ends at once")

    def close(self) -> None:
        """Let it end, after the member that it does."""
        process, self.process = self.process, None
        if process is None or process.stdin is None or process.stdout is None:
            return
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
        process.stdout.close()


@dataclass
class Turn:
    """A member that such a process does."""

    process: "subprocess.Popen[bytes]"
    code: int | None = None

    def waits(self) -> bool:
        """It has begun."""
        return False

    def poll(self) -> int | None:
        """Its exit code: what the process says, or how it ended."""
        answers = self.process.stdout
        if self.code is None and answers is not None and select.select([answers], [], [], 0)[0]:
            line = answers.readline()
            self.code = int(line) if line.strip() else self.process.wait()
        return self.code

    def send(self, number: int) -> None:
        """Send it a signal, if it is not over."""
        if self.poll() is None:
            self.process.send_signal(number)


def handed(process: "subprocess.Popen[bytes]", request: bytes) -> bool:
    """Whether a request reached it."""
    if process.stdin is None:
        return False
    try:
        process.stdin.write(request)
        process.stdin.flush()
    except BrokenPipeError:
        return False
    return True


def begun(place: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """A new one, with a group of its own, so that Ctrl-C reaches members through the sweep."""
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**place},
            process_group=0,
        )


def main() -> None:
    """Do members until there are no more, or until one ends badly."""
    # Members may read and write what they like, so requests and answers are moved out of the way.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    member.follow_parent()
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")  # as in `cli.main`
    plain.tolerate()
    from vitpos.reuse import Reuse

    reuse = Reuse()
    for line in requests:
        request = json.loads(line)
        log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        for there in (1, 2):
            os.dup2(log, there)
        os.close(log)
        told = member.asked(request["words"])
        code = outcome.of(partial(member.work, told, reuse))
        if code not in UNHARMED:
            sys.exit(code)
        answers.write(b"%d\n" % code)
        answers.flush()


if __name__ == "__main__":
    main()
