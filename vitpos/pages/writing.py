"""`vitpos report`: from folders of runs to pages."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vitpos import __version__, ranks
from vitpos.comparing import reporting
from vitpos.data.samples import Report
from vitpos.durable import disk_errors, make_folder, write
from vitpos.errors import BadData, BadInput, BadRun, UserError
from vitpos.memory import resources
from vitpos.pages import explorer, gathering, ladder, live
from vitpos.pages.cards.card import PARTS, card
from vitpos.pages.cards.words import kinds
from vitpos.pages.gathering import Gathered, Shown
from vitpos.pages.opened import Opened, opened
from vitpos.pages.payload import Packed
from vitpos.pages.sharing import Frames, frame
from vitpos.pictures import CIVIDIS, PUOR, Palette
from vitpos.probes.pace import Pace
from vitpos.probes.running import Note
from vitpos.runs import present
from vitpos.signals import Stop

PAGES = {  # and the names of their files
    "report": "report.html",
    "explorer": "explorer.html",
    "appendix": "report.md",
}
USUAL = ("report", "explorer")
FORMAT = 1
MEGA = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What may be asked of pages, as it is typed."""

    only: str | None = None  # pages, with commas between them
    output: Path | None = None  # a folder
    max_mb: float = 3.0
    images: int = 2
    live: bool = False  # whether a network itself is in the explorer
    live_arm: str | None = None  # whose; needed if there are several arms
    allow: Sequence[str] = ()

    @property
    def pages(self) -> tuple[str, ...]:
        """Those that are wanted; raises `BadInput` for one that there is not."""
        if self.only is None:
            return USUAL
        names = [name.strip() for name in self.only.split(",") if name.strip()]
        for name in names:
            if name not in PAGES:
                near = get_close_matches(name, PAGES, n=1)
                hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(PAGES)}"
                raise BadInput(f"--only {name}: there is no such page", hint)
        if not names:
            raise BadInput("--only: no page", f"one of {', '.join(PAGES)}")
        return tuple(dict.fromkeys(names))

    def check(self) -> None:
        """Raise `BadInput` for numbers that make no page."""
        if not 0 < self.max_mb <= 1000:
            raise BadInput(f"--max-mb {self.max_mb:g}: must be above 0 and at most 1000")
        if not 1 <= self.images <= 20:
            raise BadInput(f"--images {self.images}: must be 1 to 20")

    def alive(self, labels: Sequence[str]) -> str | None:
        """The arm whose network is in the explorer, if any; `BadInput` if it cannot be told."""
        if not self.live and self.live_arm is None:
            return None
        if "explorer" not in self.pages:
            raise BadInput("--live: networks run in explorer.html, which is not asked for")
        if self.live_arm is None and len(labels) > 1:
            hint = f"--live-arm {labels[0]}"
            raise BadInput(f"--live: a page has room for one network of {len(labels)}", hint)
        if self.live_arm not in (None, *labels):
            near = get_close_matches(str(self.live_arm), labels, n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(labels)}"
            raise BadInput(f"--live-arm {self.live_arm}: there is no such arm", hint)
        return self.live_arm or labels[0]


@dataclass
class Cards:
    """All that pages show: the comparison, what runs look at, and a card for each arm."""

    gathered: Gathered
    title: str
    frames: list[dict[str, Any]] = field(default_factory=list)
    arms: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    network: bytes | None = None  # of the arm that is live


def pages(paths: Sequence[Path], asked: Asked, report: Report, note: Note) -> list[Path]:
    """Write the pages that are wanted; where they are.

    Raises as `vitpos compare` does, `NoResources` for a folder that cannot be written, and `BadRun`
    if no run is finished and whole. Runs are only read.
    """
    ranks.alone("`vitpos report`")
    wanted = asked.pages
    asked.check()
    for path in paths:
        present(path)
    folder = asked.output or gathering.folder(paths)
    if wanted != ("appendix",):
        gathered = gathering.gather(paths, asked.allow)
        writable(folder, folder / PAGES[wanted[0]], make=asked.output is not None)
        found = cards(gathered, gathering.title(paths), asked, report, note)
        written(found, asked, folder, wanted)
    if "appendix" in wanted:
        with disk_errors(folder):
            make_folder(folder)
        reporting.write_report(paths, asked.allow, folder / PAGES["appendix"])
    return [folder / PAGES[name] for name in wanted]


def written(found: Cards, asked: Asked, folder: Path, wanted: Sequence[str]) -> None:
    """The pages that are made of cards."""
    if "report" in wanted:
        from vitpos.pages import report as printed  # loads what draws charts

        path = folder / PAGES["report"]
        shown = found.gathered.answer, found.arms, path
        printed.write(*shown, title=found.title, left_out=found.left_out)
    if "explorer" in wanted:
        write(folder / PAGES["explorer"], explored(found, asked).encode())


def writable(folder: Path, file: Path, *, make: bool) -> None:
    """Raise `NoResources` now rather than when all is measured; `make` the folder if need be."""
    with disk_errors(file):
        if make:
            make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass


def cards(gathered: Gathered, title: str, asked: Asked, report: Report, note: Note) -> Cards:
    """Look at one run of each arm; raises `BadRun` if none can be looked at."""
    found = Cards(gathered, title, left_out=list(gathered.left_out))
    pace = Pace(len(gathered.arms) * len(PARTS), report, "pages")
    frames, troubles = Frames(), list[UserError]()
    alive = asked.alive([arm.row.label for arm in gathered.arms])
    most = int(asked.max_mb * MEGA) * ladder.ROOM // len(gathered.arms)
    with Stop():
        for arm in gathered.arms:
            one = first_whole(arm, asked.images, report, note, troubles)
            if one is None:
                found.left_out.append(f"{arm.row.label}: {troubles[-1].message}")
                pace.skip(PARTS)
                continue
            with resources(one.run):
                number = frames.add(frame(one))
                label, metric = arm.row.label, gathered.answer.metric
                own = partial(pace.of, run=label)
                made = card(arm, one, metric, number, most, own)
                if label == alive:
                    network = live.export(one.subject, one.classes, one.chosen)
                    made["live"], found.network = network.meta, network.blob
                found.arms.append(made)
    if not found.arms:
        raise troubles[0]
    found.frames = frames.found
    found.arms.sort(key=in_order)
    return found


def first_whole(
    arm: Shown, images: int, report: Report, note: Note, troubles: list[UserError]
) -> Opened | None:
    """The run of the lowest seed that can be read; None if none can."""
    for run in arm.runs:
        try:
            return opened(run, images, report, note)
        except (BadRun, BadData, BadInput) as error:
            troubles.append(error)
            note(f"left out: {run.path.name}: {error.message}")
        except FileNotFoundError as error:
            troubles.append(BadRun(f"{error.filename} is not there"))
            note(f"left out: {run.path.name}: {troubles[-1].message}")
    return None


def in_order(made: dict[str, Any]) -> tuple[int, str, str]:
    """Kinds in the order of `words.yaml`, then by name."""
    known, kind = kinds(), made["kind"]
    return known.index(kind) if kind in known else len(known), kind, made["name"]


def explored(found: Cards, asked: Asked) -> str:
    """`explorer.html` as text."""
    budget = int(asked.max_mb * MEGA)
    facts = {
        "format": FORMAT,
        "title": found.title,
        "made_by": f"vitpos {__version__}",
        "left_out": found.left_out,
        "budget": budget,
        "palettes": {"cividis": colours(CIVIDIS, 256), "PuOr": colours(PUOR, 255)},
        "frames": found.frames,
        "arms": found.arms,
    }
    around = len(explorer.page(found.title, Packed({})).encode())
    _, packed = ladder.fitted(facts, budget, around)
    return explorer.page(found.title, packed, found.network)


def colours(palette: Palette, count: int) -> str:
    """So many colours from one end to the other, six hexadecimal digits each."""
    return palette.paint(np.linspace(0.0, 1.0, count), 0.0, 1.0).tobytes().hex()
