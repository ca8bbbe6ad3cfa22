"""From what a command did to an exit code; what went wrong is told in a line or two."""

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vitpos import ranks
from vitpos.durable import FULL
from vitpos.errors import IN_RUN, NoResources, UserError
from vitpos.plain import silence, unheard
from vitpos.signals import Stop

REFUSALS = {errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE}
SIGINT = 2  # a shell says 128 more for a program that it ended


def of(command: Callable[[], None]) -> int:
    """Run it; its exit code."""
    code = finished(command)
    unheard_of = finished(flush)
    return code or unheard_of


def finished(command: Callable[[], None]) -> int:
    """Run it; say what went wrong, if anything."""
    try:
        with Stop():
            command()
    except UserError as error:
        say(error.lines(), error.code)
        return error.code
    except KeyboardInterrupt:
        return 128 + SIGINT
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        ranks.linger(code)
        return code
    except OSError as error:
        said = FULL.get(error.errno or 0)
        if said is None and error.errno not in REFUSALS:
            say(bug(error))
            return 1
        why = f"cannot write: {said}" if said else f"{error.filename}: {error.strerror}"
        say([f"error: {why}"])
        return NoResources.code
    except Exception as error:  # whatever it is, the user gets a line and the file a traceback
        say(bug(error))
        return 1
    return 0


def bug(error: Exception) -> list[str]:
    """A line for the user; the traceback goes into a file."""
    said = (str(error).splitlines() or [""])[0]
    name = f"{type(error).__name__}: {said}" if said else type(error).__name__
    text = "".join(traceback.format_exception(error))
    where = keep(text, run_of(error))
    if where is None:
        return [*text.splitlines(), f"error: {name}; this is a bug"]
    return [f"error: {name}; this is a bug; the traceback is in {where}"]


def run_of(error: Exception) -> Path | None:
    """The folder of the run that the error ended, if it says so."""
    notes: list[str] = getattr(error, "__notes__", [])
    named = [note.removeprefix(IN_RUN) for note in notes if note.startswith(IN_RUN)]
    return Path(named[0]) if named else None


def keep(text: str, run: Path | None) -> Path | None:
    """Write a traceback into the run's `error.txt`, else into a new temporary file."""
    if run is not None:
        with suppress(OSError):
            (run / "error.txt").write_text(text, "utf-8", errors="backslashreplace")
            return run / "error.txt"
    with suppress(OSError):
        handle, name = tempfile.mkstemp(prefix="vitpos-error-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return Path(name)
    return None


def say(lines: list[str], code: int = 1) -> None:
    """Lines to standard error, after all that was printed before."""
    if ranks.follows():
        ranks.report(lines, code)
        return
    with suppress(UserError, SystemExit):
        flush()
    try:
        for line in lines:
            sys.stderr.write(f"{printable(line)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # a full disk, a closed terminal: the code tells it all the same
        silence(sys.stderr)


def printable(line: str, longest: int = 600) -> str:
    """A line that moves no cursor and fills no screen, whatever was typed or read."""
    safe = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line[: longest + 1])
    return safe if len(line) <= longest else f"{safe[:longest]} ..."


def flush() -> None:
    """Hand over what was printed; there is no output if the shell closed it."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError as error:
        raise unheard(error, sys.stdout) from error
