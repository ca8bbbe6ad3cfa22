"""Several runs of one arm brought to their ends in one process, each with a folder of its own.

Runs that have made as many steps go on together, one such set after the other: a crash between the
checkpoints of two lanes leaves them apart, and they stay so. A set may be one lane. One that
diverges ends there; whatever else goes wrong ends all that are not over.
"""

import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from vitpos import build, experiment, machine, plugins
from vitpos.errors import IN_RUN, BadInput, BadRun, Diverged, Interrupted
from vitpos.lanes.lane import Asked, Lane
from vitpos.lanes.rule import TOLERANCE
from vitpos.lanes.steps import Lanes
from vitpos.machine import Machine
from vitpos.memory import resources
from vitpos.origin import changes, origin
from vitpos.runs import RunFolder
from vitpos.schema import Run
from vitpos.signals import Leave, Stop
from vitpos.train import Epoch, Loop

Set = tuple[int, Machine]  # what runs have in common that can be trained together


def train(asked: Sequence[Asked]) -> list[Path | Diverged]:
    """Begin these runs or go on with them, to their ends; where each is, or how it diverged.

    Raises what a run alone would raise, but for divergence.
    """
    with Stop() as stop, ExitStack() as held:
        folders = [opened(one, held) for one in asked]
        over = [folder is not None and folder.is_over() for folder in folders]
        todo = [n for n, done in enumerate(over) if not done]
        lanes = made([(asked[n], folders[n]) for n in todo], stop, held)
        sets: dict[Set, list[Lane]] = {}
        for lane in lanes:
            sets.setdefault((lane.loop.step, lane.loop.machine), []).append(lane)
        try:
            for together in sets.values():
                machine.prepare(together[0].loop.run)  # threads are those of the process
                bring_to_their_ends(together, stop)
        except BaseException as error:
            raise abandoned(lanes, error) from error
    ends: dict[int, Path | Diverged] = {n: f.path for n, f in enumerate(folders) if f is not None}
    ends |= {n: lane.error or lane.folder.path for n, lane in zip(todo, lanes, strict=True)}
    return [ends[n] for n in range(len(asked))]


def opened(asked: Asked, held: ExitStack) -> RunFolder | None:
    """The folder of a run that was begun, locked."""
    if asked.before is None:
        return None
    folder = RunFolder.open(asked.before)
    held.enter_context(folder.locked())
    return folder


def made(todo: Sequence[tuple[Asked, RunFolder | None]], stop: Stop, held: ExitStack) -> list[Lane]:
    """Loops at their steps, each with its folder; nothing is written before all can begin."""
    loops: list[Loop] = []
    for asked, folder in todo:
        try:
            run = asked.run if folder is None else folder.run()
            plugins.check(run.embedding)
            loops.append(loop(run, asked, loops[0] if loops else None))
        except BadInput as error:
            if folder is None:
                raise
            place = folder.path / "config.yaml"
            raise BadRun(f"{place}: {error}", error.problems[0].hint) from error
    stop.patient = True
    found = []
    for (asked, before), its in zip(todo, loops, strict=True):
        folder = before or RunFolder.create(its.run, asked.overrides)
        if before is None:
            held.enter_context(folder.locked())
            folder.update(overrides=folder.typed_in(), **origin(its.run, its))
        else:
            go_on(folder, its, asked)
        found.append(Lane(asked, folder, its))
    return found


def loop(run: Run, asked: Asked, first: Loop | None) -> Loop:
    """The loop of a run; the images are those of the first."""
    if first is None:
        found = experiment.prepare(run, asked.show)
    else:
        with resources(run):
            model = build.network(run, len(first.data.classes))
            own = machine.prepare(run)
            chosen = replace(first.machine, threads=own.threads)  # the same was tried of its arm
            found = Loop(run, model, first.data, chosen)
    found.machine = replace(found.machine, lanes=True)
    return found


def go_on(folder: RunFolder, its: Loop, asked: Asked) -> None:
    """Put a loop where its run was left."""
    if folder.is_recorded():
        changed = changes(folder, its)
        if changed:
            text = f"not the same bits as without the break: other {', '.join(changed)}"
            asked.show.note(text)
            folder.update(resumed_exactly=False)
    else:
        folder.update(overrides=folder.typed_in(), **origin(its.run, its))
    experiment.go_back(folder, its, asked.show)


def bring_to_their_ends(lanes: Sequence[Lane], stop: Stop) -> None:
    """Train runs that are at the same step."""
    for number, lane in enumerate(lanes):
        lane.begin(number, len(lanes))
        said = {"lane": number, "of": len(lanes), "tolerance": TOLERANCE}
        lane.folder.update(lanes=said)
    with resources(lanes[0].loop.run):
        alive, manner = list(lanes), "eager"
        while alive and alive[0].loop.step < alive[0].loop.total:
            manner = go(alive, stop)
            alive = [lane for lane in alive if not lane.status]
        for lane in alive:
            lane.finish(manner)


def go(alive: Sequence[Lane], stop: Stop) -> str:
    """Train them until they are at the end or one is over; how steps were made."""
    together = Lanes([lane.loop for lane in alive])
    for events in together.run_to_end():
        since = together.trained
        for lane, event in zip(alive, events, strict=True):
            lane.follow(event, since)
        if any(isinstance(event, Epoch) for event in events):
            every(alive, Lane.rest)
        for text in together.trouble():
            alive[0].show.note(text)
        if stop.signal is not None:
            every(alive, Lane.save)
            step, total = alive[0].loop.step, alive[0].loop.total
            said = f"stopped after step {step} of {total} in {len(alive)} lanes; the state is saved"
            raise Interrupted(said, experiment.again(alive[0].folder), signal=stop.signal)
        if any(lane.status for lane in alive):
            break
    return together.manner


def every(lanes: Sequence[Lane], do: Callable[[Lane], None]) -> None:
    """Have each lane that is not over do something."""
    for lane in lanes:
        if not lane.status:
            do(lane)


def abandoned(lanes: Sequence[Lane], error: BaseException) -> BaseException:
    """Close all that are not over; what is to be raised."""
    for lane in lanes:
        lane.abandon(experiment.ending(error))
    if isinstance(error, Leave):
        name = signal.Signals(error.number).name
        said = f"stopped by {name} at once; going on costs the steps since the last checkpoint"
        return Interrupted(said, experiment.again(lanes[0].folder), signal=error.number)
    if not isinstance(error, Interrupted):
        error.add_note(f"{IN_RUN}{lanes[0].folder.path}")
    return error
