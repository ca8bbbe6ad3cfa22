"""`torch.compile` against what runs without it, and how long the first step takes to come.

The first step is that of a process of its own: with an empty cache of compiled code, and with one
that another process has filled.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from functools import partial

from vitpos.bench.asked import Bench, Missing
from vitpos.bench.heats import Contender, Heat, measure
from vitpos.bench.judging import Table
from vitpos.bench.startup import process
from vitpos.bench.subjects import ours, run_of

CACHE = "TORCHINDUCTOR_CACHE_DIR"
FIRST = """
import json, sys, time
from vitpos.bench.asked import Asked, Bench
from vitpos.bench.subjects import ours, run_of
told = json.loads(sys.argv[1])
bench = Bench(asked=Asked(words=tuple(told["words"]), device=told["device"]))
run = run_of(bench, told["shape"], *told["own"])
start = time.perf_counter()
work = ours(bench, run)
work.advance(1)
bench.watch().start()
print(time.perf_counter() - start)
"""


def tables(bench: Bench) -> Iterator[Table]:
    """One for each shape."""
    batch = 1024 if bench.cuda else 128
    for shape in ("cifar", "micro")[: 1 if bench.quick else 2]:
        own = ("embedding=rope2d", f"training.batch_size={batch}")
        runs = {
            "eager": run_of(bench, shape, *own, "compile=false"),
            "compiled": run_of(bench, shape, *own, "compile=true"),
        }
        before = os.environ.get(CACHE)
        with tempfile.TemporaryDirectory() as cache:
            os.environ[CACHE] = cache
            try:
                facts = {"shape": shape, "batch": batch, "threads": bench.threads}
                heat = Heat(
                    name=f"compile, {shape}",
                    contenders={n: Contender(partial(ours, bench, r)) for n, r in runs.items()},
                    reference="eager",
                    facts=facts | first_steps(bench, shape, own),
                )
                yield measure(heat, bench)
            finally:
                os.environ.pop(CACHE)
                if before is not None:
                    os.environ[CACHE] = before


def first_steps(bench: Bench, shape: str, own: tuple[str, ...]) -> dict[str, object]:
    """Seconds until the first step is done: eager, compiled for the first time, and again."""
    found: dict[str, object] = {}
    for name, compiled in (("eager", "false"), ("cold", "true"), ("warm", "true")):
        told = {"words": bench.asked.words, "device": str(bench.device), "shape": shape}
        told |= {"own": [*own, f"compile={compiled}"]}
        bench.say(f"compile, {shape}: first step, {name}")
        try:
            found[f"first_step_{name}_seconds"] = float(process(["-c", FIRST, json.dumps(told)]))
        except Missing as error:
            return found | {"why": str(error)}
    return found
