"""Which test images a run has right, as it wrote them down."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from vitpos import arrays
from vitpos.comparing.circumstances import task
from vitpos.comparing.pairing import Compared
from vitpos.errors import BadRun
from vitpos.records import Record, part

MOST_RUNS = 2000  # more take longer to read than a table may


class Examples:
    """For each arm and seed the test images that are right; None where that is not known.

    Left out, with a note: files that are not there or damaged, and such that contradict the
    accuracy of their run. `alike` are the arms that share their test images with their baseline.
    """

    def __init__(self, known: Compared, alike: Collection[str]) -> None:
        self.runs = {arm.key: arm.runs for arm in known.arms if arm.key in alike}
        self.known: dict[tuple[str, int], np.ndarray | None] = {}
        self.odd: list[str] = []

    def of(self, arm: str, seed: int) -> np.ndarray | None:
        """Those of one run."""
        if arm not in self.runs:
            return None
        if (arm, seed) not in self.known:
            run = self.runs[arm][seed]
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
            "no interval for new images where predictions.npz is not there, damaged or not of the"
            f" accuracy of its run: {', '.join(self.odd[:3])}{more}",
        )


def images(known: Compared) -> Examples | None:
    """What `statistics.family` asks; None for more runs than a table has time for."""
    against, runs = known.matches.against, {arm.key: known.used(arm) for arm in known.arms}
    if sum(len(runs[key]) for key in {*against, *against.values()}) > MOST_RUNS:
        return None
    alike = set[str]()
    for arm, baseline in against.items():
        sets = {tested(run) for run in (*runs[arm], *runs[baseline])}
        alike |= {arm, baseline} if len(sets) == 1 else set()
    return Examples(known, alike)


def tested(run: Record) -> tuple[str, ...]:
    """Its test set: the name and digest of the data, how many images, what is asked of them."""
    data = part(run.record, "data")
    return (*(str(data.get(name)) for name in ("name", "digest", "test")), task(run))


def correct(path: Path) -> np.ndarray | None:
    """A truth value for each test image; None if the file is not as a run writes it."""
    try:
        found = arrays.read(path)
        bits, count = found["correct"], len(found["labels"])
    except (BadRun, KeyError, TypeError):  # TypeError: of a single number
        return None
    if bits.dtype != np.uint8 or bits.ndim != 1 or len(bits) != (count + 7) // 8:
        return None
    return np.unpackbits(bits, count=count).astype(bool)


def agrees(found: np.ndarray, run: Record) -> bool:
    """Whether these are as many images as the run was tested on, and give its accuracy."""
    said, count = run.number("test/accuracy"), part(run.record, "data").get("test")
    if said is None or count != found.size or not found.size:
        return False
    return abs(float(found.mean()) - said) < 0.5 / found.size
