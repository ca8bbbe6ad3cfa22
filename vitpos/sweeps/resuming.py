"""Which sweep is meant by the folder of a study, and what is asked of it."""

from collections.abc import Sequence
from pathlib import Path

from vitpos import config
from vitpos.errors import BadInput, BadRun
from vitpos.hints import command
from vitpos.schema import Launching
from vitpos.sweeps import frozen, halving, progress, stock
from vitpos.sweeps.plan import Plan


def is_sweep(path: Path, words: Sequence[str]) -> bool:
    """Whether it is a sweep and not a run; raises `BadInput` if a run is told of a launcher."""
    try:
        run = (path / "config.yaml").is_file()
        sweep = path.suffix == ".json" or (bool(frozen.plans(path)) and not run)
    except (OSError, ValueError):  # who opens it as a run says why
        sweep = False
    if words and not sweep:
        raise BadInput(f"{words[0]}: a run goes on as it was", command("resume", path))
    return sweep


def plan(path: Path, words: Sequence[str]) -> tuple[Plan, Launching]:
    """The frozen plan to go on with, and the launcher that `words` ask for."""
    launcher, others = config.launching(words)
    if others:
        raise BadInput(f"{others[0]}: a sweep goes on as it was planned", "launcher.KEY=VALUE")
    if path.suffix == ".json":
        return at_home(path, frozen.thaw(path)), launcher
    found = {place: frozen.thaw(place) for place in frozen.plans(path)}
    open_ones = {place: made for place, made in found.items() if unfinished(made)}
    if len(open_ones) > 1:
        hint = "; ".join(command("resume", place) for place in reversed(open_ones))
        raise BadInput(f"{path} has {len(open_ones)} plans that are not finished", hint)
    place, made = [*(open_ones or found).items()][-1]
    return at_home(place, made), launcher


def at_home(path: Path, made: Plan) -> Plan:
    """A plan whose runs lie beside it; `BadRun` for one that would write into another study."""
    home = path.absolute().parents[1]
    for member in made.members:
        if member.run.study != home.name:
            said = f"{path}: its runs would lie in {member.run.study}, not in {home.name}"
            raise BadRun(f"study = {said}", f"call the folder {member.run.study} again")
    return made


def unfinished(made: Plan) -> bool:
    """Whether something of it is missing."""
    known = progress.there(made)
    states = [stock.state(m, known.get(m.identity)) for m in made.members]
    return any(state.kind not in ("finished", "stopped") for state in halving.seen(made, states))
