"""One run from data to summary: the loop, its folder and what is shown of it."""

import math
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from vitpos import __version__, build, checkpoints, checks, identities, machine, metrics, plugins
from vitpos.company import accompany, align
from vitpos.data.sources import load
from vitpos.durable import write_json
from vitpos.errors import (
    IN_RUN,
    BadInput,
    BadRun,
    Diverged,
    Interrupted,
    Lost,
    NoResources,
    Paused,
)
from vitpos.hints import command
from vitpos.history import History
from vitpos.kernels import trial
from vitpos.memory import resources
from vitpos.origin import changes, origin
from vitpos.reuse import Reuse
from vitpos.runs import RunFolder, now, place
from vitpos.schema import Run
from vitpos.signals import Leave, Stop
from vitpos.train import Epoch, Loop, Step
from vitpos.world import ALONE, World, joined


@runtime_checkable
class Show(Protocol):
    """Whoever shows a run to somebody."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def work(self, done: int, total: int, what: str) -> None:
        """Progress of long work before the first step."""

    def begin(self, folder: Path, facts: dict[str, Any]) -> None:
        """The run is about to make its first step."""

    def step(self, step: int, total: int, rate: float | int) -> None:
        """So many steps are done, at so many images a second."""

    def epoch(self, row: dict[str, float | int], epochs: int) -> None:
        """An epoch is done."""

    def end(self, folder: Path, summary: dict[str, Any]) -> None:
        """The run is finished."""


def start(
    run: Run,
    overrides: Sequence[str],
    show: Show,
    until: int | None = None,
    reuse: Reuse | None = None,
) -> Path:
    """Do a new run; where it is. Raises `Paused` after epoch `until` if more would follow.

    What was compiled for other runs of this process it may `reuse`.
    """
    with Stop() as stop, joined() as world:
        loop = prepare(run, show, world, reuse)
        stop.patient = True
        if not world.leads:
            accompany(loop, stop)
            return place(run)
        folder = RunFolder.create(run, overrides)
        with folder.locked(show.note):
            folder.update(overrides=[*overrides], **origin(run, loop))
            perform(folder, loop, show, stop, until)
    return folder.path


def resume(path: Path, show: Show, until: int | None = None, reuse: Reuse | None = None) -> Path:
    """Go on with a run from its newest whole checkpoint; a finished one is left as it is."""
    with Stop() as stop, joined() as world:
        folder = RunFolder.open(path)
        if is_over(folder, world, show):
            return path
        if not world.leads:
            if not is_over(folder, world, show):
                accompany(revive(folder, show, world, reuse), stop)
            return path
        with folder.locked(show.note):
            if is_over(folder, world, show):  # since
                return path
            loop = revive(folder, show, world, reuse)
            if folder.is_recorded():
                changed = changes(folder, loop)
                if changed:
                    show.note(f"not the same bits as without the break: other {', '.join(changed)}")
                    folder.update(resumed_exactly=False)
            else:
                folder.update(overrides=folder.typed_in(), **origin(loop.run, loop))
            go_back(folder, loop, show)
            perform(folder, loop, show, stop, until)
    return path


def is_over(folder: RunFolder, world: World, show: Show) -> bool:
    """Whether the leading process finds the run finished; it says so."""
    over = world.leads and folder.is_over()
    if over:
        show.note(already(folder))
    return bool(world.agree(int(over)))


def revive(folder: RunFolder, show: Show, world: World, reuse: Reuse | None) -> Loop:
    """The loop of a run that was started before, at its beginning."""
    try:
        run = folder.run()
        plugins.check(run.embedding)
        return prepare(run, show, world, reuse)
    except BadInput as error:
        where = folder.path / "config.yaml"
        raise BadRun(f"{where}: {error}", error.problems[0].hint) from error


def already(folder: RunFolder) -> str:
    """What is said of a run that is finished."""
    found = (folder.summary() or {}).get("metrics", {}).get("test/accuracy", math.nan)
    return f"{folder.path} is already finished: test accuracy {found:.2%}"


def go_back(folder: RunFolder, loop: Loop, show: Show) -> None:
    """Put the loop where its newest whole checkpoint is that has all lines of metrics before it."""
    epochs = [row.get("epoch") for row in folder.metrics.read()]
    whole = next((n for n, epoch in enumerate(epochs) if epoch != n + 1), len(epochs))
    before = (whole + 1) * loop.steps_per_epoch
    identity = identities.identity(loop.run)
    saved = checkpoints.load(folder.checkpoints, show.note, identity=identity, before=before)
    if saved is not None:
        with checkpoints.fitting(folder.path):
            loop.load(*saved)
    if any(entry.step >= before for entry in checkpoints.entries(folder.checkpoints)):
        where = f"{folder.metrics.path} has no whole line for epoch {whole + 1}"
        show.note(f"{where}: going on after step {loop.step}")


def prepare(run: Run, show: Show, world: World = ALONE, reuse: Reuse | None = None) -> Loop:
    """Data, network and machine, each checked, before anything is written."""
    for problem in checks.processes(run):
        raise BadInput(*problem)
    chosen, reuse = machine.prepare(run, world), reuse or Reuse()
    with resources(run):
        known = reuse.loop(run)
        if known is not None:
            return known
        held = metrics.begin_memory(chosen.device)
        with world.in_turn():
            data = reuse.data(run) or load(run.dataset, show.work).to(chosen.device)
        world.same("images", data.digest)
        model = build.network(run, len(data.classes))
        chosen, doubt = trial.trusted(run, model, chosen)
        if doubt:
            show.note(doubt)
        loop = Loop(run, model, data, chosen)
        loop.held = held
        reuse.keep(loop)
        return loop


def perform(
    folder: RunFolder, loop: Loop, show: Show, stop: Stop, until: int | None = None
) -> None:
    """Run to the end, to a signal or to an epoch, and leave the folder in order in any case."""
    world = loop.machine.world
    align(loop)
    history = History(folder, loop)
    facts = metrics.cost(loop.model, loop.run.dataset.channels, loop.run.image_size)
    show.begin(folder.path, describe(loop) | facts)
    record, limit = folder.record(), (until or 0) * loop.steps_per_epoch or loop.total
    attempts = record["attempts"]
    attempt: dict[str, Any] = {"started": now(), "from_step": loop.step, "vitpos": __version__}
    attempt |= {"processes": world.size} if world.size > 1 else {}
    mended = {"failure": None} if "failure" in record else {}  # of an attempt before this one
    folder.update(status="running", attempts=[*attempts, attempt], **mended)

    def close(status: str) -> None:
        attempt.update(ended=now(), status=status, to_step=loop.step, steps=loop.manner)
        folder.update(status=status, attempts=[*attempts, attempt])

    stop.patient = True
    try:
        with resources(loop.run):
            pause(folder, loop, history, limit)
            for item in loop.run_to_end():
                follow(item, history, loop, show)
                number = world.agree(stop.signal or 0)
                if number:
                    history.save()
                    world.wait()  # before any process ends: torchrun would end this one too
                    raise Interrupted(
                        f"stopped after step {loop.step} of {loop.total}; the state is saved",
                        again(folder),
                        signal=number,
                    )
                pause(folder, loop, history, limit)
            summary = finish(folder, loop, history, facts)
    except Diverged as error:
        summary = head(loop, "diverged") | {"metrics": {}, "cost": facts}
        with suppress(NoResources, BadRun):  # what went wrong first is what counts
            write_json(folder.path / "summary.json", summary)
            close("diverged")
        history.close("diverged", {})
        error.problems[0] = error.problems[0]._replace(message=f"{folder.path}: {error}")
        raise
    except BaseException as error:
        status = ending(error)
        with suppress(NoResources, BadRun):
            close(status)
        history.close(status, {})
        if isinstance(error, Leave):
            name = signal.Signals(error.number).name
            said = f"stopped by {name} at once; going on costs the steps since the last checkpoint"
            raise Interrupted(said, again(folder), signal=error.number) from error
        if isinstance(error, Lost):
            error.problems[0] = error.problems[0]._replace(hint=again(folder))
        error.add_note(f"{IN_RUN}{folder.path}")
        raise
    close("finished")
    for text in history.trouble():
        show.note(text)
    show.end(folder.path, summary)


def pause(folder: RunFolder, loop: Loop, history: History, limit: int) -> None:
    """Raise `Paused` if the loop is as far as it should come in this process."""
    if limit <= loop.step < loop.total:
        history.save()
        raise Paused(f"paused after step {loop.step} of {loop.total}", again(folder))


def ending(error: BaseException) -> str:
    """The status of a run that ends so."""
    if isinstance(error, Paused):
        return "paused"
    stopped = Interrupted | Leave | NoResources | Lost
    return "interrupted" if isinstance(error, stopped) else "failed"


def follow(item: Step | Epoch, history: History, loop: Loop, show: Show) -> None:
    """Write down and show one thing that the loop did."""
    for text in loop.trouble():
        show.note(text)
    if isinstance(item, Step):
        history.step()
        show.step(item.step, loop.total, history.pace.rate)
        return
    show.step(int(item.row["step"]), loop.total, history.pace.rate)
    history.epoch(item.row, item.trained)
    show.epoch(item.row, loop.training.epochs)
    for text in history.trouble():
        show.note(text)


def finish(
    folder: RunFolder, loop: Loop, history: History, facts: dict[str, int]
) -> dict[str, Any]:
    """The one look at the test images, and the summary."""
    test = loop.evaluate(loop.data.test)
    folder.save_predictions(loop.task.kept(test.predicted, test.wanted))
    measured: dict[str, float | int] = test.named("test")
    if not math.isfinite(test.loss):
        raise loop.diverged(loop.step, "the test loss is not finite after step")
    last = {k: v for k, v in folder.metrics.read()[-1].items() if k.startswith(("train/", "val/"))}
    summary = head(loop, "finished") | {
        "image_size": loop.run.image_size,
        **({} if loop.run.task.kind == "classify" else {"task": loop.run.task.kind}),
        "metrics": measured | last,
        "cost": facts,
        "perf": history.performance() | {"peak_memory_bytes": loop.peak_memory()},
    }
    write_json(folder.path / "summary.json", summary)
    history.close("finished", summary)
    return summary


def head(loop: Loop, status: str) -> dict[str, Any]:
    """How a summary begins."""
    return {
        "status": status,
        "identity": identities.identity(loop.run),
        "arm": identities.arm(loop.run),
        "seed": loop.run.seed,
        "epochs": loop.training.epochs,
        "steps": loop.step,
    }


def again(folder: RunFolder) -> str:
    """What to type to go on."""
    return command("resume", folder.path)


def describe(loop: Loop) -> dict[str, Any]:
    """What is shown before the first step."""
    run, chosen = loop.run, loop.machine
    return {
        "dataset": loop.data.name,
        "train_images": len(loop.samples.labels),
        "embedding": "+".join(run.embedding),
        "device": str(chosen.device),
        "precision": chosen.precision,
        "threads": chosen.threads,
        "attention": chosen.attention,
        "kernels": chosen.kernels,
        "epochs": run.training.epochs,
        "steps": loop.total,
        "from_step": loop.step,
        "seed": run.seed,
        "task": run.task.kind,
        "processes": chosen.world.size,
    }


def rehearse(run: Run, show: Show, steps: int = 6) -> dict[str, Any]:
    """What `run` would be and cost, from its data and a few steps that are thrown away."""
    with Stop(), resources(run), joined() as world:
        loop = prepare(run, show, world)
        facts = describe(loop) | metrics.cost(loop.model, run.dataset.channels, run.image_size)
        times: list[float] = []
        last = time.monotonic()
        for _, item in zip(range(steps), loop.run_to_end(), strict=False):
            loop.stop_if_diverged()  # waits for a GPU
            now = time.monotonic() if isinstance(item, Step) else item.trained
            times.append(now - last)
            last = time.monotonic()
        seconds = sorted(times)[len(times) // 2]
        return facts | {
            "seconds_estimated": seconds * loop.total,
            "images_per_second": run.training.batch_size / seconds,
            "peak_memory_bytes": loop.peak_memory(),
        }
