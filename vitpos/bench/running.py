"""The parts of a bench, one after the other, within the time there is; each kept as it ends."""

import importlib
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from vitpos.bench import goals, record
from vitpos.bench.asked import Asked, Bench, Missing
from vitpos.bench.budget import Budget
from vitpos.bench.circumstances import circumstances, load
from vitpos.bench.composing import lacking
from vitpos.bench.record import Record
from vitpos.errors import BadInput, UserError
from vitpos.words import seconds_words


class Part(NamedTuple):
    """Which module it is, and how much of the time it gets."""

    module: str
    weight: float | int
    in_all: bool = True


PARTS = {
    "step": Part("step", 80),
    "peers": Part("peers", 130),
    "kernels": Part("kernels", 50),
    "lanes": Part("lanes", 40),
    "startup": Part("startup", 150),
    "compare": Part("folders", 55),
    "embeddings": Part("embeddings", 160),  # last: it takes what others leave
    "sweep": Part("sweeps", 300, in_all=False),
    "compile": Part("compiling", 200, in_all=False),
    "tensorboard": Part("boards", 120, in_all=False),
    "reliability": Part("reliability", 600, in_all=False),
}
SECONDS = {"cuda": 450.0}  # of `all`: under eight minutes, with what comes before and after
PATIENTLY, QUICKLY = 900.0, 120.0  # elsewhere; if it is to be quick


@runtime_checkable
class Show(Protocol):
    """Whoever watches."""

    def say(self, text: str) -> None:
        """What is being done."""

    def note(self, text: str) -> None:
        """What should be known."""

    def done(self, name: str, part: dict[str, Any]) -> None:
        """A part is over."""


def chosen(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The parts that are named, and the overrides; ``all`` and nothing are those of `all`."""
    overrides = [word for word in words if "=" in word]
    names = [word for word in words if "=" not in word]
    unknown = [name for name in names if name not in (*PARTS, "all")]
    if unknown:
        raise BadInput(f"bench: there is no part {unknown[0]}", f"all, {', '.join(PARTS)}")
    every = [name for name, part in PARTS.items() if part.in_all]
    if not names or "all" in names:
        names = [*every, *(n for n in names if n != "all" and n not in every)]
    return list(dict.fromkeys(names)), overrides


def bench(
    names: Sequence[str],
    asked: Asked,
    show: Show,
    *,
    seconds: float | int | None = None,
    path: Path | None = None,
    clock: Callable[[], float | int] = time.monotonic,
) -> Record:
    """Do these parts; what they found is in `path` and in the cache while they go on."""
    device = Bench(asked=asked).device.type
    if seconds is None and len(names) > 1:
        seconds = QUICKLY if asked.quick else SECONDS.get(device, PATIENTLY)
    found = record.begun(path)
    budget = Budget(seconds, {name: PARTS[name].weight for name in names}, clock)
    command = "vitpos bench " + shlex.join([*names, *options(asked), *asked.words])
    own = record.new(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()), device)
    if lacking():
        show.note(lacking())
    for number, name in enumerate(names):

        def say(text: str, name: str = name, number: int = number) -> None:
            rest = budget.left()
            most = f", at most {seconds_words(max(0.0, rest))} more" if seconds else ""
            show.say(f"{name} ({number + 1} of {len(names)}){most}: {text}")

        def keep(part: dict[str, Any], name: str = name) -> None:
            found["parts"][name] = part
            found["goals"] = goals.judge(found["parts"])
            record.save(found, path, own)

        maker = Bench(asked=asked, left=budget.begin(name), say=say)
        part = perform(name, maker, command, keep)
        show.done(name, part)
    return found


def perform(
    name: str, maker: Bench, command: str, keep: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    """One part, kept after each of its tables. What goes wrong in it is written down."""
    began = time.monotonic()
    asked = maker.asked
    part: dict[str, Any] = {
        "state": "under way",
        "why": "",
        "asked": {"words": list(asked.words), "quick": asked.quick, "rounds": maker.rounds},
        "circumstances": circumstances(maker.device, command),
        "load_before": load(),
        "tables": [],
    }
    state, why = "done", ""
    try:
        module = importlib.import_module(f"vitpos.bench.{PARTS[name].module}")
        for table in module.tables(maker):
            part["tables"].append(table)
            keep(part)
    except Missing as error:
        state, why = "missing", str(error)
    except UserError as error:
        state, why = "failed", error.message
    except (ImportError, RuntimeError, OSError, ValueError, TypeError, MemoryError) as error:
        said = (str(error).splitlines() or [""])[0]
        state, why = "failed", f"{type(error).__name__}: {said}"
    seconds = round(time.monotonic() - began, 2)
    part |= {"state": state, "why": why, "load_after": load(), "seconds": seconds}
    keep(part)
    return part


def options(asked: Asked) -> list[str]:
    """The options as they were typed."""
    found = [f"--device={asked.device}"] if asked.device != "auto" else []
    found += [f"--threads={asked.threads}"] if asked.threads else []
    found += [f"--clock={asked.clock}"] if asked.clock != "auto" else []
    found += [f"--rounds={asked.rounds}"] if asked.rounds else []
    return found + ["--quick"] * asked.quick + ["--force"] * asked.force


def is_sure(found: Record, names: Sequence[str]) -> bool:
    """Whether nothing of these parts was refused, and none broke."""
    parts = [found["parts"][name] for name in names]
    return all(
        part["state"] in ("done", "missing")
        and all(table["state"] != "refused" for table in part["tables"])
        for part in parts
    )
