"""Commands that tell what there is: strategies, data sets, this machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vitpos.cli.app import app
from vitpos.cli.arguments import (
    Clock,
    Json,
    Overrides,
    PlainLetters,
    Plugins,
    complete_datasets,
    complete_embeddings,
    complete_groups,
    complete_overrides,
    complete_runs,
)
from vitpos.plain import say


@app.command("list")
def list_(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[embeddings|datasets|backbones|trainings|patches|studies|probes|runs]",
            help="Nothing: what there is to list.",
            autocompletion=complete_groups,
        ),
    ] = None,
    path: Annotated[
        Path | None,
        typer.Argument(
            help="Where to look for runs, or the name of a probe.", autocompletion=complete_runs
        ),
    ] = None,
    bench: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Whose costs stand beside embeddings; else the newest."),
    ] = None,
    json: Json = False,
    plugin: Plugins = None,
) -> None:
    """List what there is to choose from, or the runs so far."""
    from vitpos.listing import listing
    from vitpos.plain import json_text

    data, lines = listing(what, path, bench)
    say(json_text(data) if json else "\n".join(lines))


@app.command()
def explain(
    overrides: Overrides = None,
    json: Json = False,
    plain: PlainLetters = False,
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


@app.command()
def bench(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PART]... [KEY=VALUE]...",
            help="all (step peers kernels lanes startup compare embeddings), sweep, compile,"
            " tensorboard; and what networks should be.",
            autocompletion=complete_overrides,
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was found, part by part.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Rough answers in a minute or two.")
    ] = False,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="8m, 1h30m; of `all`: 7m30s.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, max=1024, help="Of the CPU; 0: all cores.")] = 0,
    clock: Annotated[Clock, typer.Option(help="What ratios are taken by.")] = Clock.AUTO,
    rounds: Annotated[
        int, typer.Option(min=0, max=1000, help="How often each has its turn; 0: five.")
    ] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Answer on a restless machine too.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Measure speed against what is usual and possible: 1 if the machine is too restless."""
    from vitpos.sweeps.budgets import seconds as seconds_of
    from vitpos.terminal.benches import show_goals, watching

    seconds = seconds_of(budget)
    with watching(quiet=quiet) as show:
        from vitpos.bench import running
        from vitpos.bench.asked import Asked

        names, overrides = running.chosen(words or [])
        asked = Asked(
            words=tuple(overrides),
            device=device,
            threads=threads,
            clock=clock,
            rounds=rounds,
            quick=quick,
            force=force,
        )
        found = running.bench(names, asked, show, seconds=seconds, path=json)
    if not quiet:
        show_goals(found, names)
    if not running.is_sure(found, names):
        raise typer.Exit(1)
