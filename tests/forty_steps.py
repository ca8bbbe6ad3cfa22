"""A run of forty steps, kept after each of them, and fresh loops that go on from any."""

import functools
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import amounts
import networks
import safetensors.torch
import torch
from small_runs import whole

from vitpos import build, checkpoints, config, machine
from vitpos.data.samples import Data
from vitpos.metrics import Evaluation
from vitpos.schema import Run
from vitpos.train import Epoch, Loop

STEPS, PER_EPOCH = 40, 4
WORDS = (
    "training=smoke", "training.limit=32", "training.batch_size=8", "training.epochs=10",
    "training.warmup_epochs=2.5", "backbone.depth=2", "backbone.dim=32", "backbone.heads=2",
    "threads=1", "tensorboard=false",
)  # fmt: skip
AVERAGED = ("training.ema=0.9",)
DROPPED = ("backbone.dropout=0.2", "backbone.drop_path=0.3")
MIXED = ("training.augment.mixup=0.8", "training.augment.cutmix=1.0", "training.augment.erase=0.5")
IN_PARTS = ("training.micro_batch=5",)  # of five images and of three
OPTIONS = {
    "averaged": AVERAGED,
    "dropout": DROPPED,
    "augmented": (*MIXED, "training.augment.policy=trivial"),
    "in parts": IN_PARTS,
    "together": (*AVERAGED, *DROPPED, *MIXED, "training.augment.policy=rand", *IN_PARTS),
}
PRECISIONS = ("fp32", "bf16")


def families() -> dict[str, list[str]]:
    """The strategies of each module that has some."""
    found: dict[str, list[str]] = {}
    for name in networks.NAMES:
        text = config.files("embedding")[name].read_text()
        for module in re.findall(r"_target_: vitpos\.embeddings\.(\w+)\.", text)[:1]:
            found.setdefault(module, []).append(name)
    return found


FAMILIES = families()


@dataclass(frozen=True)
class Case:
    """A strategy and what else is asked of its run."""

    name: str
    precision: str
    option: str

    @property
    def words(self) -> tuple[str, ...]:
        """As they are typed."""
        return (f"embedding={self.name}", f"precision={self.precision}", *OPTIONS[self.option])


def cases(family: str) -> list[Case]:
    """Every precision with every option, each strategy of the family at least once."""
    names = FAMILIES[family]
    kinds = [(precision, option) for option in OPTIONS for precision in PRECISIONS]
    count = max(len(names), len(kinds))
    return [Case(names[n % len(names)], *kinds[n % len(kinds)]) for n in range(count)]


def sample(family: str) -> list[tuple[Case, list[int]]]:
    """What is tried: in CI one of the cases, after one step that is another for each family."""
    number, every = list(FAMILIES).index(family), cases(family)
    if amounts.whole:
        return [(case, list(range(1, STEPS + 1))) for case in every]
    return [(every[number % len(every)], [number % STEPS + 1])]


@functools.cache
def images(device: str = "cpu") -> Data:
    """Digits, few of them to evaluate on."""
    data = whole("mnist5k")
    some = torch.arange(0, 480, 30)
    few = {name: getattr(data, name).take(some) for name in ("validation", "test")}
    return replace(data, **few).to(torch.device(device))


def composed(*words: str, device: str = "cpu") -> Run:
    """A run of forty steps."""
    return config.compose([*WORDS, f"device={device}", *words])


def fresh(run: Run) -> Loop:
    """Its loop, as a process that was just started has it."""
    return Loop(run, build.network(run, 10), images(run.device), machine.prepare(run))


@dataclass
class Kept:
    """What a loop was after each step."""

    bits: dict[int, dict[str, bytes]] = field(default_factory=dict)
    rows: dict[int, dict[str, float | int]] = field(default_factory=dict)  # lines of metrics
    states: dict[int, bytes] = field(default_factory=dict)  # after some steps, as on a disk
    end: Evaluation | None = None

    def add(self, loop: Loop, item: object = None, states: Container[int] = ()) -> None:
        """After one more step."""
        step, tensors = loop.step, {n: t.detach().cpu() for n, t in loop.tensors().items()}
        self.bits[step] = {n: t.contiguous().numpy().tobytes() for n, t in tensors.items()}
        if step in states:
            content = {name: tensor.contiguous() for name, tensor in tensors.items()}
            self.states[step] = safetensors.torch.save(content)
        if isinstance(item, Epoch):
            self.rows[step] = item.row
        if step == loop.total:
            self.end = loop.evaluate(loop.data.test)


def kept(loop: Loop, until: int = STEPS, states: Container[int] = ()) -> Kept:
    """Let it learn up to a step."""
    found = Kept()
    found.add(loop)
    items: Iterator[object] = loop.run_to_end() if loop.step < until else iter(())
    for item in items:
        found.add(loop, item, states)
        if loop.step == until:
            break
    return found


def put(loop: Loop, step: int, state: bytes) -> Loop:
    """Have it go on from there."""
    loop.load(step, checkpoints.tensors_of(Path("state"), state))
    return loop


def over_the_border(step: int) -> int:
    """The first step of the epoch after the next border, or the last step."""
    return min(STEPS, (step // PER_EPOCH + 1) * PER_EPOCH + 1)


def differing(found: Kept, wanted: Kept) -> str:
    """The first thing that differs by a bit; nothing if none does."""
    for step, bits in found.bits.items():
        odd = [name for name, bits in bits.items() if bits != wanted.bits[step].get(name)]
        if odd or bits.keys() != wanted.bits[step].keys():
            return f"after step {step}: {', '.join(odd) or 'names'}"
    for step, row in found.rows.items():
        if row != wanted.rows[step]:
            return f"line of metrics after step {step}"
    if found.end is not None and wanted.end is not None:
        first, second = found.end, wanted.end
        if first.loss != second.loss or not torch.equal(first.predicted, second.predicted):
            return "the test images"
    return ""
