"""Commands that tell what there is: strategies, data sets, this machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vitpos.cli.app import app
from vitpos.cli.arguments import (
    Json,
    Overrides,
    Plugins,
    complete_datasets,
    complete_embeddings,
    complete_groups,
    complete_runs,
)
from vitpos.plain import say


@app.command("list")
def list_(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[embeddings|datasets|backbones|trainings|patches|studies|runs]",
            help="Nothing: what there is to list.",
            autocompletion=complete_groups,
        ),
    ] = None,
    path: Annotated[
        Path | None,
        typer.Argument(help="Where to look for runs.", autocompletion=complete_runs),
    ] = None,
    json: Json = False,
    plugin: Plugins = None,
) -> None:
    """List what there is to choose from, or the runs so far."""
    from vitpos.listing import listing
    from vitpos.plain import json_text

    data, lines = listing(what, path)
    say(json_text(data) if json else "\n".join(lines))


@app.command()
def explain(
    overrides: Overrides = None,
    json: Json = False,
    plain: Annotated[bool, typer.Option("--plain", help="Draw with plain letters.")] = False,
    plugin: Plugins = None,
) -> None:
    """Explain a strategy, with a picture: `vitpos explain embedding=rope2d`."""
    from vitpos import explain as page
    from vitpos.listing import columns
    from vitpos.plain import json_text

    facts = page.explain(overrides or [])
    if json:
        say(json_text(facts))
        return
    from vitpos.terminal.sketch import style

    say("\n".join(page.lines(facts, columns(), style(plain=plain))))


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", autocompletion=complete_embeddings),
    ] = None,
    json: Json = False,
    plugin: Plugins = None,
) -> None:
    """Compare embeddings with the packages of others: 0 if all agree, else 1."""
    from vitpos import verify as beside
    from vitpos.listing import columns
    from vitpos.plain import json_text
    from vitpos.terminal.screen import watching

    named = beside.named(names or [])
    with watching(quiet=json or not sys.stdout.isatty()) as show:
        rows = beside.verify(named, show.work)
    said = [*beside.lines(rows, columns()), *beside.unverified(named, rows)]
    say(json_text(beside.plain(rows)) if json else "\n".join(said))
    if any(row.bad for row in rows):
        raise typer.Exit(1)


@app.command()
def data(
    name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_datasets)],
    overrides: Overrides = None,
) -> None:
    """Get a data set ready: download, verify, decode."""
    from vitpos import config

    dataset = config.compose_dataset([f"dataset={name}", *(overrides or [])])
    from vitpos.data import ready
    from vitpos.terminal.screen import watching

    with watching(quiet=False) as show:
        facts = ready.ready(dataset, show.work)
    say("\n".join(ready.lines(facts)))


@app.command()
def doctor(json: Json = False) -> None:
    """Check this machine: 0 if nothing fails, else 1."""
    from vitpos import doctor as ward
    from vitpos.plain import json_text

    found = ward.findings()
    say(json_text(ward.plain(found)) if json else "\n".join(ward.lines(found)))
    if not ward.healthy(found):
        raise typer.Exit(1)
