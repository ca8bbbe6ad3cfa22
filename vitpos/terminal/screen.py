"""What a run looks like in a terminal, in a log and to a program."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from vitpos.hints import command
from vitpos.plain import harmless, silence
from vitpos.words import bytes_words, count_words, counted, others, seconds_words


class Terminal(Console):
    """Output that may be lost: a run goes on when nobody reads it any more."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, or be silent from now on."""
        try:
            safe = [harmless(one) if isinstance(one, str) else one for one in objects]
            super().print(*safe, **options)
        except OSError:
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Send what follows, and what Python still holds, nowhere."""
        self.quiet = True
        silence(self.file)


def terminal(*, stderr: bool = False) -> Terminal:
    """Lines as they are: neither coloured by guess, nor cut, nor taken for markup."""
    return Terminal(stderr=stderr, highlight=False, soft_wrap=True, markup=False)


class Quiet:
    """Prints the folder of the run and nothing else."""

    def note(self, text: str) -> None:
        """Nothing, unless it matters to the result."""
        print_error(f"note: {text}")

    def work(self, done: int, total: int, what: str) -> None:
        """Nothing."""

    def begin(self, folder: Path, facts: dict[str, Any]) -> None:
        """Nothing."""

    def step(self, step: int, total: int, rate: float | int) -> None:
        """Nothing."""

    def epoch(self, row: dict[str, float | int], epochs: int) -> None:
        """Nothing."""

    def end(self, folder: Path, summary: dict[str, Any]) -> None:
        """Where the run is."""
        terminal().print(str(folder))


class Plain(Quiet):
    """A line per epoch, and twice a minute in long ones, for logs and pipes."""

    def __init__(self) -> None:
        self.console = terminal()
        self.started = time.monotonic()
        self.done_before = 0
        self.rate = 0.0
        self.total = 1
        self.last_line = 0.0

    def note(self, text: str) -> None:
        """A line."""
        self.console.print(f"note: {text}")

    def work(self, done: int, total: int, what: str) -> None:
        """A line every few seconds."""
        now = time.monotonic()
        if done == total or now - self.last_line > 5:
            self.last_line = now
            self.console.print(f"{what}: {done:,} of {total:,}")

    def begin(self, folder: Path, facts: dict[str, Any]) -> None:
        """What is going to happen, and where."""
        self.started, self.done_before = time.monotonic(), facts["from_step"]
        self.total, self.last_line = facts["steps"], self.started
        for line in heading(folder, facts):
            self.console.print(line)

    def step(self, step: int, total: int, rate: float | int) -> None:
        """Remembered for the next line, which comes now if the last was long ago."""
        self.rate = rate
        if time.monotonic() - self.last_line > 30:
            self.last_line = time.monotonic()
            self.console.print(step_line(step, total, rate, self.left(step)))

    def epoch(self, row: dict[str, float | int], epochs: int) -> None:
        """The numbers of the epoch and the time that is left."""
        self.last_line = time.monotonic()
        self.console.print(epoch_line(row, epochs, self.rate, self.left(int(row["step"]))))

    def left(self, step: int) -> float:
        """Seconds until the last step, at the mean speed so far."""
        done = max(1, step - self.done_before)
        return (time.monotonic() - self.started) / done * (self.total - step)

    def end(self, folder: Path, summary: dict[str, Any]) -> None:
        """The result."""
        for line in closing(folder, summary):
            self.console.print(line)


class Live(Plain):
    """A bar that moves with each step, above the last epochs' lines."""

    def __init__(self) -> None:
        super().__init__()
        self.progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[said]}", markup=False),
            console=self.console,
            transient=True,
            refresh_per_second=8,
        )
        self.task = self.progress.add_task("", total=None, said="")

    def work(self, done: int, total: int, what: str) -> None:
        """A bar of its own."""
        self.progress.start()
        said = harmless(f"{what}: {done:,} of {total:,}")
        self.progress.update(self.task, completed=done, total=total, said=said)

    def begin(self, folder: Path, facts: dict[str, Any]) -> None:
        """The heading, then the bar."""
        super().begin(folder, facts)
        self.progress.update(self.task, completed=facts["from_step"], total=facts["steps"], said="")
        self.progress.start()

    def step(self, step: int, total: int, rate: float | int) -> None:
        """The bar moves."""
        self.rate = rate
        said = step_line(step, total, rate, self.left(step))
        self.progress.update(self.task, completed=step, said=said)

    def end(self, folder: Path, summary: dict[str, Any]) -> None:
        """The result in place of the bar."""
        self.progress.stop()
        super().end(folder, summary)


@contextmanager
def watching(*, quiet: bool) -> Iterator[Quiet]:
    """What fits who is watching; afterwards the terminal is as it was."""
    if quiet:
        yield Quiet()
    elif not sys.stdout.isatty():
        yield Plain()
    else:
        live = Live()
        try:
            yield live
        finally:
            live.progress.stop()


def closing_rehearsal(facts: dict[str, Any]) -> None:
    """What a run would be."""
    console = terminal()
    for line in heading(None, facts):
        console.print(line)
    console.print(
        f"{facts['steps']:,} steps, about {seconds_words(facts['seconds_estimated'])} at"
        f" {facts['images_per_second']:,.0f} img/s; {count_words(facts['flops_per_image'])} FLOPs"
        f" an image; {bytes_words(facts['peak_memory_bytes'])} of memory. Nothing was written."
    )


def evaluated(row: dict[str, Any], *, as_json: bool) -> None:
    """One evaluation, as a line or as JSON."""
    console = terminal()
    if as_json:
        console.print(json.dumps(row))
        return
    numbers = {f"{row['split']}/{name}": value for name, value in row.items()}
    more = [f"loss {row['loss']:.4f}", *others(numbers, row["split"])]
    console.print(
        f"{row['split']} accuracy {row['accuracy']:.2%} ({', '.join(more)}) on"
        f" {row['images']:,} images of {row['dataset']} at {row['image_size']} pixels,"
        f" after step {row['step']:,}"
    )


def heading(folder: Path | None, facts: dict[str, Any]) -> list[str]:
    """A few lines before the first step."""
    own = f" ({count_words(facts['params_embedding'])} of them position)"
    ours = " and our kernels" if facts.get("kernels") == "on" else ""
    lines = [
        f"{facts['embedding']} on {facts['dataset']}{asked(facts)}: {facts['train_images']:,}"
        f" training images,"
        f" {counted(facts['tokens'], 'token')}, {count_words(facts['params'])} parameters{own}",
        f"{facts['device']}, {facts['precision']}, {counted(facts['threads'], 'thread')},"
        f" {facts['attention']} attention{ours}, {counted(facts['epochs'], 'epoch')},"
        f" seed {facts['seed']}{several(facts)}",
    ]
    if facts["dataset"] == "mnist5k":
        lines.append(
            "mnist5k: 5,000 digits of MNIST in the package; `vitpos data mnist` gets the 70,000"
        )
    if facts["from_step"]:
        lines.append(f"going on after step {facts['from_step']:,} of {facts['steps']:,}")
    return lines if folder is None else [*lines, str(folder)]


def asked(facts: dict[str, Any]) -> str:
    """The task, unless it is the usual one."""
    task = facts.get("task", "classify")
    return "" if task == "classify" else f", task={task}"


def several(facts: dict[str, Any]) -> str:
    """How many processes there are, if more than one."""
    return f", {facts['processes']} processes" if facts.get("processes", 1) > 1 else ""


def step_line(step: int, total: int, rate: float | int, left: float | int) -> str:
    """Where the run is."""
    speed = f"{rate:,.0f} img/s" if rate else "first step"
    return f"step {step:,}/{total:,} · {speed} · {seconds_words(left)} left"


def epoch_line(
    row: dict[str, float | int], epochs: int, rate: float | int, left: float | int
) -> str:
    """The numbers of one epoch."""
    width = len(str(epochs))
    val = "  ".join([f"{row['val/accuracy']:6.2%}", *others(row, "val")])
    return (
        f"epoch {int(row['epoch']):{width}d}/{epochs}"
        f"  loss {row['train/loss']:.4f}  train {row['train/accuracy']:6.2%}"
        f"  val {val}"
        f"  {rate:6,.0f} img/s  {seconds_words(left)} left"
    )


def closing(folder: Path, summary: dict[str, Any]) -> list[str]:
    """The result in a few lines, and what to type next."""
    metrics, cost, perf = summary["metrics"], summary["cost"], summary["perf"]
    more = ", ".join(others(metrics, "test"))
    elsewhere = command("eval", folder, f"image_size={2 * summary['image_size']}")
    return [
        "",
        f"test accuracy  {metrics['test/accuracy']:.2%}   (loss {metrics['test/loss']:.4f},"
        f" validation {metrics['val/accuracy']:.2%})",
        *([f"{'':15}{more}"] if more else []),
        f"network        {cost['params']:,} parameters, {cost['params_embedding']:,} of them"
        f" position; {count_words(cost['flops_per_image'])} FLOPs an image",
        f"speed          {perf['images_per_second']:,.0f} img/s,"
        f" {seconds_words(perf['train_seconds'])} of training"
        f" (first step {perf['first_step_seconds']:.2f} s),"
        f" {bytes_words(perf['peak_memory_bytes'])} at most",
        f"run            {folder}",
        f"next           {command('tensorboard', folder.parent)}",
        *([f"{'':15}{elsewhere}"] if summary.get("task") != "jigsaw" else []),
    ]


def print_error(text: str) -> None:
    """A line for people that is not part of the output."""
    terminal(stderr=True).print(text)
