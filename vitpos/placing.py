"""Where each run stands in TensorBoard: `study/arm/seed`, so that seeds lie and colour together.

Names come from folders and records that anybody may have written; here they become names of folders
that stay where they are put.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vitpos import records
from vitpos.records import Record

LONGEST = 80  # bytes of a name
FORBIDDEN = re.compile(r"[^\w .,+=@()-]")


@dataclass(frozen=True)
class Group:
    """The runs of one arm that lie in one study: a row of the HPARAMS table."""

    study: str
    arm: str
    runs: tuple[Record, ...]

    @property
    def name(self) -> str:
        """Of its row, and of its folder."""
        return f"{self.study}/{self.arm}"

    @property
    def finished(self) -> tuple[Record, ...]:
        """The runs that count: of each seed the latest that is finished."""
        done = sorted(
            (run for run in self.runs if run.status == "finished"),
            key=lambda run: (run.created, str(run.path)),
        )
        return tuple({run.path if run.seed is None else run.seed: run for run in done}.values())


def groups(runs: Iterable[Record]) -> list[Group]:
    """The runs by study and arm; two arms of one name are told apart by their identity."""
    found: dict[tuple[str, str, str], list[Record]] = {}
    for run in runs:
        study = safe(run.path.resolve().parent.name)
        found.setdefault((study, safe(run.arm), records.arm_identity(run)), []).append(run)
    names = Counter(key[:2] for key in found)
    return [
        Group(study, arm if names[study, arm] == 1 else f"{arm} {identity[:8]}", tuple(own))
        for (study, arm, identity), own in found.items()
    ]


def seed(run: Record) -> str:
    """The name of a run beside others of its arm."""
    return safe(run.path.name) if run.seed is None else f"s{run.seed:02}"


def safe(name: str) -> str:
    """A name of a folder, neither hidden nor long; if it had to change, with a digest."""
    tame = FORBIDDEN.sub("_", name).strip(" .") or "_"
    short = tame.encode()[:LONGEST].decode(errors="ignore")
    if short == name:
        return name
    return f"{short}~{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:6]}"


def free(place: Path) -> Path:
    """A name that is not taken: runs of two places may be called the same."""
    number, first = 1, place
    while place.is_symlink() or place.exists():
        number += 1
        place = first.with_name(f"{first.name}-{number}")
    return place
