"""What it costs that nothing is lost and that everything repeats.

A whole run as people type it, `vitpos train embedding=rope2d`, with all that is written so that it
lasts: checkpoints with digests, lines of metrics, the record, each synced. Its seconds are counted
where they are spent, and the same run without any of that takes turns with it. Then a step of the
same network, deterministic and not.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from vitpos import durable, experiment, seals
from vitpos.bench.asked import Bench
from vitpos.bench.composing import compose
from vitpos.bench.heats import Contender, Heat, measure
from vitpos.bench.judging import Table
from vitpos.bench.rounds import LEAST, Work, summary
from vitpos.bench.subjects import ours, run_of
from vitpos.durable import Lines
from vitpos.history import History
from vitpos.schema import Run
from vitpos.terminal.screen import Quiet

EMBEDDING = "embedding=rope2d"
FEW = 3  # epochs, if it is to be quick
LASTING = ("write", "make_folder", "sync_folder", "sweep_temporary")  # of `durable`
Call = Callable[..., Any]


def tables(bench: Bench) -> Iterator[Table]:
    """The run, then the step."""
    few = replace(bench.asked, rounds=bench.asked.rounds or LEAST)
    yield measure(whole_run(bench), Bench(asked=few, left=bench.left, say=bench.say))
    yield measure(repeatable(bench), bench)


def whole_run(bench: Bench) -> Heat:
    """All of its epochs, at default settings: nothing is scaled."""
    few = (f"training.epochs={FEW}", "training.warmup_epochs=1") if bench.quick else ()
    threads = (f"threads={bench.asked.threads}",) if bench.asked.threads else ()
    words = (EMBEDDING, f"device={bench.device}", *threads, *few, *bench.asked.words)
    run = compose(words)
    return Heat(
        name="run, durable",
        contenders={
            "nothing lasts": Contender(lambda: Work(partial(forgetful, run), warm=0), 0.0),
            "vitpos": Contender(lambda: durable_work(run), 0.0),
        },
        reference="nothing lasts",
        kind="cost",
        seconds=0.0,
        share=0.8,
        facts={"epochs": run.training.epochs, "dataset": run.dataset.name},
    )


def durable_work(run: Run) -> Work:
    """The run, and the share of its time that goes into what lasts."""
    facts: dict[str, Any] = {}
    shares, counts = list[float](), list[int]()

    def advance(times: int) -> None:
        for _ in range(times):
            began, spent = time.perf_counter(), Spent()
            with patched(spent.counted):
                once(run)
            shares.append(spent.seconds / (time.perf_counter() - began))
            counts.append(spent.calls)
        facts.update(lasting_share=summary(shares), lasting_writes=counts[-1])

    return Work(advance, warm=0, facts=facts)


def forgetful(run: Run, times: int) -> None:
    """The same run, if nothing of it had to last."""
    for _ in range(times):
        with patched(plainly):
            once(run)


def once(run: Run) -> None:
    """Do it, from data to summary, in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as outputs:
        experiment.start(replace(run, outputs=outputs), (), Unseen())


class Unseen(Quiet):
    """Nobody looks."""

    def end(self, folder: Path, summary: dict[str, Any]) -> None:
        """Nothing."""


class Spent:
    """Seconds inside some functions, those inside one another once."""

    def __init__(self) -> None:
        self.seconds, self.calls, self.depth = 0.0, 0, 0

    def counted(self, name: str, whole: Call) -> Call:
        """The same function, its time counted."""

        def call(*args: Any, **options: Any) -> Any:
            self.depth += 1
            self.calls += self.depth == 1
            began = time.perf_counter()
            try:
                return whole(*args, **options)
            finally:
                self.depth -= 1
                if not self.depth:
                    self.seconds += time.perf_counter() - began

        return call


def plainly(name: str, whole: Call) -> Call:
    """What would be in the place of a function if nothing had to last."""
    found: Mapping[str, Call] = {
        "write": lambda path, content: path.write_bytes(content),
        "make_folder": lambda folder: folder.mkdir(parents=True, exist_ok=True),
        "append": append,
    }
    return found.get(name, lambda *args: None)


def append(lines: Lines, row: Mapping[str, Any]) -> None:
    """A line, not synced."""
    with lines.path.open("ab") as file:
        file.write(seals.line(row))


@contextmanager
def patched(change: Callable[[str, Call], Call]) -> Iterator[None]:
    """Put others in the places of all functions that make something last, wherever imported."""
    owners = [(durable, name) for name in LASTING]
    places: list[tuple[Any, str]] = [(Lines, "append"), (Lines, "rewrite"), (History, "save")]
    for owner, name in owners:
        whole = getattr(owner, name)
        modules = [m for n, m in sys.modules.items() if n.startswith("vitpos.")]
        places += [(m, name) for m in modules if vars(m).get(name) is whole]
    with ExitStack() as stack:
        made: dict[Call, Call] = {}
        for place, name in places:
            whole = getattr(place, name)
            made.setdefault(whole, change(name, whole))
            setattr(place, name, made[whole])
            stack.callback(setattr, place, name, whole)
        yield


def repeatable(bench: Bench) -> Heat:
    """A step of the default network, of which the last bits are the same every time, and not.

    One thread has it, unless others are asked for: two that wait for each other take now more and
    now less time than this could cost.
    """
    threads = bench.asked.threads or 1
    words = (EMBEDDING, "training.batch_size=128", f"threads={threads}")
    runs = {
        "not deterministic": run_of(bench, "micro", "deterministic=false", *words),
        "vitpos": run_of(bench, "micro", *words),
    }
    return Heat(
        name="deterministic, micro",
        contenders={name: Contender(partial(ours, bench, run)) for name, run in runs.items()},
        reference="not deterministic",
        kind="cost",
        seconds=2.0,
        facts={"batch": runs["vitpos"].training.batch_size, "threads": threads},
    )
