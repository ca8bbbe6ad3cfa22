"""The commands: parse, call, print. No logic, and nothing heavy is imported before it is needed."""

import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from vitpos.errors import UserError
from vitpos.signals import Stop

app = typer.Typer(
    name="vitpos",
    help="How should a Vision Transformer know where its patches are?",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="embedding=rope2d patch.size=4 seed=1 ..."),
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]


@app.command()
def train(
    overrides: Overrides = None,
    quiet: Annotated[bool, typer.Option(help="Print nothing but the run's folder.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Say what would run, and what it costs.")] = False,
    cfg: Annotated[bool, typer.Option("--cfg", help="Print the composed config.")] = False,
) -> None:
    """Train a network and evaluate it: `vitpos train embedding=rope2d`."""
    from vitpos import checks, config

    words = overrides or []
    run = config.compose(words)
    if cfg:
        typer.echo(config.dump(run), nl=False)
        return
    from vitpos.data.files import locate
    from vitpos.screen import closing_rehearsal, watching

    locate(run.dataset)
    with watching(quiet=quiet) as show:
        for text in checks.notes(run):
            show.note(text)
        from vitpos import experiment

        if dry_run:
            closing_rehearsal(experiment.rehearse(run, show))
        else:
            experiment.start(run, words, show)


@app.command()
def resume(
    path: RunPath,
    quiet: Annotated[bool, typer.Option(help="Print nothing but the run's folder.")] = False,
) -> None:
    """Go on with an interrupted run, bit for bit."""
    from vitpos.screen import watching

    with watching(quiet=quiet) as show:
        from vitpos import experiment

        experiment.resume(path, show)


@app.command(name="eval")
def evaluate(
    path: RunPath,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="image_size=48 split=test dataset=mnist ..."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Evaluate a run again: elsewhere, at another size, on another split."""
    from vitpos.screen import evaluated, watching

    with watching(quiet=as_json) as show:
        from vitpos.evaluate import evaluate

        row = evaluate(path, overrides or [], show.work, show.note)
    evaluated(row, as_json=as_json)


def main() -> None:
    """Run a command; what a user can mend is told in a line or two."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # in a terminal without UTF-8
    try:
        with Stop():
            app()
    except UserError as error:
        with suppress(OSError):
            sys.stdout.flush()
        with suppress(OSError):
            for line in error.lines():
                typer.echo(printable(line), err=True)
        sys.exit(error.code)


def printable(line: str, longest: int = 600) -> str:
    """A line that moves no cursor and fills no screen, whatever was typed or read."""
    safe = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line[: longest + 1])
    return safe if len(line) <= longest else f"{safe[:longest]} ..."
