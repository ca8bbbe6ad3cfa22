"""What a power cut may leave of a folder: a model of a disk that keeps no more than it must.

After ALICE (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014): what was written
to a file and not synced may be there, or not, or in part, or as zeros of the right length; a file
made, renamed or removed may be so or not until its folder is synced, in any order.
"""

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from disk import Operation

MOST = 64  # combinations of what is uncertain that are all tried; of more, a choice
State = dict[str, bytes | None]


@dataclass(eq=False)
class File:
    """What is safe of a file, and what it holds."""

    safe: bytes = b""
    now: bytes = b""
    last: int = 0  # bytes of the last write

    def versions(self) -> list[bytes]:
        """What it may hold after a power cut."""
        torn = self.now[: len(self.now) - (self.last + 1) // 2]
        zeros = self.now[: len(self.safe)] + bytes(max(0, len(self.now) - len(self.safe)))
        return list(dict.fromkeys((self.safe, zeros, torn, self.now)))


@dataclass(frozen=True)
class Change:
    """An entry of a folder that is made, taken away, or takes the name of another."""

    name: str
    node: "Node | None"
    source: str = ""  # of a rename


@dataclass(eq=False)
class Folder:
    """What is safe of a folder's entries, and what changed since."""

    safe: dict[str, "Node"] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def entries(self, kept: Iterable[Change]) -> dict[str, "Node"]:
        """Those there are when only some changes came to be."""
        found = dict(self.safe)
        for change in kept:
            if change.source:
                found.pop(change.source, None)
            if change.node is None:
                found.pop(change.name, None)
            else:
                found[change.name] = change.node
        return found


Node: TypeAlias = File | Folder
Way: TypeAlias = tuple[Node, bytes | tuple[Change, ...]]  # what came of one of them


class PowerDisk:
    """Follows the operations of a program and tells what may be left if the power goes."""

    def __init__(self) -> None:
        self.root = Folder()

    def follow(self, operation: Operation) -> None:
        """An operation was done."""
        if operation.kind in ("read", "open"):
            return
        parent, name = self.parent(operation.path)
        node = parent.entries(parent.changes).get(name)
        if operation.kind in ("make", "make folder"):
            made: Node = File() if operation.kind == "make" else Folder()
            parent.changes.append(Change(name, made))
        elif operation.kind == "rename":
            assert node is not None
            target, new = self.parent(operation.target)
            assert target is parent, "a rename from one folder to another"
            parent.changes.append(Change(new, node, name))
        elif operation.kind in ("remove", "remove folder"):
            parent.changes.append(Change(name, None))
        elif operation.kind == "sync folder":
            self.settle(self.root if operation.path == "." else node)
        elif isinstance(node, File):
            self.change(node, operation)

    def change(self, file: File, operation: Operation) -> None:
        """Write, cut or sync a file."""
        if operation.kind == "write":
            end = operation.at + len(operation.data)
            file.now = file.now[: operation.at] + operation.data + file.now[end:]
            file.last = len(operation.data)
        elif operation.kind == "cut":
            file.now = file.now[: operation.at]
            file.last = 0
        elif operation.kind == "sync":
            file.safe, file.last = file.now, 0

    def settle(self, folder: Node | None) -> None:
        """All that changed in a folder is safe from now on."""
        assert isinstance(folder, Folder)
        folder.safe, folder.changes = folder.entries(folder.changes), []

    def parent(self, path: str) -> tuple[Folder, str]:
        """The folder that a path lies in, and its name there."""
        *above, name = path.split("/")
        folder = self.root
        for part in above:
            node = folder.entries(folder.changes)[part]
            assert isinstance(node, Folder)
            folder = node
        return folder, name

    def states(self) -> Iterator[State]:
        """What may be left."""
        doubts = [list(options(node)) for node in nodes(self.root)]
        doubts = [ways for ways in doubts if len(ways) > 1]
        count = 1
        for ways in doubts:
            count *= len(ways)
        for chosen in itertools.product(*doubts) if count <= MOST else choice(doubts):
            yield left(self.root, dict(chosen))


def nodes(folder: Folder) -> Iterator[Node]:
    """A folder and all that is or was in it."""
    yield folder
    inside = [*folder.safe.values(), *(c.node for c in folder.changes if c.node is not None)]
    for node in dict.fromkeys(inside):
        yield from nodes(node) if isinstance(node, Folder) else [node]


def options(node: Node) -> Iterator[Way]:
    """What may have come of one file or folder."""
    if isinstance(node, File):
        yield from ((node, version) for version in node.versions())
        return
    for switches in itertools.product((False, True), repeat=len(node.changes)):
        yield node, tuple(itertools.compress(node.changes, switches))


def choice(doubts: list[list[Way]]) -> Iterator[tuple[Way, ...]]:
    """Nothing and everything, each thing alone, everything but one, and some at random."""
    dice = random.Random(0)
    nothing, everything = [ways[0] for ways in doubts], [ways[-1] for ways in doubts]
    for basis in (nothing, everything):
        yield tuple(basis)
        for number, ways in enumerate(doubts):
            yield from ((*basis[:number], way, *basis[number + 1 :]) for way in ways)
    for _ in range(MOST):
        yield tuple(dice.choice(ways) for ways in doubts)


def left(folder: Folder, chosen: Mapping[Node, object], above: str = "") -> State:
    """The folder that is found when the power is back."""
    kept = chosen.get(folder, ())
    assert isinstance(kept, tuple)
    found: State = {}
    for name, node in folder.entries(kept).items():
        if isinstance(node, Folder):
            found |= {f"{above}{name}": None, **left(node, chosen, f"{above}{name}/")}
        else:
            version = chosen.get(node, node.now)
            assert isinstance(version, bytes)
            found[f"{above}{name}"] = version
    return found
