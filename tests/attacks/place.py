"""Where attacks happen: a home, a working folder, and in it what a stranger sent."""

import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from attacks.oracle import Ears, listening
from vitpos import seals

SECRET = "hunter2-of-the-environment"
MINE = "mine, and to stay so"
ENV = "ATTACKED_SECRET"
LARGEST = 2**27  # bytes of a file that was written, and not only made to look large
PAYLOAD = "import pathlib\npathlib.Path('effect').write_text('ran')\n"


class Said(NamedTuple):
    """How a command ended, and what it cost."""

    code: int
    out: str
    err: str
    seconds: float  # of the processor
    megabytes: float  # more than there ever were before


@dataclass
class Place:
    """Folders around a received run, and who types there."""

    top: Path
    template: Path  # a finished run
    call: Callable[..., tuple[int, str, str]]
    ears: list[Ears] = field(default_factory=list)

    def __post_init__(self) -> None:
        for path in (self.cwd, self.home, self.outside):
            path.mkdir(parents=True)
        for path in (self.cwd / "sentinel", self.home / ".bashrc", self.outside / "sentinel"):
            path.write_text(MINE)
        (self.outside / "folder").mkdir()
        (self.outside / "folder/step-00000001.safetensors").write_text(MINE)
        (self.outside / "folder/.x.tmp").write_text(MINE)
        (self.cwd / "payload.py").write_text(PAYLOAD)
        self.run.parent.mkdir(parents=True)
        shutil.copytree(self.template, self.run)

    @property
    def cwd(self) -> Path:
        """Where one types."""
        return self.top / "cwd"

    @property
    def home(self) -> Path:
        """Of the user."""
        return self.top / "home"

    @property
    def outside(self) -> Path:
        """Files that have nothing to do with it."""
        return self.top / "outside"

    @property
    def received(self) -> Path:
        """What a stranger sent: everything in it may change."""
        return self.cwd / "received"

    @property
    def run(self) -> Path:
        """A run in it."""
        return self.received / self.template.parent.name / self.template.name

    def config(self, *changes: tuple[str, str], more: str = "") -> None:
        """Change the received config."""
        path = self.run / "config.yaml"
        text = seals.text_of_yaml(path.read_text())
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path.write_bytes(seals.yaml(text + more))

    def record(self, **facts: Any) -> dict[str, Any]:
        """Change the received record; what it was."""
        path = self.run / "record.json"
        before = seals.read_document(path.read_bytes())
        path.write_bytes(seals.document(before | facts))
        return before

    def unfinished(self) -> None:
        """Let the run be one that can go on, from its checkpoint before the last."""
        (self.run / "summary.json").unlink()
        self.record(status="interrupted")

    def around(self) -> dict[str, tuple[int, str | bytes]]:
        """All that is not the stranger's: kind, permissions and content."""
        found = {}
        for path in walk(self.top, {self.received, self.top / "cache"}):
            facts = path.lstat()
            kind = facts.st_mode
            content: str | bytes = ""
            if stat.S_ISLNK(kind):
                content = str(path.readlink())
            elif stat.S_ISREG(kind):
                content = path.read_bytes()
            found[str(path)] = (kind, content)
        return found

    def type(self, words: Sequence[str | Path]) -> Said:
        """Type `vitpos ...` and listen."""
        before = peak(forget=True)
        began = time.process_time()
        with listening(self.received, self.top / "cache") as ears:
            code, out, err = self.call(*map(str, words))
        seconds = time.process_time() - began
        self.ears.append(ears)
        return Said(code, out, err, seconds, peak() - before)

    def written(self) -> str:
        """All pages and reports, without the code in Markdown's fences."""
        files = [p for end in ("html", "md") for p in sorted(self.received.rglob(f"*.{end}"))]
        text = "\n".join(path.read_text() for path in files)
        return re.sub(r"^(`{3,})\w*\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)

    def leaks(self) -> Iterable[Path]:
        """Files that hold a value of the environment."""
        for path in walk(self.top, set()):
            facts = path.lstat()
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > LARGEST:
                continue
            if SECRET.encode() in path.read_bytes():
                yield path


def peak(*, forget: bool = False) -> float:
    """The most megabytes that this process had; those of now, if the past is to be forgotten."""
    if forget:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def walk(top: Path, without: set[Path]) -> Iterable[Path]:
    """Everything below, links not followed."""
    for entry in sorted(os.scandir(top), key=lambda entry: entry.name):
        path = Path(entry.path)
        if path in without:
            continue
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from walk(path, without)


@dataclass(frozen=True)
class Attack:
    """What is prepared, what is typed then, and how each of these ends."""

    prepare: Callable[[Place], None]
    words: Sequence[Sequence[str]]  # RUN and RECEIVED stand for their paths
    codes: Sequence[int] = (4,)
    says: Sequence[str] = ()  # all of these in what one of the commands says
    limited: bool = True  # to a second and 200 MB; not where a network is trained
    unsaid: Sequence[str] = ()


def typed(place: Place, words: Sequence[str]) -> list[str]:
    """The words with paths in them."""
    known = {"RUN": place.run, "RECEIVED": place.received, "STUDY": place.run.parent}
    found = []
    for word in words:
        text = word
        for name, path in known.items():
            text = text.replace(name, str(path))
        found.append(text)
    return found
