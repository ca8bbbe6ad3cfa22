"""A layer between the program and the disk: each operation below a folder is seen, or goes wrong.

After SQLite's test VFS (https://sqlite.org/testing.html). It takes the place of the functions of
`io` and `os` that change or read files, so that operations can be counted, kept with what was on
the disk before each, cut off by the end of the process, torn, or answered by an error.
"""

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CHANGES = ("make", "write", "cut", "rename", "remove", "make folder", "remove folder")
FULL = (errno.ENOSPC, errno.EDQUOT)  # let nothing grow; all else goes on
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Ended(BaseException):
    """The process is gone: none of its handlers changes a file any more."""


class Operation(NamedTuple):
    """One thing that was done to the disk, or that was to be."""

    kind: str  # one of CHANGES, or open, sync, sync folder, read
    path: str  # below the folder
    data: bytes = b""  # that are written
    at: int = 0  # where in the file, or how long it is cut to
    target: str = ""  # of a rename

    @property
    def grows(self) -> bool:
        """Whether it needs room."""
        return self.kind in ("make", "write", "make folder", "rename")


class Fault(NamedTuple):
    """What is to go wrong at the operation of this number, counted from one."""

    number: int
    code: int = 0  # an errno; 0 ends the process
    bytes: int | None = None  # of a write that are done before; all but so many if negative
    lasting: bool = False  # whether the error stays, as that of a full disk does


class Disk:
    """The operations below a folder, in order; a `Fault` makes one of them go wrong."""

    def __init__(self, folder: Path, fault: Fault | None = None, before: Any = None) -> None:
        self.folder, self.fault = folder.absolute(), fault
        self.before: Callable[[Operation], object] = before or (lambda operation: None)
        self.done: list[Operation] = []
        self.gone = False
        self.hit: Operation | None = None  # what went wrong
        self.names: dict[int, str] = {}  # of open descriptors

    def inside(self, path: Any) -> str | None:
        """The path below the folder, or None for what lies elsewhere."""
        if isinstance(path, int):
            return self.names.get(path)
        whole = Path(os.fsdecode(path)).absolute()
        return str(whole.relative_to(self.folder)) if whole.is_relative_to(self.folder) else None

    def meet(self, operation: Operation) -> int:
        """An operation is about to be done: how many of its bytes. Raises what goes wrong."""
        if self.gone:
            raise Ended
        self.before(operation)
        self.done.append(operation)
        fault = self.fault
        if fault is None or len(self.done) < fault.number:
            return len(operation.data)
        if not fault.code:
            self.gone, self.hit = True, operation
            part = fault.bytes if operation.kind == "write" else None
            if part is None:
                raise Ended
            return max(0, part if part >= 0 else len(operation.data) + part)
        if len(self.done) == fault.number or (fault.lasting and suffers(operation, fault.code)):
            self.hit = self.hit or operation
            raise OSError(fault.code, os.strerror(fault.code), str(self.folder / operation.path))
        return len(operation.data)

    @contextmanager
    def watched(self) -> Iterator["Disk"]:
        """Stand in for the functions that programs call."""
        with pytest.MonkeyPatch.context() as patch:
            for owner, name, stand_in in self.stand_ins():
                patch.setattr(owner, name, stand_in(getattr(owner, name)))
            yield self

    def stand_ins(self) -> Iterator[tuple[Any, str, Callable[[Any], Any]]]:
        """What is replaced, and by what."""
        yield io, "open", lambda _: self.open
        yield builtins, "open", lambda _: self.open
        yield os, "open", self.low_open
        yield os, "fsync", self.sync
        for name in ("replace", "rename"):
            yield os, name, self.rename
        for name, kind in (
            ("unlink", "remove"),
            ("remove", "remove"),
            ("mkdir", "make folder"),
            ("rmdir", "remove folder"),
        ):
            yield os, name, lambda real, kind=kind: self.one(real, kind)
        for name in ("write", "link", "symlink", "truncate", "ftruncate", "pwrite", "sendfile"):
            yield os, name, self.unforeseen

    def open(
        self, path: Any, mode: str = "r", buffering: int = -1, *texts: Any, **text: Any
    ) -> Any:
        """`open`, whose files tell of each write."""
        name = None if isinstance(path, int) else self.inside(path)
        if name is None:
            return REAL_OPEN(path, mode, buffering, *texts, **text)
        if not set(mode) & set("wax+"):
            self.meet(Operation("read", name))
            return REAL_OPEN(path, mode, buffering, *texts, **text)
        raw = File(self, path, name, "".join(c for c in mode if c not in "bt"))
        if not buffering:
            return raw
        buffered: Any = (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw)
        if "b" in mode:
            return buffered
        wrapper: Any = io.TextIOWrapper(buffered, *texts, **text)
        wrapper.mode = mode
        return wrapper

    def low_open(self, real: Any) -> Any:
        """`os.open`: of folders, to sync them."""

        def call(path: Any, flags: int, *more: Any, **options: Any) -> int:
            name = self.inside(path)
            if name is not None:
                if flags & WRITING:
                    raise AssertionError(f"os.open writes {path}: this layer would not see it")
                self.meet(Operation("read", name))
            descriptor: int = real(path, flags, *more, **options)
            if name is not None:
                self.names[descriptor] = name
            return descriptor

        return call

    def sync(self, real: Any) -> Any:
        """`os.fsync`."""

        def call(descriptor: int) -> None:
            name = self.names.get(descriptor)
            if name is not None:
                kind = "sync folder" if (self.folder / name).is_dir() else "sync"
                self.meet(Operation(kind, name))
            real(descriptor)

        return call

    def rename(self, real: Any) -> Any:
        """`os.replace`."""

        def call(source: Any, target: Any, **options: Any) -> None:
            name, new = self.inside(source), self.inside(target)
            assert (name is None) == (new is None), f"{source} leaves the folder"
            if name is not None and new is not None:
                self.meet(Operation("rename", name, target=new))
            real(source, target, **options)

        return call

    def one(self, real: Any, kind: str) -> Any:
        """A function of one path."""

        def call(path: Any, *more: Any, **options: Any) -> None:
            name = self.inside(path)
            there = name is not None and os.path.lexists(path) != (kind == "make folder")
            if name is not None and there:
                self.meet(Operation(kind, name))
            elif self.gone:
                raise Ended
            real(path, *more, **options)

        return call

    def unforeseen(self, real: Any) -> Any:
        """A function that the program does not call on files: else this layer would have a gap."""

        def call(first: Any, *more: Any, **options: Any) -> Any:
            if self.inside(first) is not None:
                raise AssertionError(f"{real.__name__} of {first}: this layer would not see it")
            return real(first, *more, **options)

        return call


REAL_OPEN = io.open


class File(io.FileIO):
    """A file that is written, byte by byte as the disk sees it."""

    def __init__(self, disk: Disk, path: Any, name: str, mode: str) -> None:
        there = os.path.lexists(path)
        if not there and "r" not in mode:
            disk.meet(Operation("make", name))
        elif "w" in mode:
            disk.meet(Operation("cut", name))
        else:
            disk.meet(Operation("open", name))
        super().__init__(path, mode)
        self.disk, self.below, self.adds = disk, name, "a" in mode
        disk.names[self.fileno()] = name

    def write(self, data: Any) -> int:
        """As many bytes as the disk takes."""
        whole = bytes(data)
        at = os.fstat(self.fileno()).st_size if self.adds else self.tell()
        part = self.disk.meet(Operation("write", self.below, whole, at))
        done = super().write(whole[:part])
        if self.disk.gone:
            raise Ended
        return done

    def truncate(self, size: int | None = None) -> int:
        """Cut, if anything is there to cut."""
        wanted = self.tell() if size is None else size
        if wanted != os.fstat(self.fileno()).st_size:
            self.disk.meet(Operation("cut", self.below, at=wanted))
        return super().truncate(wanted)

    def close(self) -> None:
        """Forget its number, which another file may get."""
        if not self.closed:
            self.disk.names.pop(self.fileno(), None)
        super().close()


def suffers(operation: Operation, code: int) -> bool:
    """Whether an error that stays meets this operation too."""
    if code in FULL:
        return operation.grows
    return operation.kind not in ("read",) if code == errno.EROFS else True


def contents(folder: Path) -> dict[str, bytes | None]:
    """All that lies below a folder; None for folders."""
    found: dict[str, bytes | None] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_dir():
            found[name] = None
        else:
            with REAL_OPEN(path, "rb") as file:
                found[name] = file.read()
    return found


def lay(contents: dict[str, bytes | None], folder: Path) -> None:
    """Make a folder with these contents."""
    folder.mkdir(parents=True)
    for name, content in sorted(contents.items()):
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)
