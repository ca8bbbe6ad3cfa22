"""Commands that train: one run, many, or one once more."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitpos.cli.app import app
from vitpos.cli.arguments import (
    Baseline,
    Budget,
    DryRun,
    Json,
    Overrides,
    Plugins,
    Probe,
    Retry,
    RunPath,
    Seeds,
    Yes,
    complete_runs,
)
from vitpos.errors import BadInput
from vitpos.plain import say

if TYPE_CHECKING:
    from vitpos.schema import Launching
    from vitpos.sweeps.plan import Plan


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
    retry: Retry = False,
    budget: Budget = None,
    plugin: Plugins = None,
) -> None:
    """Train a network: `vitpos train embedding=rope2d`."""
    if multirun or seeds is not None:
        if cfg:
            raise BadInput("--cfg prints the config of one run", "vitpos sweep ... --commands")
        sweep(
            overrides,
            seeds=seeds,
            baseline=baseline,
            yes=yes,
            dry_run=dry_run,
            quiet=quiet,
            retry=retry,
            budget=budget,
        )
        return
    if retry or budget is not None:
        raise BadInput("--retry and --budget are of sweeps", "add -m")
    from vitpos import checks, config
    from vitpos.overrides import given

    words = given(overrides or [])
    run = config.compose(words)
    if cfg:
        say(config.dump(run), end="")
        return
    from vitpos.data.files import locate
    from vitpos.terminal.screen import closing_rehearsal, watching

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
    from vitpos import config
    from vitpos.overrides import given, is_for_hydra
    from vitpos.sweeps import grids, progress

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
    from vitpos.listing import columns
    from vitpos.sweeps import outlook
    from vitpos.sweeps.counting import sizes
    from vitpos.terminal.screen import watching

    with watching(quiet=not probe) as show:
        found = outlook.outlook(
            plan, sizes(plan), launcher, retry=retry, probe=show if probe else None
        )
    say("\n".join(outlook.lines(found, columns())))


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
    from vitpos.sweeps import budgets, multirun, progress, sweep
    from vitpos.terminal.watches import Batches, Unseen

    def go(plan: "Plan") -> None:
        watch = Unseen() if quiet else Batches(retry=retry)
        typed = progress.typed(again)
        sweep.run(plan, watch, typed, options=launcher, retry=retry, budget=left())

    left = budgets.countdown(budget)
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
    *,
    last: bool = True,
) -> None:
    """Run what is missing of a plan; `words` are typed to go on with it."""
    from vitpos.sweeps import budgets, progress, sweep
    from vitpos.terminal.watches import watching

    again, seconds = progress.typed(words), budgets.seconds(budget)
    with watching(quiet=quiet, budget=seconds, retry=retry, last=last) as watch:
        sweep.run(plan, watch, again, options=launcher, retry=retry, budget=seconds)


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
    from vitpos import config
    from vitpos.listing import columns
    from vitpos.overrides import given
    from vitpos.sweeps import progress, tuning

    launcher, words = config.launching(given(overrides or []))
    asked = tuning.asked(words, seeds)
    if dry_run:
        look(asked.trials, launcher, retry, probe)
        return
    again = ["tune", *(overrides or []), *options_of(seeds, None, False)]

    def go(plan: "Plan") -> None:
        run_members(plan, again, launcher, retry, budget, quiet, last=False)

    found = tuning.tune(asked, go)
    say(str(found.plan) if quiet else "\n".join(tuning.report(found, columns())))
    tuning.complain(found, progress.typed(again))


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
    from vitpos.sweeps import resuming

    if resuming.is_sweep(path, overrides or []):
        plan, launcher = resuming.plan(path, overrides or [])
        words = ["resume", str(path), *(overrides or [])]
        run_members(plan, words, launcher, retry, budget, quiet)
        return
    from vitpos.terminal.screen import watching

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
    plugin: Plugins = None,
) -> None:
    """Evaluate a run again: elsewhere, at another size, on another split."""
    from vitpos.terminal.screen import evaluated, watching

    with watching(quiet=as_json) as show:
        from vitpos.evaluate import evaluate

        row = evaluate(path, overrides or [], show.work, show.note)
    evaluated(row, as_json=as_json)


@app.command()
def probe(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH... [KEY=VALUE]...",
            help="Runs or folders of runs; what=shuffle,resolution images=1000 device=cpu ...",
            autocompletion=complete_runs,
        ),
    ],
    json: Json = False,
    force: Annotated[bool, typer.Option("--force", help="Also what was measured before.")] = False,
    plugin: Plugins = None,
) -> None:
    """Measure what trained networks make of position; `vitpos list probes` says how."""
    from vitpos.plain import json_text
    from vitpos.probes import asked as asking
    from vitpos.probes import report

    paths, asked = asking.asked(words)
    from vitpos.terminal.screen import watching

    with watching(quiet=json) as show:
        from vitpos.probes import running

        found = running.run(paths, asked, show.work, show.note, force=force)
    say(json_text(report.plain(found)) if json else "\n".join(report.lines(found, paths)))


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
    from vitpos.terminal.screen import watching

    with watching(quiet=json) as show:
        from vitpos import rerun as again

        found = again.rerun(path, show, epochs)
    say(json_text(found) if json else "\n".join(again.lines(found)))
    if not found["same"]:
        raise typer.Exit(1)
