"""Eight seeds of MNIST, an epoch each: `vitpos sweep`, against the usual script run by run.

Whole processes, from the command to the last result; times are those of one seed.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace

from vitpos.bench.asked import Bench
from vitpos.bench.composing import lacking
from vitpos.bench.heats import Contender, Heat, measure
from vitpos.bench.judging import Table, absent
from vitpos.bench.rounds import LEAST, Work
from vitpos.bench.startup import LIMIT, ONE, mnist, of_processes, process, usual_epoch

SEEDS = 8


def tables(bench: Bench) -> Iterator[Table]:
    """One table; the lanes of a GPU are in it where there are lanes."""
    if lacking():
        yield absent("eight seeds of MNIST", lacking())
        return
    limit = (f"training.limit={LIMIT}",) if bench.quick else ()

    def sweep(*more: str) -> Work:
        root = mnist()

        def once(count: int) -> None:
            for _ in range(count):
                with tempfile.TemporaryDirectory() as outputs:
                    places = (f"dataset.root={root}", f"outputs={outputs}")
                    own = (*ONE, *limit, *places, f"device={bench.device}", *more)
                    seeds = ("--seeds", str(SEEDS), "--quiet")
                    words = ("-m", "vitpos", "sweep", *seeds, "dataset=mnist", *own)
                    process((*words, *bench.asked.words), bench.left())

        return Work(once, warm=0, each=SEEDS)

    heat = Heat(
        name=f"eight seeds of MNIST, {bench.device.type}",
        contenders={
            "usual script": Contender(lambda: usual_epoch(bench)),
            "vitpos sweep": Contender(sweep),
            "vitpos sweep, lanes": Contender(lambda: sweep(f"launcher.lanes={SEEDS}")),
        },
        reference="usual script",
        seconds=0.0,
        watch=of_processes(),
        facts={"seeds": SEEDS, "images": LIMIT if bench.quick else 55_000},
    )
    few = replace(bench.asked, rounds=bench.asked.rounds or LEAST)
    yield measure(heat, Bench(asked=few, left=bench.left, say=bench.say))
