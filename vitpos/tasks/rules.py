"""What must hold between a task and the rest of a run. No torch: runs are checked before it."""

from collections.abc import Iterator
from dataclasses import replace

from vitpos.errors import Problem
from vitpos.schema import OnCanvas, Relate, Run, Where

SPOILERS = ("mixup", "cutmix", "erase")


def problems(run: Run) -> Iterator[Problem]:
    """All that is wrong, but for whether patches tile the canvas."""
    yield from spoilt(run)
    if isinstance(run.task, OnCanvas):
        yield from room(run, run.task)


def spoilt(run: Run) -> Iterator[Problem]:
    """What would make answers wrong or unknown.

    Other changes are for single images, before they come on a canvas or are cut, and harmless.
    """
    if run.task.kind == "classify":
        return
    used = [name for name in SPOILERS if getattr(run.training.augment, name)]
    if used:
        names = " and ".join(f"training.augment.{name}" for name in used)
        message = f"task={run.task.kind}: {names} would spoil its answers"
        yield Problem(message, " ".join(f"training.augment.{name}=0" for name in used))
    if run.task.kind == "jigsaw" and run.patch.shuffle:
        yield Problem("task=jigsaw moves patches itself", "patch.shuffle=false")
    wide = [name for name in (run.patch.kind, run.backbone.kind) if name not in ("linear", "plain")]
    if run.task.kind == "jigsaw" and wide:
        message = f"task=jigsaw: a token of {wide[0]} is not one patch, whose place is asked for"
        yield Problem(message, "patch=linear backbone=micro")
    if run.task.kind == "jigsaw" and run.patch.size >= run.dataset.size:
        yield Problem(f"task=jigsaw: one patch of {run.patch.size} pixels has no order")


def room(run: Run, task: OnCanvas) -> Iterator[Problem]:
    """Images fit where they are to lie."""
    whole, side, patch = run.dataset.size, run.image_size, run.patch.size
    if whole % task.shrink:
        yield Problem(f"task.shrink = {task.shrink}: {whole} pixels are not divisible by it")
        return
    size = whole // task.shrink
    if side <= size:
        message = f"task.canvas = {side}: must be larger than its images of {size} pixels"
        yield Problem(message, f"task.canvas={2 * whole}")
    elif isinstance(task, Relate):
        span = -(-size // patch) * patch if task.whole else size
        if side < span + size:
            yield Problem(f"task.canvas = {side}: two images of {size} pixels need {span + size}")
    elif isinstance(task, Where):
        yield from cells(task, side, size, patch)


def cells(task: Where, side: int, size: int, patch: int) -> Iterator[Problem]:
    """Each cell has room for an image, and its border lies where images may begin."""
    if side % task.cells:
        yield Problem(f"task.cells = {task.cells}: {side} pixels are not divisible by it")
        return
    cell = side // task.cells
    if cell < size:
        message = f"task.cells = {task.cells}: cells of {cell} pixels for images of {size}"
        yield Problem(message, f"task.canvas={task.cells * -(-size // patch) * patch}")
    elif task.whole and cell % patch:
        message = f"task.cells = {task.cells}: cells of {cell} pixels are not whole patches"
        yield Problem(f"{message} of {patch}", "task.whole=false")


def resized(run: Run, size: int) -> Run:
    """The run with images of another size: a canvas of that size, where there is one."""
    if isinstance(run.task, OnCanvas):
        return replace(run, task=replace(run.task, canvas=size))
    return run


def elsewhere(run: Run, size: int) -> Iterator[Problem]:
    """What is wrong with evaluating this run at another size."""
    if run.task.kind == "jigsaw" and size != run.image_size:
        count = (run.image_size // run.patch.size) ** 2
        yield Problem(f"image_size = {size}: the answers of task=jigsaw are {count} cells")
    else:
        yield from problems(resized(run, size))
