"""Arms side by side: what their runs reached and cost, what may be said of it, and what was lost.

The way from folders to an answer: `gathering` finds runs and a plan, `arms` puts runs together,
`selection` leaves out what is not meant, `judgement` says what counts, `readings` reads it,
`matching` who is compared with whom, `circumstances` whether that is fair, `statistics` what
follows, and `looks` counts how often somebody asked.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vitpos.comparing import circumstances, examples, judgement, looks, matching, readings, rows
from vitpos.comparing.answer import Answer, Row
from vitpos.comparing.arms import Arm, single
from vitpos.comparing.conditions import Configs
from vitpos.comparing.gathering import Gathered, Source, gather
from vitpos.comparing.judgement import Judgement
from vitpos.comparing.pairing import Compared, is_stopped, paired, values_of
from vitpos.comparing.selection import select
from vitpos.statistics import Difference, family

MOST_NOTES = 40  # of runs that did not count as they lie there


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What may be asked of a comparison, as it is typed."""

    metric: str | None = None  # None: that of the plan, else test/accuracy
    at: str | None = None  # epoch=20
    direction: str | None = None  # up or down is better; None: as is usual for the metric
    where: Sequence[str] = ()
    group_by: Sequence[str] = ()
    baseline: str | None = None
    sort: str = "metric"
    allow: Sequence[str] = ()
    is_look: bool = True  # whether somebody will see what comes of it


@contextmanager
def undisturbed() -> Iterator[None]:
    """No search for garbage while much is read that stays: that takes a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@undisturbed()
def compare(paths: Sequence[Path], asked: Asked | None = None) -> Answer:
    """Compare the runs in these folders, or of the plan that one of them has.

    Raises `BadRun` for a place without runs, and `BadInput` for what cannot be asked: a metric that
    no run has, keys that are none, runs that are not to be compared unless that is allowed.
    """
    asked = asked or Asked()
    allow = circumstances.allowed(asked.allow)
    found, configs = gather(paths), Configs()
    source = found.source
    rules = judgement.judgement(source, asked.metric, asked.at, asked.direction)
    everything = single(found.arms)
    if source is None or asked.metric or asked.at:
        readings.check(rules.reading, [run for arm in everything for run in arm.runs.values()])
    chosen = select(everything, asked.where, source, configs)
    grouping = tuple(asked.group_by), asked.baseline
    known = paired(chosen, rules, grouping, configs, planned=source is not None)
    groups = [known.counted(arms) for arms in known.groups()]
    warnings = circumstances.mixed(groups, allow, planned=source is not None)
    differences, notes = judge(known, rules)
    table = rows.rows(known, differences, rules, judgement.recipe(source))
    runs = known.counted(known.arms)
    looked = count(source, rules, everything) if asked.is_look else looks.Looked(0, ())
    doubts = *circumstances.doubts(runs), *conditional(table), *often(looked, rules)
    doubts = *doubts, *undirected(rules, asked.direction or source)
    return Answer(
        question=rules.question,
        metric=rules.reading.title,
        direction=rules.direction,
        alpha=rules.alpha,
        smallest_effect=rules.smallest_effect,
        looks=rules.looks,
        looked=looked.times,
        plan=source.digest if source else "",
        deviations=tuple(deviations(found, rules, known, asked.where)),
        recipe=judgement.recipe(source).all,
        rows=tuple(rows.order(table, asked.sort, rules.direction)),
        caption=circumstances.caption([run for some in runs.values() for run in some]),
        warnings=(*warnings, *doubts),
        notes=(*remarks(found, known), *known.matches.notes, *notes, *looked.notes),
    )


def judge(known: Compared, rules: Judgement) -> tuple[dict[str, Difference], tuple[str, ...]]:
    """All comparisons of the table as one family, and what is to be said about them.

    Arms that were stopped early are not compared, and count among the comparisons all the same.
    """
    against = known.matches.against
    images = examples.images(known) if rules.reading.is_of_test_images else None
    found = family(
        known.judged,
        against,
        alpha=rules.alpha,
        smallest_effect=rules.smallest_effect,
        direction=rules.direction,
        looks=rules.looks,
        images=images.of if images else None,
    )
    gone = {arm.key for arm in known.arms if is_stopped(arm)}
    found = {arm: one for arm, one in found.items() if arm not in gone}
    return found, images.told() if images else ()


def deviations(
    found: Gathered, rules: Judgement, known: Compared, where: Sequence[str]
) -> list[str]:
    """How the table differs from the plan, if there is one."""
    if found.source is None:
        return []
    planned = matching.as_planned(found.arms).against
    against = known.matches.against
    return list(judgement.deviations(found.source, rules, known.arms, planned, against, where))


def count(source: Source | None, rules: Judgement, arms: Sequence[Arm]) -> looks.Looked:
    """Count a look at all planned runs, whichever of them the table shows."""
    if source is None:
        return looks.Looked(0, ())
    values = {
        str(arm.runs[seed].record.get("identity")): value
        for arm in arms
        if arm.planned
        for seed, value in values_of(arm, rules).items()
    }
    others = judgement.related(source)
    return looks.look(source.folder, source.digest, others, rules.reading.title, values)


def conditional(table: Sequence[Row]) -> list[str]:
    """A warning of what divergences do to comparisons."""
    diverged = {row.label for row in table if row.lost.get("diverged")}
    touched = [r.label for r in table if r.difference and diverged & {r.label, r.baseline}]
    if not touched:
        return []
    return [f"runs diverged; conditional on not diverging: {circumstances.listed(touched)}"]


def often(looked: looks.Looked, rules: Judgement) -> list[str]:
    """A warning if more looks were taken than alpha was shared for."""
    if looked.times <= rules.looks:
        return []
    return [f"look {looked.times} of {rules.looks} declared: findings are more often false"]


def undirected(rules: Judgement, said: object) -> list[str]:
    """A warning if nobody said which way is better, and nobody can know."""
    if said or rules.reading.has_direction:
        return []
    return [
        f"more of {rules.reading.metric} need not be better: a verdict of better says that it is"
        " more; --direction down turns that"
    ]


def remarks(found: Gathered, known: Compared) -> list[str]:
    """What was noticed on the way, and the seeds that have no pair."""
    said = [*found.notes, *(note for arm in known.arms for note in arm.notes)]
    alone = []
    for arm, baseline in known.matches.against.items():
        for one, other in ((arm, baseline), (baseline, arm)):
            only = sorted(known.values[one].keys() - known.values[other].keys())
            if only and known.judged[arm]:
                names = known.labels[one], known.labels[other]
                alone.append(f"{names[0]} {judgement.few([str(s) for s in only])} (not {names[1]})")
    if alone:
        said.append(f"seeds without a pair: {judgement.few(alone)}")
    more = len(said) - MOST_NOTES
    return [*said[:MOST_NOTES], f"{more} more like these"] if more > 0 else said
