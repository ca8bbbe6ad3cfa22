"""The files of CIFAR, read as data: they are pickles, which as programs could do anything.

A pickle is a list of instructions to a small machine with a stack. The standard library can list
them without doing any. Here are those that make numbers, words, lists, mappings and arrays of
bytes; the few names in them stand for nothing but themselves. Whatever else is asked for is refused
(the instructions are documented in `pickletools`).
"""

import pickletools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vitpos.data.known import Known
from vitpos.received import content

ARRAYS = {f"numpy.{core}.multiarray _reconstruct" for core in ("core", "_core")}
NAMES = {*ARRAYS, "numpy ndarray", "numpy dtype", "_codecs encode"}
VALUES = {  # instructions whose argument is the value
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG", "INT", "BINFLOAT"),
    *("SHORT_BINSTRING", "BINSTRING", "STRING", "BINUNICODE", "SHORT_BINUNICODE", "UNICODE"),
    *("BINBYTES", "SHORT_BINBYTES"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
IGNORED = {"PROTO", "FRAME"}


class Name(NamedTuple):
    """A name of something that would be called or made."""

    text: str


class Mark:
    """Where on the stack a list of things begins."""


class Array:
    """What an array was: it gets its numbers after it was made."""

    state: tuple[Any, ...] = ()


class Kind:
    """The type of the numbers of an array."""

    def __init__(self, code: str) -> None:
        self.code = code


class Machine:
    """The stack, and what was remembered by number."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.known: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        """The thing that a file tells of; raises `ValueError` for anything but data."""
        for code, argument, _ in pickletools.genops(data):
            if code.name == "STOP":
                return self.stack.pop()
            self.do(code.name, argument)
        raise ValueError("it does not end")

    def do(self, name: str, argument: Any) -> None:
        """One instruction."""
        if name in VALUES:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in IGNORED:
            return
        else:
            method = METHODS.get(name)
            if method is None:
                raise ValueError(f"it is a program: {name}")
            method(self, argument)

    def above(self) -> list[Any]:
        """What lies above the last mark, taken away together with it."""
        found: list[Any] = []
        while not isinstance(top := self.stack.pop(), Mark):
            found.append(top)
        return found[::-1]

    def mark(self, _: Any) -> None:
        """A list of things begins."""
        self.stack.append(Mark())

    def new_list(self, _: Any) -> None:
        """Nothing in it yet."""
        self.stack.append([])

    def new_mapping(self, _: Any) -> None:
        """Nothing in it yet."""
        self.stack.append({})

    def tuple_of_all(self, _: Any) -> None:
        """Of what is above the mark."""
        self.stack.append(tuple(self.above()))

    def tuple_of(self, count: int) -> None:
        """Of the last few."""
        found = [self.stack.pop() for _ in range(count)]
        self.stack.append(tuple(found[::-1]))

    def append(self, _: Any) -> None:
        """One to a list."""
        item = self.stack.pop()
        listed(self.stack[-1]).append(item)

    def appends(self, _: Any) -> None:
        """Many to a list."""
        items = self.above()
        listed(self.stack[-1]).extend(items)

    def set_item(self, _: Any) -> None:
        """One into a mapping."""
        value, key = self.stack.pop(), self.stack.pop()
        mapped(self.stack[-1])[word(key)] = value

    def set_items(self, _: Any) -> None:
        """Many into a mapping."""
        items = self.above()
        target = mapped(self.stack[-1])
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[word(key)] = value

    def put(self, number: Any) -> None:
        """Remember the last."""
        self.known[int(number)] = self.stack[-1]

    def memoize(self, _: Any) -> None:
        """The same, by the next number."""
        self.known[len(self.known)] = self.stack[-1]

    def get(self, number: Any) -> None:
        """What was remembered."""
        self.stack.append(self.known[int(number)])

    def name(self, argument: Any) -> None:
        """One of a few."""
        if argument not in NAMES:
            raise ValueError(f"it is a program: {str(argument)[:60]!a}")
        self.stack.append(Name(argument))

    def reduce(self, _: Any) -> None:
        """What would be a call makes an array, its type, or bytes."""
        words, called = self.stack.pop(), self.stack.pop()
        match called, words:
            case Name(text="_codecs encode"), (str(text), "latin1"):
                self.stack.append(text.encode("latin1"))
            case Name(text="numpy dtype"), (str(code), *_):
                self.stack.append(Kind(code))
            case Name(text=text), tuple() if text in ARRAYS:
                self.stack.append(Array())
            case _:
                raise ValueError("it is a program: a call")

    def build(self, _: Any) -> None:
        """An array gets its numbers; of a type, the order of bytes, which one byte has not."""
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Array) and isinstance(state, tuple):
            target.state = state
        elif not isinstance(target, Kind):
            raise ValueError("it is a program: a state")  # noqa: TRY004


METHODS = {
    "MARK": Machine.mark,
    "EMPTY_LIST": Machine.new_list,
    "EMPTY_DICT": Machine.new_mapping,
    "EMPTY_TUPLE": lambda machine, _: machine.tuple_of(0),
    "TUPLE": Machine.tuple_of_all,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": Machine.append,
    "APPENDS": Machine.appends,
    "SETITEM": Machine.set_item,
    "SETITEMS": Machine.set_items,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), Machine.put),
    "MEMOIZE": Machine.memoize,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), Machine.get),
    "GLOBAL": Machine.name,
    "REDUCE": Machine.reduce,
    "BUILD": Machine.build,
}


def listed(thing: Any) -> list[Any]:
    """A list, which it must be."""
    if not isinstance(thing, list):
        raise ValueError("it is a program: not a list")  # noqa: TRY004
    return thing


def mapped(thing: Any) -> dict[str, Any]:
    """A mapping, which it must be."""
    if not isinstance(thing, dict):
        raise ValueError("it is a program: not a mapping")  # noqa: TRY004
    return thing


def word(key: Any) -> str:
    """A key, of text or of bytes."""
    return key.decode("ascii") if isinstance(key, bytes) else str(key)


def array(found: Any) -> np.ndarray:
    """The bytes of an image each in a row."""
    match found.state if isinstance(found, Array) else None:
        case (1, (int(rows), int(columns)), Kind(code="u1" | "|u1"), bool(turned), data):
            numbers = data.encode("latin1") if isinstance(data, str) else bytes(data)
            flat = np.frombuffer(numbers, np.uint8)
            return flat.reshape(rows, columns, order="F" if turned else "C")
    raise ValueError("no array of bytes, one row an image")


def labels(found: Any) -> list[int | float]:
    """Numbers, and no lists in lists."""
    if not isinstance(found, list) or not all(isinstance(item, int | float) for item in found):
        raise ValueError("no list of labels")
    return found


def read(path: Path, facts: Known) -> Mapping[str, Any]:
    """What a file holds, by name; raises `ValueError`, `KeyError` or the like if it is no data."""
    found = Machine().run(content(path, facts.largest("")))
    return mapped(found)
