"""Which runs may be lanes, and how many lanes are worth it.

Measured on one thread of a CPU (AMD EPYC with bfloat16 in AVX-512 and no matrix unit), eight lanes
against eight steps one after the other; more images a step do less, for arithmetic and caches then
take the time and calls do not:

=========================================  ========  =======
network on digits                          bfloat16  float32
=========================================  ========  =======
4 blocks of 32, 49 tokens, 16 images       1.9       1.25
4 blocks of 32, 16 tokens, 64 images       1.8       1.2
4 blocks of 64, 16 tokens, 64 images       1.3-1.5   0.95
4 blocks of 64, 16 tokens, 256 images      1.05-1.2  0.95
=========================================  ========  =======

For GPUs the rule is reckoned and not measured: below `LAUNCHES` the device waits for its next
kernel most of the time.
"""

from collections.abc import Mapping
from typing import Any

from vitpos import machine, sizes
from vitpos.schema import Run

TOLERANCE = 3e-3  # absolute, between losses and weights of a lane and of a run alone
MOST = 8  # lanes that are chosen unasked
FEWEST = 4  # below it little is gained, and one process for each run is safer
SMALL = {"bf16": 6e7, "fp32": 1.5e7}  # multiplications of a block's pass below which calls count
LAUNCHES = 0.3e-3  # seconds: a step that moves its bytes in less waits for launches
BANDWIDTH = 3e12  # bytes a second of the GPUs that the rule was made for
TENSORS = 102  # [tokens, dim] that a block moves in a step, forward and backward, once compiled
STILL = {"shift": 0.0, "jitter": 1.0, "rescale": 1.0, "local": 0.0}


def forbidden(run: Run) -> str:
    """Why a run cannot be a lane; empty if it can."""
    if run.task.kind != "classify":
        return "lanes only classify"
    if run.patch.kind != "linear":
        return f"lanes know linear patches only, not {run.patch.kind}"
    if run.backbone.kind != "plain":
        return f"lanes know plain backbones only, not a {run.backbone.kind}"
    if run.backbone.qk_norm or run.backbone.pool == "attention":
        return "lanes know neither norms of queries and keys nor pooling by attention"
    device = machine.find_device(run.device)
    if device.type not in ("cpu", "cuda"):
        return f"there are no lanes on {device.type}"
    if machine.find_precision(run.precision, device) == "fp16":
        return "each lane would need a scale of its own in fp16"
    if device.type == "cpu" and run.compile == "on":
        return "lanes are not compiled on a CPU"
    if device.type == "cuda" and draws(run):
        return "on a GPU lanes cannot draw dropout, stochastic depth or moved coordinates"
    return ""


def draws(run: Run) -> bool:
    """Whether something in a step is random, or could be: plugins are not known."""
    backbone = run.backbone
    return bool(backbone.dropout or backbone.drop_path) or any(
        not str(options.get("_target_", "")).startswith("vitpos.") or moves(options)
        for options in run.embedding.values()
    )


def moves(options: Mapping[str, Any]) -> bool:
    """Whether coordinates are moved while training."""
    return options.get("augment", STILL) != STILL


def faster(run: Run) -> bool:
    """Whether lanes are faster than one run after the other."""
    device = machine.find_device(run.device)
    if device.type == "cuda":
        return seconds(run) < LAUNCHES
    return work(run) < SMALL[machine.find_precision(run.precision, device)]


def weights(run: Run) -> int:
    """Of the blocks, about."""
    return 12 * run.backbone.depth * run.backbone.dim**2


def work(run: Run) -> float:
    """Multiplications of one pass of one block on a CPU, forward."""
    images = min(run.training.batch_size, machine.CPU_MICRO_BATCH)
    return weights(run) / run.backbone.depth * sizes.cells(run) * images


def seconds(run: Run) -> float:
    """Of a step that does nothing but move its bytes, in half precision."""
    moved = run.training.batch_size * sizes.cells(run) * run.backbone.dim * run.backbone.depth
    return (2 * TENSORS * moved + 38 * weights(run)) / BANDWIDTH


def count(run: Run, asked: int, seeds: int, members: int, slots: int) -> int:
    """How many lanes the next process has; 1: it has a single run.

    `asked` is what was said, 0 nothing; `seeds` are to do of this arm, `members` of all arms.
    Unasked no slot is left without work, and seeds are shared out in equal parts.
    """
    if forbidden(run):
        return 1
    if asked:
        return min(asked, seeds)
    most = min(MOST, seeds, -(-members // max(1, slots)))
    if most < FEWEST or not faster(run):
        return 1
    return -(-seeds // -(-seeds // most))
