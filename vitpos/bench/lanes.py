"""Seed lanes: eight seeds of one arm in one process, against one run after the other."""

from collections.abc import Iterator
from functools import partial

from vitpos.bench.asked import Bench
from vitpos.bench.heats import Contender, Heat, measure
from vitpos.bench.judging import Table
from vitpos.bench.subjects import lanes, ours, run_of

LANES = 8


def tables(bench: Bench) -> Iterator[Table]:
    """The micro network, for which a device has too little to do; times are those of one seed."""
    batches = (256,) if bench.cuda else (256, 64)
    for number, batch in enumerate(batches[: 1 if bench.quick else 2]):
        words = ("embedding=learned1d", f"training.batch_size={batch}")
        run = run_of(bench, "micro", *words)
        contenders = {
            "one run": Contender(partial(ours, bench, run)),
            "eight lanes": Contender(partial(lanes, bench, run, LANES)),
        }
        if bench.cuda:
            eager = run_of(bench, "micro", *words, "compile=false")
            contenders["one run, eager"] = Contender(partial(ours, bench, eager))
        real = run.training.batch_size
        heat = Heat(
            name=f"lanes, micro, batch {real}",
            contenders=contenders,
            reference="one run",
            seconds=0.6,
            share=1 / (len(batches) - number),
            facts={"shape": "micro", "batch": real, "lanes": LANES, "threads": bench.threads},
        )
        yield measure(heat, bench)
