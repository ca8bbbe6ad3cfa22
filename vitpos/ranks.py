"""Which process of how many this one is, as `torchrun` tells it in the environment; without torch.

Rank 0 leads: it alone speaks and writes. The others compute the same and are silent.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple, NoReturn

from vitpos.errors import BadInput

LINGER = 10.0  # seconds
SIGNALLED = 128  # larger exit codes: ended by a signal


class Here(NamedTuple):
    """One process among those that train one network together."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # on this machine
    local_size: int = 1


def here() -> Here:
    """From RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE; alone where nobody set them."""
    if not several():
        return Here()
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise BadInput(
            f"WORLD_SIZE = {os.environ['WORLD_SIZE']}, but no {' and no '.join(missing)}",
            "start several processes by torchrun, or unset WORLD_SIZE",
        )
    rank, size = number("RANK"), number("WORLD_SIZE")
    found = Here(rank, size, number("LOCAL_RANK", rank), number("LOCAL_WORLD_SIZE", size))
    if not (0 <= found.rank < found.size and 0 <= found.local_rank < found.local_size):
        raise BadInput(f"RANK = {rank} and WORLD_SIZE = {size} do not go together")
    return found


def number(name: str, otherwise: int | None = None) -> int:
    """A whole number of the environment."""
    text = os.environ.get(name, "" if otherwise is None else str(otherwise))
    if not text.isdecimal():
        raise BadInput(f"{name} = {text!r}: must be a number, as torchrun sets it")
    return int(text)


def alone(what: str) -> None:
    """Raise `BadInput` if several processes were started for `what`, which is one process."""
    size = here().size
    if size > 1:
        raise BadInput(f"{what} is one process, not {size}", "start it without torchrun")


def indivisible(batch_size: int) -> str:
    """What is wrong with a batch of this size for as many processes as there are, if anything."""
    size = here().size
    return (
        f"training.batch_size = {batch_size}: not divisible by {size} processes"
        if batch_size % size
        else ""
    )


def by_torchrun() -> bool:
    """Whether torchrun holds the store by which processes find one another, or else one of them."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"


def several() -> bool:
    """Whether there is more than one process."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def follows() -> bool:
    """Whether another process leads; also where the environment makes no sense."""
    return several() and os.environ.get("RANK", "0") != "0"


def hush() -> None:
    """Be silent unless this process leads: all would say the same."""
    if here().rank:
        sys.stdout = sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def report(lines: list[str], code: int) -> None:
    """Leave `lines` where torchrun looks for what went wrong in a process that is silent."""
    linger(code)
    file = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if file:
        said = {"py_callstack": "\n".join(lines), "timestamp": str(int(time.time()))}
        message = {"message": {"message": lines[0], "extraInfo": said}}
        Path(file).write_text(json.dumps(message), "utf-8")


def linger(code: int) -> None:
    """Let the leading process be the first to end, so that it can say why.

    torchrun ends all processes as soon as one has failed, and so ends this waiting too; unless it
    was asked to end itself: then it waits for them.
    """
    if code and follows():
        time.sleep(1 if code > SIGNALLED else LINGER)


def leave(code: int) -> NoReturn:
    """End this process with `code`.

    A failure among several ends without Python's shutdown: it takes a second, in which the signal
    that torchrun sends to all others would give the process another code.
    """
    if code and several():
        os._exit(code)
    sys.exit(code)
