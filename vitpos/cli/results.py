"""Commands that read runs: one, two, or many."""

from pathlib import Path
from typing import Annotated

import typer

from vitpos.cli.app import app
from vitpos.cli.arguments import (
    Allow,
    Baseline,
    Compared,
    Direction,
    Format,
    GroupBy,
    Json,
    Metric,
    Paths,
    Picture,
    PlainLetters,
    Plugins,
    RunPath,
    Where,
    complete_runs,
)
from vitpos.plain import say


@app.command()
def show(path: RunPath, json: Json = False, plain: PlainLetters = False) -> None:
    """Show one run: its result, its cost, its origin, and what its position looks like."""
    from vitpos import overview
    from vitpos.plain import json_text

    facts = overview.facts(path)
    if json:
        say(json_text(facts))
    else:
        from vitpos.listing import columns
        from vitpos.terminal.sketch import style

        say("\n".join(overview.lines(facts, columns(), style(plain=plain))))
    overview.complain(facts)


@app.command()
def compare(
    paths: Compared = None,
    metric: Metric = None,
    at: Annotated[
        str | None, typer.Option(metavar="UNIT=N", help="epoch=20, images=50000 or seconds=60.")
    ] = None,
    direction: Direction = None,
    where: Where = None,
    group_by: GroupBy = None,
    baseline: Baseline = None,
    sort: Annotated[
        str, typer.Option(metavar="BY", help="metric, arm, n, rank, difference, or a cost.")
    ] = "metric",
    allow: Allow = None,
    columns: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Only these: mean, difference, mde ...")
    ] = None,
    timings: Annotated[
        bool, typer.Option(help="Speeds, memory, times, dates and folders, too.")
    ] = True,
    format_: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.RICH,
) -> None:
    """Compare arms: intervals, differences to a baseline, verdicts, and what they cost."""
    from vitpos import catalogue, tables
    from vitpos.comparing import comparison

    asked = comparison.Asked(
        metric=metric,
        at=at,
        direction=direction,
        where=where or [],
        group_by=[key.strip() for key in (group_by or "").split(",") if key.strip()],
        baseline=baseline,
        sort=sort,
        allow=allow or [],
    )
    result = comparison.compare(paths or [catalogue.outputs()], asked)
    only = None if columns is None else [name.strip() for name in columns.split(",")]
    say(tables.render(result, format_, timings=timings, only=only))
    if format_ is Format.CSV:
        say("\n".join(tables.lines_below(result, timings=timings)), aside=True)


@app.command()
def plot(
    paths: Compared = None,
    what: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT,WHAT",
            help="curves, seeds, pareto, resolution, position; of probes: resize, canvas, patch.",
        ),
    ] = None,
    metric: Metric = None,
    x: Annotated[
        str | None,
        typer.Option(
            metavar="X,X",
            help="Of curves: epochs, images, seconds; of pareto: params, flops, seconds, memory.",
        ),
    ] = None,
    where: Where = None,
    group_by: GroupBy = None,
    baseline: Baseline = None,
    allow: Allow = None,
    format_: Annotated[Picture, typer.Option("--format", help="Of the files.")] = Picture.SVG,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Else `plots` in the study's folder.")
    ] = None,
) -> None:
    """Draw learning curves, seeds, accuracy against cost and against resolution."""
    from vitpos import catalogue
    from vitpos.comparing import comparison
    from vitpos.plots import request

    wanted = request.wanted(what, x, format_, output)
    asked = comparison.Asked(
        metric=metric,
        where=where or [],
        group_by=[key.strip() for key in (group_by or "").split(",") if key.strip()],
        baseline=baseline,
        allow=allow or [],
        is_look=wanted.is_look,
    )
    answer = comparison.compare(paths or [catalogue.outputs()], asked)
    from vitpos.plots.draw import draw

    drawn = draw(answer, wanted)
    say("\n".join(map(str, drawn.paths)))
    for text in (*answer.warnings, *drawn.missing):
        say(text, aside=True)


@app.command()
def report(
    paths: Compared = None,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="PAGE,PAGE",
            help="report, explorer, appendix (Markdown for a paper); else report,explorer.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Else the folder of the study or the run.")
    ] = None,
    max_mb: Annotated[
        float, typer.Option("--max-mb", help="The largest explorer.html, in millions of bytes.")
    ] = 3.0,
    images: Annotated[int, typer.Option(help="Test images that are shown one by one.")] = 2,
    live: Annotated[
        bool, typer.Option("--live", help="Put the network itself into explorer.html, to try.")
    ] = False,
    live_arm: Annotated[
        str | None, typer.Option(metavar="ARM", help="The same, of this arm of several.")
    ] = None,
    allow: Allow = None,
    plugin: Plugins = None,
) -> None:
    """Write report.html, to print, and explorer.html, to try: pages that need no network."""
    from vitpos import catalogue
    from vitpos.terminal.screen import watching

    with watching(quiet=False) as show:
        from vitpos.pages.writing import Asked, pages

        asked = Asked(
            only=only, output=output, max_mb=max_mb, images=images, live=live, live_arm=live_arm,
            allow=allow or [],
        )  # fmt: skip
        written = pages(paths or [catalogue.outputs()], asked, show.work, show.note)
    say("\n".join(map(str, written)))


@app.command()
def tensorboard(
    paths: Paths,
    where: Where = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="0: any; without it, the first free one from 6006."),
    ] = None,
) -> None:
    """Open TensorBoard on exactly these runs: a row per arm, and means with intervals."""
    from vitpos.boards import placing, serve

    serve.serve(lambda: placing.find(paths, where or []), port, say)


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(metavar="A", autocompletion=complete_runs)],
    second: Annotated[Path, typer.Argument(metavar="B", autocompletion=complete_runs)],
    json: Json = False,
) -> None:
    """Show where two runs differ: config, code, environment, numbers."""
    from vitpos import diff as side_by_side
    from vitpos.plain import json_text

    found = side_by_side.facts(first, second)
    say(json_text(found) if json else "\n".join(side_by_side.lines(found)))
