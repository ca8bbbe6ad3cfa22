"""Which test images a run has right, as it wrote them down."""

import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from vitpos.records import Record, part

LARGEST = 2**26  # bytes of a file: a test set of millions of images
MOST_RUNS = 2000  # more take longer to read than a table may
DAMAGED = (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error)


class Examples:
    """For each arm and seed the test images that are right; None where that is not known.

    Left out, each with a note: files that are not there or damaged, such that contradict the
    accuracy of their run, and test sets that are not the same for all arms.
    """

    def __init__(self, arms: Mapping[str, Mapping[int, Record]]) -> None:
        self.arms, self.notes = arms, list[str]()
        self.known: dict[tuple[str, int], np.ndarray | None] = {}
        self.odd: list[str] = []

    def of(self, arm: str, seed: int) -> np.ndarray | None:
        """Those of one run."""
        if (arm, seed) not in self.known:
            run = self.arms[arm][seed]
            found = correct(run.path / "predictions.npz")
            if found is None or not agrees(found, run):
                self.odd.append(run.path.name)
                found = None
            self.known[arm, seed] = found
        return self.known[arm, seed]

    def told(self) -> tuple[str, ...]:
        """What is to be said about what is left out."""
        if not self.odd:
            return ()
        more = f" and {len(self.odd) - 3} more" if len(self.odd) > 3 else ""
        return (
            "no interval for new images where predictions.npz is not there or not of the run's"
            f" accuracy: {', '.join(self.odd[:3])}{more}",
        )


Images = Callable[[str, int], np.ndarray | None]


def images(
    arms: Mapping[str, Mapping[int, Record]], groups: Sequence[Sequence[str]]
) -> tuple[Images | None, Examples | None]:
    """What `statistics.family` asks, for arms that in each group were tested on the same images."""
    if sum(map(len, arms.values())) > MOST_RUNS:
        return None, None
    examples = Examples(arms)
    alike = {arm for group in groups if len(tested(arms, group)) == 1 for arm in group}
    return (lambda arm, seed: examples.of(arm, seed) if arm in alike else None), examples


def tested(arms: Mapping[str, Mapping[int, Record]], group: Sequence[str]) -> set[tuple[str, ...]]:
    """The test sets of some arms: the digest of the data, and how many images."""
    data = (part(run.record, "data") for arm in group for run in arms[arm].values())
    return {(str(d.get("name")), str(d.get("digest")), str(d.get("test"))) for d in data}


def correct(path: Path) -> np.ndarray | None:
    """A truth value for each test image; None if the file is not as a run writes it."""
    try:
        if path.stat().st_size > LARGEST:
            return None
        with np.load(path, allow_pickle=False) as file:
            bits, count = file["correct"], len(file["labels"])
        if bits.dtype != np.uint8 or bits.ndim != 1 or len(bits) != (count + 7) // 8:
            return None
        return np.unpackbits(bits, count=count).astype(bool)
    except DAMAGED:
        return None


def agrees(found: np.ndarray, run: Record) -> bool:
    """Whether these are as many images as the run was tested on, and give its accuracy."""
    said, count = run.number("test/accuracy"), part(run.record, "data").get("test")
    if said is None or count != found.size or not found.size:
        return False
    return abs(float(found.mean()) - said) < 0.5 / found.size
