"""TensorBoard on exactly the runs one asks for, and for nobody but this machine.

It shows a throw-away folder with a link to each run. What a run has no event files for is rebuilt
there, so that nothing is written into the folder of a run.
"""

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vitpos import board
from vitpos.errors import BadInput, BadRun, Interrupted
from vitpos.signals import Stop

CTRL_C = 130  # as an exit code
HOST = "127.0.0.1"
FIRST = 6006  # the port that TensorBoard tries first
READ = ("config.yaml", "record.json", "summary.json", "metrics.jsonl", "timings.jsonl")


def serve(runs: Sequence[Path], port: int | None, say: Callable[[str], None]) -> None:
    """Show these runs until a signal ends it; Ctrl-C is the usual end and no error."""
    try:
        with Stop(), links(runs, say) as folder:
            say(f"TensorBoard on {len(list(folder.glob('*/*')))} runs: {launch(folder, port)}")
            say("Ctrl-C ends it")
            threading.Event().wait()
    except Interrupted as stopped:
        if stopped.code != CTRL_C:
            raise


@contextmanager
def links(runs: Sequence[Path], say: Callable[[str], None]) -> Iterator[Path]:
    """A folder of `study/run` for each run that can be shown; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="vitpos-tensorboard-") as name:
        top = Path(name)
        shown = 0
        for run in runs:
            try:
                show(run.resolve(), top)
            except BadRun as error:
                say(f"note: not shown: {error}")
            else:
                shown += 1
        if not shown:
            raise BadRun("none of these runs can be shown", "`vitpos show RUN` says what is wrong")
        yield top


def show(run: Path, top: Path) -> None:
    """Link a run, or build its event files from what it measured; raises `BadRun`."""
    place = free(top / (run.parent.name or "runs") / run.name)
    place.parent.mkdir(exist_ok=True)
    if next(run.glob("events.out.tfevents.*"), None) is not None:
        place.symlink_to(run)
        return
    place.mkdir()
    for name in READ:
        if (run / name).exists():
            (place / name).symlink_to(run / name)
    try:
        board.rebuild(place)
    except BadRun as error:
        for path in [*place.iterdir()]:
            path.unlink()
        place.rmdir()
        raise BadRun(str(error).replace(str(place), str(run))) from error


def free(place: Path) -> Path:
    """A name that is not taken: runs of two places may be called the same."""
    number, first = 1, place
    while place.is_symlink() or place.exists():
        number += 1
        place = first.with_name(f"{first.name}-{number}")
    return place


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
