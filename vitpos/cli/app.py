"""The program: its name, its version, and where its commands gather."""

from typing import Annotated

import typer

from vitpos import __version__
from vitpos.plain import say

app = typer.Typer(
    name="vitpos",
    help="How should a Vision Transformer know where its patches are?",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def print_version(wanted: bool) -> bool:
    """Say the version, and nothing more."""
    if wanted:
        say(f"vitpos {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True),
    ] = False,
) -> None:
    """Say what `vitpos` is for."""
