"""What of a network depends on the image, and what is the same for all images of its size.

The network is run once, on one image. Every operation that sees numbers made of that image is
written down; all others are done there and then, by torch, and leave a constant. Tables, angles and
biases of position are such constants, so that the program that is left is short, and much the same
for most strategies. `torch.export` gives the same program after folding, a hundred times slower.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only
from typing_extensions import override

from vitpos.errors import BadInput
from vitpos.pages.live.watched import Watched
from vitpos.shapes import Images

aten = torch.ops.aten
# Of a tensor they look at its shape only, which is the same for all images.
SHAPED = {
    aten.zeros_like.default, aten.ones_like.default, aten.full_like.default,
    aten.empty_like.default, aten.new_zeros.default, aten.new_ones.default,
    aten.new_full.default, aten.new_empty.default,
}  # fmt: skip


@dataclass(frozen=True)
class Slot:
    """Where a value lies that depends on the picture; number 0 is the picture."""

    number: int


class Step(NamedTuple):
    """An operation of ATen: `args` have slots for what depends on the picture, as has `out`."""

    target: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any


@dataclass(frozen=True)
class Program:
    """All that is done to a picture, in order."""

    shape: torch.Size  # of the picture
    steps: Sequence[Step]
    outputs: Sequence[Slot | Tensor]
    own: frozenset[int]  # addresses of the weights of the network itself, not of position

    def play(self, pixels: Images) -> list[Tensor]:
        """What comes of a picture, in torch."""
        values: dict[Slot, Tensor] = {Slot(0): pixels}

        def filled(tree: Any) -> Any:
            return tree_map_only(Slot, values.__getitem__, tree)

        with torch.no_grad():
            for step in self.steps:
                found = step.target(*filled(step.args), **filled(step.kwargs))
                named = zip(tree_leaves(step.out), tree_leaves(found), strict=True)
                values |= {slot: value for slot, value in named if isinstance(slot, Slot)}
        return filled(list(self.outputs))

    def changed(self, change: Callable[[Tensor], Tensor]) -> "Program":
        """The same with other constants."""
        steps = [
            step._replace(
                args=tree_map_only(Tensor, change, step.args),
                kwargs=tree_map_only(Tensor, change, step.kwargs),
            )
            for step in self.steps
        ]
        return replace(self, steps=steps)


class Tracer(TorchDispatchMode):
    """Writes down what is done to a picture, and to what is made of it."""

    def __init__(self, picture: Tensor) -> None:
        super().__init__()
        self.slots = {id(picture): Slot(0)}
        self.alive = [picture]  # so that no other tensor gets its id
        self.steps: list[Step] = []

    @override
    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        found = func(*args, **kwargs)
        seen = any(id(leaf) in self.slots for leaf in tree_leaves((args, kwargs)))
        if seen and func not in SHAPED:
            if func._schema.is_mutable:
                raise BadInput(f"--live: this network changes numbers in place ({func})")
            out = tree_map_only(Tensor, self.added, found)
            self.steps.append(Step(func, self.named(args), self.named(kwargs), out))
        return found

    def added(self, value: Tensor) -> Slot:
        """A new slot for what an operation gave."""
        self.alive.append(value)
        self.slots[id(value)] = Slot(len(self.alive) - 1)
        return self.slots[id(value)]

    def named(self, tree: Any) -> Any:
        """The same with slots in the place of what depends on the picture."""
        return tree_map(lambda leaf: self.slots.get(id(leaf), leaf), tree)


@torch.no_grad()
def traced(watched: Watched, pixels: Images) -> Program:
    """What the network does to images of this size."""
    with Tracer(pixels) as tracer:
        outputs = tracer.named(watched(pixels))
    return Program(pixels.shape, alive(tracer.steps, outputs), outputs, addresses(watched))


def alive(steps: Sequence[Step], outputs: Sequence[Any]) -> list[Step]:
    """Without what nobody asks for."""
    wanted = {leaf for leaf in outputs if isinstance(leaf, Slot)}
    kept = []
    for step in reversed(steps):
        if wanted.isdisjoint(leaf for leaf in tree_leaves(step.out) if isinstance(leaf, Slot)):
            continue
        kept.append(step)
        given = tree_leaves((step.args, step.kwargs))
        wanted.update(leaf for leaf in given if isinstance(leaf, Slot))
    return kept[::-1]


def addresses(watched: Watched) -> frozenset[int]:
    """Where the weights of patches, blocks and head lie in memory."""
    named = watched.model.named_parameters()
    return frozenset(
        weight.untyped_storage().data_ptr()
        for name, weight in named
        if weight.numel() and not name.startswith("position.")
    )
