"""The commands: parse, call, print. No logic, and nothing heavy is imported before it is needed."""

import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitpos import __version__
from vitpos.errors import BadInput
from vitpos.plain import say

if TYPE_CHECKING:
    from vitpos.plan import Plan
    from vitpos.schema import Launching

app = typer.Typer(
    name="vitpos",
    help="How should a Vision Transformer know where its patches are?",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def complete_overrides(incomplete: str) -> list[str]:
    """What Tab offers for an override."""
    from vitpos import completion

    return completion.overrides(incomplete)


def complete_runs(incomplete: str) -> list[str]:
    """What Tab offers for the folder of a run."""
    from vitpos import completion

    return completion.runs(incomplete)


def complete_groups(incomplete: str) -> list[str]:
    """What Tab offers to list."""
    from vitpos import completion

    return completion.groups(incomplete)


def complete_datasets(incomplete: str) -> list[str]:
    """What Tab offers for the name of a data set."""
    from vitpos import completion

    return completion.datasets(incomplete)


class Format(StrEnum):
    """How a comparison is printed."""

    RICH = "rich"
    MARKDOWN = "markdown"
    LATEX = "latex"
    HTML = "html"
    CSV = "csv"
    JSON = "json"


class Picture(StrEnum):
    """How a picture is written."""

    SVG = "svg"
    PDF = "pdf"
    PNG = "png"


def complete_embeddings(incomplete: str) -> list[str]:
    """What Tab offers for the name of an embedding."""
    from vitpos import completion

    return completion.embeddings(incomplete)


def trust(names: list[str] | None) -> list[str] | None:
    """Take the strategies of these packages for ours."""
    if names:
        from vitpos import plugins

        plugins.trust(names)
    return names


Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="embedding=rope2d patch.size=4 seed=1 ...",
        autocompletion=complete_overrides,
    ),
]
RunPath = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="The folder of a run.", autocompletion=complete_runs),
]
Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        help="Folders of runs, or folders that hold some.",
        autocompletion=complete_runs,
    ),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="PACKAGE",
        help="Trust the strategies of this package; may be given again.",
        callback=trust,
    ),
]
Retry = Annotated[bool, typer.Option("--retry", help="Also runs that failed or diverged.")]
DryRun = Annotated[bool, typer.Option(help="Say what would run, and what is there.")]
Probe = Annotated[
    bool, typer.Option("--probe", help="With --dry-run: try arms, to know how long they take.")
]
Budget = Annotated[
    str | None, typer.Option("--budget", metavar="TIME", help="Stop in order after 2h, 90m, 1h30m.")
]
Seeds = Annotated[int | None, typer.Option("--seeds", help="N: seed=0..N-1 in every arm.")]
Yes = Annotated[bool, typer.Option("--yes", help="Run more than 200 without being asked.")]
Compared = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PATH]...",
        help="Folders of runs, the folder of a study, or a frozen plan; nothing: outputs.",
        autocompletion=complete_runs,
    ),
]
Metric = Annotated[
    str | None, typer.Option(help="test/accuracy, val/loss, test/accuracy@48, cost/params ...")
]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Only these runs: 'backbone.depth>4' 'arm=rope*'."),
]
GroupBy = Annotated[
    str | None, typer.Option(metavar="KEY,KEY", help="Compare within each of their values.")
]
Baseline = Annotated[
    str | None,
    typer.Option(metavar="ARM", help="What arms are compared with: a name, or KEY=VALUE."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(metavar="mixed-...", help="code, hardware, data, epochs; or just mixed."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


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


@app.command()
def train(
    overrides: Overrides = None,
    quiet: Annotated[bool, typer.Option(help="Print nothing but the run's folder.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Say what would run, and what it costs.")] = False,
    cfg: Annotated[bool, typer.Option("--cfg", help="Print the composed config.")] = False,
    multirun: Annotated[
        bool, typer.Option("-m", "--multirun", help="Several values of a key: as `vitpos sweep`.")
    ] = False,
    seeds: Seeds = None,
    baseline: Baseline = None,
    yes: Yes = False,
    plugin: Plugins = None,
) -> None:
    """Train a network: `vitpos train embedding=rope2d`."""
    if multirun or seeds is not None:
        sweep(overrides, seeds=seeds, baseline=baseline, yes=yes, dry_run=dry_run, quiet=quiet)
        return
    from vitpos import checks, config
    from vitpos.overrides import given

    words = given(overrides or [])
    run = config.compose(words)
    if cfg:
        say(config.dump(run), end="")
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
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="The folder of a run or of a sweep, or a frozen plan.",
            autocompletion=complete_runs,
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[launcher.KEY=VALUE]...", help="Of a sweep."),
    ] = None,
    quiet: Annotated[bool, typer.Option(help="Print nothing but the run's folder.")] = False,
    retry: Retry = False,
    budget: Budget = None,
    plugin: Plugins = None,
) -> None:
    """Go on with an interrupted run, bit for bit, or with a sweep: what is missing of it."""
    from vitpos import resuming

    if resuming.is_sweep(path, overrides or []):
        plan, launcher = resuming.plan(path, overrides or [])
        words = ["resume", str(path), *(overrides or [])]
        run_members(plan, words, launcher, retry, budget, quiet)
        return
    from vitpos.screen import watching

    with watching(quiet=quiet) as show:
        from vitpos import experiment

        experiment.resume(path, show)


@app.command()
def sweep(
    overrides: Overrides = None,
    seeds: Seeds = None,
    baseline: Baseline = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    probe: Probe = False,
    quiet: Annotated[bool, typer.Option(help="Print nothing but the folder of the study.")] = False,
    commands: Annotated[
        bool, typer.Option("--commands", help="Print the command of every run, and do nothing.")
    ] = False,
    retry: Retry = False,
    budget: Budget = None,
    plugin: Plugins = None,
) -> None:
    """Run a study or a grid: `study=schh2024`, `embedding=none,rope2d seed=0..4`."""
    from vitpos import config, grids, progress
    from vitpos.overrides import given, is_for_hydra

    launcher, words = config.launching(given(overrides or []))
    looking = dry_run or commands
    if any(map(is_for_hydra, words)):
        if looking:
            raise BadInput("what a sweeper of Hydra's will try is not known before it runs")
        again = ["sweep", *(overrides or []), *options_of(seeds, baseline, yes)]
        search(words, again, seeds, launcher, retry, budget, quiet)
        return
    planned = grids.asked(words, seeds=seeds, baseline=baseline, yes=yes or looking)
    if commands:
        say("\n".join(progress.commands(planned)))
    elif dry_run:
        look(planned, launcher, retry, probe)
    else:
        again = ["sweep", *(overrides or []), *options_of(seeds, baseline, yes)]
        run_members(planned, again, launcher, retry, budget, quiet)


def look(plan: "Plan", launcher: "Launching", retry: bool, probe: bool) -> None:
    """Say what a plan would do."""
    from vitpos import outlook
    from vitpos.counting import sizes
    from vitpos.listing import columns
    from vitpos.screen import watching

    with watching(quiet=not probe) as show:
        found = outlook.outlook(
            plan, sizes(plan), launcher, retry=retry, probe=show if probe else None
        )
    say("\n".join(outlook.lines(found, columns())))


@app.command()
def tune(
    overrides: Overrides = None,
    seeds: Annotated[int | None, typer.Option("--seeds", help="N: of each trial.")] = None,
    dry_run: DryRun = False,
    probe: Probe = False,
    quiet: Annotated[bool, typer.Option(help="Print nothing but the frozen plan.")] = False,
    retry: Retry = False,
    budget: Budget = None,
    plugin: Plugins = None,
) -> None:
    """Choose numbers for every arm on validation: `study=lr_fairness`, `training.lr=1e-3,2e-3`."""
    from vitpos import config, progress, sweep, tuning
    from vitpos.listing import columns
    from vitpos.overrides import given
    from vitpos.watches import Unseen

    launcher, words = config.launching(given(overrides or []))
    asked = tuning.asked(words, seeds)
    if dry_run:
        look(asked.trials, launcher, retry, probe)
        return
    again = ["tune", *(overrides or []), *options_of(seeds, None, False)]

    def go(plan: "Plan") -> None:
        if quiet:
            seconds = sweep.seconds(budget)
            typed = progress.typed(again)
            sweep.run(plan, Unseen(), typed, options=launcher, retry=retry, budget=seconds)
        else:
            run_members(plan, again, launcher, retry, budget, quiet)

    found = tuning.tune(asked, go)
    say(str(found.plan) if quiet else "\n".join(tuning.report(found, columns())))
    tuning.complain(found, progress.typed(again))


def search(
    words: list[str],
    again: list[str],
    seeds: int | None,
    launcher: "Launching",
    retry: bool,
    budget: str | None,
    quiet: bool,
) -> None:
    """Let Hydra's sweeper say what is run."""
    from vitpos import multirun, progress, sweep
    from vitpos.watches import Batches, Unseen

    def go(plan: "Plan") -> None:
        watch = Unseen() if quiet else Batches(retry=retry)
        typed = progress.typed(again)
        sweep.run(plan, watch, typed, options=launcher, retry=retry, budget=left())

    left = sweep.countdown(budget)
    where = multirun.run(words, seeds, go)
    say(where if quiet else f"vitpos compare {shlex.quote(where)}")


def options_of(seeds: int | None, baseline: str | None, yes: bool) -> list[str]:
    """As they were typed."""
    found = [] if seeds is None else [f"--seeds={seeds}"]
    found += [] if baseline is None else [f"--baseline={baseline}"]
    return found + ["--yes"] * yes


def run_members(
    plan: "Plan",
    words: list[str],
    launcher: "Launching",
    retry: bool,
    budget: str | None,
    quiet: bool,
) -> None:
    """Run what is missing of a plan; `words` are typed to go on with it."""
    from vitpos import progress, sweep
    from vitpos.watches import watching

    again, seconds = progress.typed(words), sweep.seconds(budget)
    with watching(quiet=quiet, budget=seconds, retry=retry) as watch:
        sweep.run(plan, watch, again, options=launcher, retry=retry, budget=seconds)


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
    from vitpos.sketch import style

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
    from vitpos.screen import watching

    named = beside.named(names or [])
    with watching(quiet=json or not sys.stdout.isatty()) as show:
        rows = beside.verify(named, show.work)
    said = [*beside.lines(rows, columns()), *beside.unverified(named, rows)]
    say(json_text(beside.plain(rows)) if json else "\n".join(said))
    if any(row.bad for row in rows):
        raise typer.Exit(1)


@app.command()
def show(path: RunPath, json: Json = False) -> None:
    """Show one run: its result, its cost, its origin."""
    from vitpos import overview
    from vitpos.plain import json_text

    facts = overview.facts(path)
    say(json_text(facts) if json else "\n".join(overview.lines(facts)))
    overview.complain(facts)


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


@app.command()
def rerun(
    path: RunPath,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Only so many epochs, from the first on.")
    ] = None,
    json: Json = False,
    plugin: Plugins = None,
) -> None:
    """Do a finished run again and compare every number: 0 if all bits are the same, else 1."""
    from vitpos.plain import json_text
    from vitpos.screen import watching

    with watching(quiet=json) as show:
        from vitpos import rerun as again

        found = again.rerun(path, show, epochs)
    say(json_text(found) if json else "\n".join(again.lines(found)))
    if not found["same"]:
        raise typer.Exit(1)


@app.command()
def compare(
    paths: Compared = None,
    metric: Metric = None,
    at: Annotated[
        str | None, typer.Option(metavar="UNIT=N", help="epoch=20, images=50000 or seconds=60.")
    ] = None,
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
    from vitpos import catalogue, comparison, tables

    asked = comparison.Asked(
        metric=metric,
        at=at,
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
def report(
    paths: Compared = None,
    allow: Allow = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Else `report.md` in the study's folder.")
    ] = None,
) -> None:
    """Write a study down for a paper's appendix, with the answers of a checklist."""
    from vitpos import catalogue, reporting

    say(str(reporting.write_report(paths or [catalogue.outputs()], allow or [], output)))


@app.command()
def plot(
    paths: Compared = None,
    what: Annotated[
        str | None, typer.Option(metavar="WHAT,WHAT", help="curves, seeds, pareto, resolution.")
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
    from vitpos import catalogue, comparison
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
def tensorboard(
    paths: Paths,
    where: Where = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="0: any; without it, the first free one from 6006."),
    ] = None,
) -> None:
    """Open TensorBoard on exactly these runs: a row per arm, and means with intervals."""
    from vitpos import placing, serve

    serve.serve(lambda: placing.find(paths, where or []), port, say)


@app.command()
def data(
    name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_datasets)],
    overrides: Overrides = None,
) -> None:
    """Get a data set ready: download, verify, decode."""
    from vitpos import config

    dataset = config.compose_dataset([f"dataset={name}", *(overrides or [])])
    from vitpos.data import ready
    from vitpos.screen import watching

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


@app.command(name="eval")
def evaluate(
    path: RunPath,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="image_size=48 split=test dataset=mnist ..."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plugin: Plugins = None,
) -> None:
    """Evaluate a run again: elsewhere, at another size, on another split."""
    from vitpos.screen import evaluated, watching

    with watching(quiet=as_json) as show:
        from vitpos.evaluate import evaluate

        row = evaluate(path, overrides or [], show.work, show.note)
    evaluated(row, as_json=as_json)


def main() -> None:
    """Run a command; what a user can mend is told in a line or two."""
    from vitpos import outcome, plain

    # Threads that wait give their core away soon: with other work on the machine torch is otherwise
    # many times slower. Read by GNU's OpenMP when torch is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    plain.tolerate()
    sys.exit(outcome.of(lambda: app(prog_name="vitpos")))
