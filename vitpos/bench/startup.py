"""How long a command takes to answer, and an epoch of MNIST as a whole process, from start to end.

Processes take turns; their CPU time is that of all their threads.
"""

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import vitpos
from vitpos.bench.asked import Bench, Missing
from vitpos.bench.clocks import Stopwatch, of_children
from vitpos.bench.composing import compose, lacking
from vitpos.bench.heats import Contender, Heat, measure
from vitpos.bench.judging import Table, absent
from vitpos.bench.peers import script
from vitpos.bench.rounds import Work
from vitpos.data import files
from vitpos.errors import UserError
from vitpos.schema import Dataset

START = {
    "python": ("-c", ""),
    "vitpos --help": ("-m", "vitpos", "--help"),
    "vitpos list": ("-m", "vitpos", "list"),
    "import torch": ("-c", "import torch"),
    "import of vitpos train": ("-c", "import vitpos.experiment"),
    "import of the usual script": ("-c", "import vitpos.bench.usual_script"),
}
ONE = (
    "training=quick", "training.epochs=1", "training.batch_size=128", "training.limit=null",
    "training.warmup_epochs=0", "tensorboard=false", "embedding=learned1d",
)  # fmt: skip
LIMIT = 10_000  # images, if it is to be quick


def tables(bench: Bench) -> Iterator[Table]:
    """Commands and imports, then the epoch."""
    yield measure(commands(bench), bench)
    if lacking():
        yield absent("epoch of MNIST, whole process", lacking())
    else:
        yield measure(epoch(bench), bench)


def commands(bench: Bench) -> Heat:
    """Against a Python that does nothing, which all of them start."""
    return Heat(
        name="start of a process",
        contenders={name: Contender(starter(words, bench)) for name, words in START.items()},
        reference="import torch",
        kind="cost",
        seconds=0.0,
        share=0.3,
        watch=of_processes(),
    )


def of_processes() -> Stopwatch:
    """CPU time of the processes that were started, not of this one."""
    return Stopwatch(cpu=of_children)


def starter(words: Sequence[str], bench: Bench) -> Callable[[], Work]:
    """A contender that starts a process; one that does not start is missing."""

    def make() -> Work:
        process(words, bench.left())
        return repeated(words, bench)

    return make


def repeated(words: Sequence[str], bench: Bench, each: int = 1) -> Work:
    """Steps that are whole processes."""

    def advance(count: int) -> None:
        for _ in range(count):
            process(words, bench.left())

    return Work(advance, warm=0, each=each)


def process(words: Sequence[str], seconds: float | int = math.inf) -> str:
    """Run Python with these words to its end; what it printed. `Missing` if it fails."""
    place = str(Path(vitpos.__file__).parents[1])
    paths = os.pathsep.join([place, *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        done = subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=None if seconds == math.inf else max(1.0, seconds),
            env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "160"},
        )
    except subprocess.TimeoutExpired as error:
        raise Missing("stopped: no time left (--budget)") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        raise Missing(said[:200])
    return done.stdout


def epoch(bench: Bench) -> Heat:
    """From the command to the test accuracy: ours, and the usual script."""
    limit = () if not bench.quick else (f"training.limit={LIMIT}",)

    def make_ours() -> Work:
        root = mnist()

        def once(count: int) -> None:
            for _ in range(count):
                with tempfile.TemporaryDirectory() as outputs:
                    places = (f"dataset.root={root}", f"outputs={outputs}")
                    own = (*ONE, *limit, *places, f"device={bench.device}", *bench.asked.words)
                    words = ("-m", "vitpos", "train", "--quiet", "dataset=mnist", *own)
                    process(words, bench.left())

        return Work(once, warm=0)

    return Heat(
        name="epoch of MNIST, whole process",
        contenders={
            "usual script": Contender(lambda: usual_epoch(bench)),
            "vitpos": Contender(make_ours),
        },
        reference="usual script",
        seconds=0.0,
        watch=of_processes(),
        facts={"images": LIMIT if bench.quick else 55_000, "dataset": "mnist"},
    )


def usual_epoch(bench: Bench) -> Work:
    """The usual script, as a process."""
    script()
    words = ["-m", "vitpos.bench.usual_script", str(mnist())]
    words += [str(LIMIT)] if bench.quick else []
    return repeated(words, bench)


def mnist() -> Path:
    """Where its files are."""
    dataset: Dataset = compose(["dataset=mnist"]).dataset
    try:
        where = files.locate(dataset)
    except UserError as error:
        raise Missing(f"no MNIST here: {error.message}") from error
    if where is None:
        raise Missing("no MNIST here")
    return where
