"""Our strategies beside the packages of others, asked here and now."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from vitpos import catalogue
from vitpos.oracles.base import Oracle, known
from vitpos.words import seconds_words

Report = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Row:
    """What came of one oracle."""

    embedding: str
    package: str
    version: str | None  # of the package; None: it is not installed
    reference: str
    cases: int
    compared: list[str]
    error: float | None  # the worst relative one
    verdict: str  # ok, differs, failed, not installed
    note: str = ""

    @property
    def bad(self) -> bool:
        """Whether it was asked and does not agree."""
        return self.verdict in ("differs", "failed")


def named(words: Sequence[str]) -> list[str]:
    """Names of strategies, however they are typed: `rope2d`, `embedding=peg+rope2d`."""
    together = [word.removeprefix("embedding=").lower() for word in words]
    return list(dict.fromkeys(name for word in together for name in word.split("+")))


def verify(names: Sequence[str], report: Report) -> list[Row]:
    """A row for each oracle of these strategies, or of all; `BadInput` for an unknown name."""
    for name in names:
        catalogue.file_of(name)
    oracles = [oracle for oracle in known() if not names or oracle.embedding in names]
    total, started = sum(len(oracle.cases) for oracle in oracles), time.monotonic()
    rows, done = [], 0
    for oracle in oracles:
        spent = time.monotonic() - started
        left = f", {seconds_words(spent / done * (total - done))} left" if done else ""
        report(done, total, f"{oracle.embedding} beside {oracle.package}{left}")
        rows.append(asked(oracle, installed(oracle.package)))
        done += len(oracle.cases)
    return rows


def unverified(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """What is said of strategies that were named and have no package to be compared with."""
    seen = {row.embedding for row in rows}
    told = "no package to compare it with; {}".format
    facts = {name: catalogue.entry(name).facts.get("verified", "") for name in names}
    return [f"{name}: {told(facts[name])}".rstrip("; ") for name in names if name not in seen]


def installed(package: str) -> str | None:
    """The version of a package that is installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def asked(oracle: Oracle, found: str | None) -> Row:
    """Ask one oracle all its cases."""
    row = Row(oracle.embedding, oracle.package, found, oracle.reference, 0, [], None, "")
    if found is None:
        how = f"pip install {oracle.package}"
        return Row(**asdict(row) | {"verdict": "not installed", "note": how})
    compared: dict[str, None] = {}
    worst, differing = 0.0, set()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for answer in answers(oracle):
                compared[answer.what] = None
                worst = worst if answer.error <= worst else answer.error  # NaN too
                if not answer.error <= answer.limit:
                    differing.add(answer.what)
    except Exception as error:
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return Row(**asdict(row) | {"verdict": "failed", "note": what})
    facts = {"cases": len(oracle.cases), "compared": list(compared), "error": worst}
    verdict = "differs" if differing or not compared else "ok"
    return Row(**asdict(row) | facts | {"verdict": verdict, "note": ", ".join(sorted(differing))})


def answers(oracle: Oracle) -> Iterator[Any]:
    """All that is compared."""
    for case in oracle.cases:
        yield from oracle.ask(case)


def lines(rows: Sequence[Row], width: int) -> list[str]:
    """A line for each, and below it what was compared if there is room."""
    if not rows:
        return []
    cells = [
        (
            row.embedding,
            row.reference,
            f"{row.package} {row.version or ''}".strip(),
            str(row.cases),
            "" if row.error is None else f"{row.error:.1e}",
            f"{row.verdict}: {row.note}" if row.note else row.verdict,
        )
        for row in rows
    ]
    titles = ("embedding", "reference", "package", "cases", "worst error", "verdict")
    table = [titles, *cells]
    if sum(max(map(len, column)) + 2 for column in zip(*table, strict=True)) > width:
        table = [(line[0], line[1].rpartition(".")[2], *line[2:]) for line in table]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(f"{cell:{size}}" for cell, size in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]


def plain(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For programs."""
    return [asdict(row) for row in rows]
