"""What was to be reached, and whether it is: on CPUs (P) and on an H100 or H200 (G).

A goal is judged only from rows that were measured, on the device that it is about, with the
network that it is about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vitpos import catalogue

Row = Mapping[str, Any]
Parts = Mapping[str, Any]
EXTENSION = "amx_bf16"


class Unknown(Exception):
    """Why a goal cannot be judged."""


@dataclass(frozen=True)
class Goal:
    """A number to be reached."""

    id: str
    says: str
    device: str
    part: str
    wanted: float | int
    find: Callable[["Part"], float]
    least: bool = True  # at least so much; else at most


@dataclass(frozen=True)
class Part:
    """One part of a record, to be asked."""

    data: Mapping[str, Any]

    def table(self, start: str) -> Mapping[str, Any]:
        """The first table whose name begins so."""
        for table in self.data["tables"]:
            if table["table"].startswith(start):
                return table
        raise Unknown(f"no table {start}")

    def row(self, table: str, name: str) -> Row:
        """A row that was measured."""
        for row in self.table(table)["rows"]:
            if row["name"] == name:
                if row["state"] != "measured":
                    raise Unknown(f"{name}: {row['why'] or row['state']}")
                return row
        raise Unknown(f"no row {name}")

    def ratio(self, table: str, name: str) -> float:
        """To the reference, the median."""
        return number(self.row(table, name), "ratio")

    def seconds(self, table: str, name: str, clock: str = "") -> float:
        """Of a step, by the clock that ratios are by or another."""
        row = self.row(table, name)
        own = not clock or self.table(table)["clock"] == clock
        return number(row, "seconds" if own else f"{clock}_seconds")


def number(row: Row, key: str) -> float:
    """A median."""
    if key not in row:
        raise Unknown(f"{row['name']} has no {key}")
    return float(row[key]["median"])


def compared(table: str, name: str, other: str) -> Callable[[Part], float]:
    """How many times as fast as another row, neither of them the reference."""
    return lambda part: part.ratio(table, name) / part.ratio(table, other)


def worst(*, contextual: bool) -> Callable[[Part], float]:
    """The largest cost of those that were measured, of contextual embeddings or of the others."""

    def find(part: Part) -> float:
        wanted = of_family(contextual=contextual)
        found = [number(row, "ratio") for row in measured(part) if row["name"] in wanted]
        if not found:
            raise Unknown("none was measured")
        return max(found)

    return find


def of_family(*, contextual: bool) -> set[str]:
    """Names of the embeddings that look at content, or of all others but `none`."""
    entries = catalogue.entries("embedding")
    family = {e.name for e in entries if (e.facts.get("family") == "contextual") == contextual}
    return family - {"none"}


def measured(part: Part) -> list[Row]:
    """The rows of all tables that hold times."""
    rows = [row for table in part.data["tables"] for row in table["rows"]]
    return [row for row in rows if row["state"] == "measured"]


def embedding(name: str) -> Callable[[Part], float]:
    """The cost of one."""

    def find(part: Part) -> float:
        for table in part.data["tables"]:
            if any(row["name"] == name for row in table["rows"]):
                return part.ratio(table["table"], name)
        raise Unknown(f"no row {name}")

    return find


def share(name: str, precision: str) -> Callable[[Part], float]:
    """Of the speed of a matrix product in the step's own precision."""

    def find(part: Part) -> float:
        row = part.row("step, cifar", name)
        if row.get("precision") != precision:
            raise Unknown(f"this machine does not choose {precision}")
        found = number(row, f"of_{precision}_ceiling")
        if found > 1:
            raise Unknown(f"{found:.0%} cannot be: the probe was disturbed")
        return found

    return find


def small_share(part: Part) -> float:
    """Of a step, that goes into the assembly of its batch."""
    return part.seconds("assembly", "vitpos") / part.seconds("peers, cifar, batch 128", "vitpos")


def warm_share(part: Part) -> float:
    """Of the time to the first step with nothing compiled, what a later process waits."""
    facts = part.table("compile, cifar")["facts"]
    if "first_step_warm_seconds" not in facts:
        raise Unknown(facts.get("why", "the first steps were not timed"))
    return float(facts["first_step_warm_seconds"] / facts["first_step_cold_seconds"])


def lasting_share(part: Part) -> float:
    """Of a whole run, that goes into what shall survive a crash."""
    return number(part.row("run, durable", "vitpos"), "lasting_share")


SMALL, LARGE = "peers, cifar, batch 128", "peers, cifar, batch 1024"
EPOCH, MICRO = "epoch of MNIST", "lanes, micro"
GOALS = (
    Goal("P1", "step against the usual script, batch 128", "cpu", "peers", 2.2,
         lambda p: p.ratio(SMALL, "vitpos")),
    Goal("P1", "step against the usual script, batch 1024", "cpu", "peers", 3.0,
         lambda p: p.ratio(LARGE, "vitpos")),
    Goal("P2", "share of the bf16 matrix product's speed", "cpu", "step", 0.35,
         share("vitpos", "bf16")),
    Goal("P2", "share of the fp32 matrix product's speed, in fp32", "cpu", "step", 0.60,
         share("vitpos, fp32", "fp32")),
    Goal("P3", "step against our own in fp32", "cpu", "step", 1.8,
         lambda p: 1 / p.ratio("step, cifar", "vitpos, fp32")),
    Goal("P4", "assembly of a batch against pictures one by one", "cpu", "peers", 12.0,
         lambda p: p.ratio("assembly", "vitpos")),
    Goal("P4", "assembly of a batch as a share of a step", "cpu", "peers", 0.02,
         small_share, False),
    Goal("P5", "epoch of MNIST, whole process, against the usual script", "cpu", "startup", 1.6,
         lambda p: p.ratio(EPOCH, "vitpos")),
    Goal("P5", "eight seeds against as many usual scripts", "cpu", "sweep", 3.0,
         lambda p: p.ratio("eight seeds", "vitpos sweep")),
    Goal("P6", "CPU seconds of vitpos --help", "cpu", "startup", 0.3,
         lambda p: p.seconds("start", "vitpos --help", "cpu"), False),
    Goal("P7", "eight lanes against one run after the other, batch 256", "cpu", "lanes", 1.2,
         lambda p: p.ratio(f"{MICRO}, batch 256", "eight lanes")),
    Goal("P7", "eight lanes against one run after the other, batch 64", "cpu", "lanes", 1.6,
         lambda p: p.ratio(f"{MICRO}, batch 64", "eight lanes")),
    Goal("P8", "cost of learned1d against none", "cpu", "embeddings", 1.03,
         embedding("learned1d"), False),
    Goal("P8", "cost of swin_rpb against none", "cpu", "embeddings", 1.07,
         embedding("swin_rpb"), False),
    Goal("P8", "cost of rope2d against none", "cpu", "embeddings", 1.18,
         embedding("rope2d"), False),
    Goal("P8", "cost of shaw against none", "cpu", "embeddings", 1.20, embedding("shaw"), False),
    Goal("P9", "first step from the cache, of one that compiles", "cpu", "compile", 0.10,
         warm_share, False),
    Goal("P10", "share of a default run that goes into what must last", "cpu", "reliability", 0.01,
         lasting_share, False),
    Goal("P11", "a deterministic step against another", "cpu", "reliability", 1.02,
         lambda p: p.ratio("deterministic", "vitpos"), False),
    Goal("G1", "seconds of an epoch of 50,000 images", "cuda", "step", 0.33,
         lambda p: p.seconds("epoch of 50,000", "vitpos"), False),
    Goal("G2", "step against timm with AMP on resident data, batch 128", "cuda", "peers", 4.0,
         compared(SMALL, "vitpos", "timm, resident, AMP")),
    Goal("G2", "step against the usual script, batch 128", "cuda", "peers", 8.0,
         lambda p: p.ratio(SMALL, "vitpos")),
    Goal("G3", "the costliest embedding against none", "cuda", "embeddings", 1.05,
         worst(contextual=False), False),
    Goal("G3", "the costliest contextual embedding against none", "cuda", "embeddings", 1.10,
         worst(contextual=True), False),
    Goal("G4", "eight lanes against one run after the other", "cuda", "lanes", 5.0,
         lambda p: p.ratio(MICRO, "eight lanes")),
    Goal("G4", "eight lanes against eager runs one after the other", "cuda", "lanes", 20.0,
         compared(MICRO, "eight lanes", "one run, eager")),
    Goal("G5", "share of a default run that goes into what must last", "cuda", "reliability", 0.01,
         lasting_share, False),
    Goal("G6", "a deterministic step against another", "cuda", "reliability", 1.10,
         lambda p: p.ratio("deterministic", "vitpos"), False),
)  # fmt: skip


def judge(parts: Parts) -> list[dict[str, Any]]:
    """Each goal: what was found and whether it is reached; null with the reason if unknown."""
    return [judged(goal, parts) for goal in GOALS]


def judged(goal: Goal, parts: Parts) -> dict[str, Any]:
    """One of them."""
    told: dict[str, Any] = {
        "id": goal.id,
        "says": goal.says,
        "part": goal.part,
        "wanted": goal.wanted,
        "least": goal.least,
        "found": None,
        "reached": None,
        "why": "",
    }
    try:
        found = goal.find(asked(goal, parts))
    except Unknown as error:
        return told | {"why": str(error)}
    reached = found >= goal.wanted if goal.least else found <= goal.wanted
    why = remark(goal, parts, reached)
    unsure = reached and why.startswith("only")
    return told | {"found": found, "reached": None if unsure else reached, "why": why}


def asked(goal: Goal, parts: Parts) -> Part:
    """The part that tells, if it was measured where the goal is."""
    part = parts.get(goal.part)
    devices = {p["circumstances"]["device"] for p in parts.values()}
    if part is None:
        if devices and goal.device not in devices:
            raise Unknown("needs a GPU" if goal.device == "cuda" else "is about CPUs")
        raise Unknown(f"not measured: vitpos bench {goal.part}")
    if part["circumstances"]["device"] != goal.device:
        raise Unknown("needs a GPU" if goal.device == "cuda" else "is about CPUs")
    if part["asked"]["words"]:
        raise Unknown("another network was asked for")
    return Part(part)


def remark(goal: Goal, parts: Parts, reached: bool) -> str:
    """What must be known to read it."""
    part = Part(parts[goal.part])
    if goal.id == "G3":
        names = of_family(contextual="contextual" in goal.says)
        known = {row["name"] for row in measured(part)} & names
        return f"only {len(known)} of {len(names)} measured" if known != names else ""
    has = EXTENSION in part.data["circumstances"]["extensions"]
    if goal.id in ("P1", "P3") and not reached and not has:
        return "the goal is for CPUs with bf16 matrix units, which this one lacks"
    return ""
