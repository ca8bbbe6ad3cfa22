"""How fast is a step on this CPU? Three questions, each answered by alternating rounds.

    python -m scripts.bench_step step [--batch 1024]   vitpos against a usual script
    python -m scripts.bench_step embeddings            each position embedding against none
    python -m scripts.bench_step compile               torch.compile against eager, cold and warm

Images are random bytes made in memory. Both sides learn from the same ones, and each gets the
process as it would have it by itself: threads, deterministic algorithms, glibc's memory limits.
"""

import argparse
import ctypes
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from scripts import usual_script
from scripts.rounds import (
    CLOCKS,
    TOO_MUCH,
    Contender,
    Round,
    alternate,
    load,
    peaks,
    ratios,
    spread,
    summary,
)
from vitpos import build, config, machine, metrics
from vitpos.data.samples import Data, Samples
from vitpos.durable import write_json
from vitpos.schema import Run
from vitpos.train import Loop

EMBEDDINGS = ("none", "learned1d", "sincos2d", "rope2d", "rope_mixed", "alibi2d", "swin_rpb", "peg")
SHAPES = {
    "cifar": ("dataset=cifar10", "backbone.depth=6", "backbone.dim=192", "backbone.heads=3"),
    "micro": ("dataset=mnist5k", "backbone=micro"),
}
IMAGES = {"cifar": 50_000, "micro": 4_000}
# M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD as glibc has them after the first large tensors
GLIBC_USUAL = {-3: 2**25, -1: 2**26, -2: 2**17}


def noise(run: Run) -> Data:
    """As many random images as there would be, of random classes."""
    shape = "micro" if run.dataset.channels == 1 else "cifar"
    random = torch.Generator().manual_seed(0)
    size = (IMAGES[shape], run.dataset.channels, run.dataset.size, run.dataset.size)
    pixels = torch.randint(0, 256, size, dtype=torch.uint8, generator=random)
    samples = Samples(pixels, torch.randint(0, 10, size[:1], generator=random))
    few = samples.take(torch.arange(64))
    moments = (tuple(run.dataset.mean or ()), tuple(run.dataset.std or ()))
    return Data("noise", samples, few, few, tuple("0123456789"), *moments, digest="")


def ours(*words: str) -> Contender:
    """The loop of a run of vitpos."""
    run = config.compose(["device=cpu", "training.epochs=1000000", *words])
    chosen = machine.prepare(run)
    model = build.network(run, 10)
    flops = 3 * metrics.cost(model, run.dataset.channels, run.dataset.size)["flops_per_image"]
    items = Loop(run, model, noise(run), chosen).run_to_end()
    return Contender(items, run.training.batch_size, lambda: machine.prepare(run), flops)


def usual(pool: str, batch: int, threads: int) -> Contender:
    """The loop of the usual script, on the same images."""
    samples = noise(config.compose(SHAPES["cifar"])).train
    pixels, labels = samples.pixels.permute(0, 2, 3, 1).contiguous(), samples.labels
    steps = usual_script.train(pixels.numpy(), labels.tolist(), batch_size=batch, pool=pool)
    return Contender(steps, batch, lambda: untouched(threads), 3 * usual_flops(pool))


def usual_flops(pool: str) -> int:
    """Operations of one forward pass of one image, attention written out so that it is counted."""
    model = usual_script.network(pool)
    for block in model.blocks:
        block.attn.fused_attn = False
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 32, 32))
    return counter.get_total_flops()


def untouched(threads: int) -> None:
    """The process as it is before vitpos prepares it."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        for parameter, size in GLIBC_USUAL.items():
            libc.mallopt(parameter, size)
        libc.malloc_trim(0)


def step(args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Vitpos, at the precision it chooses and in float32, against the usual script."""
    words = (*SHAPES["cifar"], "embedding=learned1d", f"threads={args.threads}")
    words += (f"training.batch_size={args.batch}",)
    contenders = {
        "usual script": usual("cls", args.batch, args.threads),
        "vitpos": ours(*words),
        "usual script, mean pool": usual("mean", args.batch, args.threads),
        "vitpos, fp32": ours(*words, "precision=fp32"),
    }
    rate, clock = CLOCKS[args.clock]
    rounds = alternate(
        contenders,
        rounds=args.rounds,
        seconds=args.seconds,
        least=args.steps,
        probe=lambda: peaks(clock),
    )
    table = {name: line(rounds, name, "usual script") for name in contenders}
    for name, contender in contenders.items():
        speeds = [getattr(r[name], rate) * contender.flops for r in rounds]
        table[name]["flops_per_image"] = contender.flops
        for kind in ("bf16", "fp32"):
            tops = [r[name].peaks[kind] for r in rounds]
            shares = [speed / top for speed, top in zip(speeds, tops, strict=True)]
            table[name][f"of_{kind}_peak"] = summary(shares)
    tops = {k: summary([t.peaks[k] for r in rounds for t in r.values()]) for k in ("bf16", "fp32")}
    yield {
        "shape": "cifar",
        "batch": args.batch,
        "threads": args.threads,
        "reference": "usual script",
        "reference_spread": spread(rounds, "usual script", rate),
        "peaks": tops,
        "results": table,
    }


def embeddings(args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Each embedding against none; the micro network with the threads it gets by itself."""
    for shape, threads in (("cifar", args.threads), ("micro", 0)):
        words = (*SHAPES[shape], f"training.batch_size={args.batch}", f"threads={threads}")
        contenders = {name: ours(*words, f"embedding={name}") for name in EMBEDDINGS}
        rounds = alternate(
            contenders, rounds=args.rounds, seconds=args.seconds / 4, least=args.steps
        )
        yield {
            "shape": shape,
            "batch": args.batch,
            "threads": torch.get_num_threads(),
            "reference": "none",
            "reference_spread": spread(rounds, "none", CLOCKS[args.clock][0]),
            "results": {name: line(rounds, name, "none") for name in contenders},
        }


def compiled(args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Steps of a compiled network against eager ones, and how long the first step takes to come."""
    for shape, threads in (("cifar", args.threads), ("micro", 0)):
        words = (*SHAPES[shape], f"training.batch_size={args.batch}", f"threads={threads}")
        with tempfile.TemporaryDirectory() as cache:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
            first = {"eager": first_step(*words, "compile=false")}
            first |= {when: first_step(*words, "compile=true") for when in ("cold", "warm")}
            contenders = {"eager": ours(*words), "compiled": ours(*words, "compile=true")}
            rounds = alternate(
                contenders, rounds=args.rounds, seconds=args.seconds, least=args.steps
            )
        yield {
            "shape": shape,
            "batch": args.batch,
            "threads": torch.get_num_threads(),
            "reference": "eager",
            "reference_spread": spread(rounds, "eager", CLOCKS[args.clock][0]),
            "seconds_to_first_step": first,
            "results": {name: line(rounds, name, "eager") for name in contenders},
        }


def first_step(*words: str) -> float:
    """Seconds from the first step's start to its end, in a process of its own."""
    program = (
        "import sys, time; from scripts.bench_step import ours; c = ours(*sys.argv[1:]);"
        "t = time.perf_counter(); next(c.steps); print(time.perf_counter() - t)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def line(rounds: list[Round], name: str, reference: str) -> dict[str, object]:
    """Images a second, and how many times the reference's."""
    return {
        "images_per_second": summary([r[name].rate for r in rounds]),
        "images_per_cpu_second": summary([r[name].cpu_rate for r in rounds]),
        "ratio": ratios(rounds, name, reference, "rate"),
        "ratio_of_cpu_time": ratios(rounds, name, reference, "cpu_rate"),
        "page_faults_per_image": summary([r[name].page_faults for r in rounds]),
    }


def circumstances() -> dict[str, object]:
    """Everything beside the program that moves a number."""
    names = ("torch", "torchvision", "timm", "numpy", "pillow")
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "python -m scripts.bench_step " + " ".join(without_paths(sys.argv[1:])),
        "commit": machine.commit(),
        "cpu": machine.cpu_name(),
        "cores": machine.cores(),
        "bf16": [name for name in ("amx_bf16", "avx512_bf16") if name in flags],
        "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
        "python": platform.python_version(),
        "versions": {name: machine.package_version(name) for name in names},
        "images": "random bytes and classes, in memory",
    }


def without_paths(words: list[str]) -> list[str]:
    """The words of a command, but for where its record went."""
    if "--json" not in words:
        return words
    at = words.index("--json")
    return words[:at] + words[at + 2 :]


def save(path: Path, record: dict[str, object]) -> None:
    """Into a file of records, in place of the one of the same question."""
    asked = ("what", "shape", "batch", "threads", "clock")
    old = json.loads(path.read_text("utf-8"))["records"] if path.exists() else []
    kept = [r for r in old if any(r[key] != record[key] for key in asked)]
    write_json(path, {"records": [*kept, record]})


def show(record: dict[str, object]) -> None:
    """A line per contender."""
    head = ("what", "shape", "batch", "threads", "clock", "load_before", "load_after")
    print("  ".join(f"{key} {record[key]}" for key in head))
    for name, found in record["results"].items():
        rate, ratio, cpu = (found[k] for k in ("images_per_second", "ratio", "ratio_of_cpu_time"))
        print(
            f"{name:24} {rate['median']:8.1f} images/s   x{ratio['median']:.2f}"
            f" ({ratio['min']:.2f} to {ratio['max']:.2f})   by CPU time x{cpu['median']:.2f}"
        )
        for kind in ("bf16", "fp32"):
            if f"of_{kind}_peak" in found:
                share = found[f"of_{kind}_peak"]
                print(f"{'':24} {share['median']:8.0%} of the {kind} matrix product's speed")


def arguments() -> argparse.Namespace:
    """The words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["step", "embeddings", "compile"])
    parser.add_argument("--threads", type=int, default=machine.cores())
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="of a turn")
    parser.add_argument("--steps", type=int, default=2, help="of a turn, at least")
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--json", type=Path, help="a file of records to add to")
    parser.add_argument("--force", action="store_true", help="answer on a restless machine too")
    return parser.parse_args()


def main() -> int:
    """Ask one question; 1 where the machine is too restless for an answer."""
    args, before, restless = arguments(), load(), False
    question = {"step": step, "embeddings": embeddings, "compile": compiled}[args.what]
    for found in question(args):
        record = {"what": args.what, "clock": args.clock, **found, **circumstances()}
        record |= {"load_before": before, "load_after": load()}
        record |= {"rounds": args.rounds, "forced": args.force}
        show(record)
        moved = record["reference_spread"]
        print(f"{record['reference']} itself varied by {moved:.0%}", flush=True)
        if moved > TOO_MUCH and not args.force:
            print("error: that is too much for a comparison", file=sys.stderr)
            print("hint: wait until the machine is quiet, or --force", file=sys.stderr)
            restless = True
        elif args.json:
            save(args.json, record)
    return 1 if restless else 0


if __name__ == "__main__":
    sys.exit(main())
