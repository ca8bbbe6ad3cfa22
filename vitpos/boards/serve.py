"""TensorBoard on exactly the runs one asks for, and for nobody but this machine.

It shows a throw-away folder (`vitpos.boards.logdir`). New epochs of runs that go on appear by
themselves; new runs, ends of runs, what probes found and means over seeds whenever the runs are
looked for again.
"""

import importlib.util
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from vitpos.boards.logdir import Logdir
from vitpos.boards.placing import Group
from vitpos.errors import BadInput, BadRun, Interrupted
from vitpos.signals import Stop
from vitpos.words import counted

CTRL_C = 130  # as an exit code
HOST = "127.0.0.1"
FIRST = 6006  # the port that TensorBoard tries first
EVERY = 30.0  # seconds after which runs are looked for again
FEW = 50  # arms whose means are there in no time
MANY = 100  # runs that take long without the fast loader
COLOURS = "regex:^[^/]+/([^/]+)"  # one for each arm

Say = Callable[[str], None]


def serve(select: Callable[[], Sequence[Group]], port: int | None, say: Say) -> None:
    """Show the runs that `select` finds until a signal ends it; Ctrl-C is the usual end."""
    try:
        with Stop(), tempfile.TemporaryDirectory(prefix="vitpos-tensorboard-") as name:
            logdir = Logdir(Path(name), say)
            logdir.show(select())
            if len(logdir.groups) <= FEW:
                logdir.average()
            say(f"TensorBoard on {said(logdir)}: {address(launch(logdir.top, port))}")
            say("HPARAMS: a row per arm; CUSTOM SCALARS: intervals; TEXT: how to read them")
            if len(logdir.places) > MANY and not fast():
                say("note: this will take minutes; `pip install tensorboard-data-server`: seconds")
            say("Ctrl-C ends it")
            follow(logdir, select)
    except Interrupted as stopped:
        if stopped.code != CTRL_C:
            raise


def said(logdir: Logdir) -> str:
    """How much is shown."""
    return f"{counted(len(logdir.places), 'run')} of {counted(len(logdir.groups), 'arm')}"


def follow(logdir: Logdir, select: Callable[[], Sequence[Group]]) -> None:
    """Write what is missing, then look for the runs again and again, until a signal ends it."""
    never = threading.Event()
    logdir.average()
    while not never.wait(EVERY):
        try:
            logdir.show(select())
            logdir.average()
        except (BadRun, OSError):  # somebody moves them about: what was seen stays
            continue


def address(url: str) -> str:
    """The page, with a colour for each arm."""
    return f"{url}?runColorGroup={quote(COLOURS, safe='')}"


def fast() -> bool:
    """Whether TensorBoard has its fast loader."""
    return importlib.util.find_spec("tensorboard_data_server") is not None


def launch(folder: Path, port: int | None) -> str:
    """Start TensorBoard in a thread; its address. Without a port, the first free one from 6006."""
    from tensorboard import default, program

    server = program.TensorBoard(default.get_plugins())
    words = [f"--logdir={folder}", f"--host={HOST}", "--reload_interval=5"]
    server.configure(argv=["tensorboard", *words] + ([] if port is None else [f"--port={port}"]))
    try:
        return server.launch()
    except program.TensorBoardPortInUseError as error:
        taken = f"port {port} is in use" if port else f"no free port from {FIRST} on"
        raise BadInput(taken, "`--port 0` takes any that is free") from error
    except program.TensorBoardServerException as error:
        raise BadInput(f"TensorBoard does not start: {' '.join(str(error).split())}") from error
