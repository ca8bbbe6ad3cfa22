"""What a process is started in: three open streams, and a current folder that is there.

A shell can close a stream (`>&-`). The next file that is opened then has its number, and what is
printed into it; so an output that is closed is replaced by one that nobody reads.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from vitpos.errors import BadInput

STREAMS = ("stdin", "stdout", "stderr")  # by their numbers


def keep_streams() -> None:
    """Open what was closed: input is empty, output goes nowhere."""
    for number, name in enumerate(STREAMS):
        with suppress(OSError):
            if not is_open(number):
                os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            if getattr(sys, name) is None:
                setattr(sys, name, nowhere(number))


def is_open(number: int) -> bool:
    """Whether a descriptor is."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def nowhere(number: int) -> TextIO:
    """A stream of this number."""
    return open(number, "w" if number else "r", encoding="utf-8", closefd=False)


def check() -> None:
    """Raise `BadInput` if the current folder was removed: no path could be told from there."""
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise BadInput("the current folder is not there any more", "cd to another one") from error
