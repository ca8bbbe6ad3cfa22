"""What stands below a table, without which it must not be read."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from vitpos.comparing.answer import LOST, Row
from vitpos.statistics import Difference
from vitpos.tables.cells import Sheet, places_of
from vitpos.tables.columns import blocks
from vitpos.tables.numbers import between, effect, pair, scaled, share, short

Value = TypeVar("Value", int, float)
MOST = 20  # arms that are named for one reason
DIGEST = 12  # digits of a plan's digest that are shown
ENDED = ("failed", "diverged", "without")  # with those that count, all runs that came to an end
DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Remark(NamedTuple):
    """One line: `kind` is power, plan, lost, recipe, method, caption, warning or note."""

    kind: str
    text: str

    def line(self) -> str:
        """As it is printed; warnings and notes say what they are."""
        return f"{self.kind}: {self.text}" if self.kind in ("warning", "note") else self.text


def remarks(sheet: Sheet, *, timings: bool) -> list[Remark]:
    """All lines, in the order in which they are read."""
    answer = sheet.answer
    found = [
        *(Remark("power", text) for text in power(sheet)),
        Remark("plan", plan(sheet)),
        *(Remark("plan", f"exploratory, not as planned: {text}") for text in answer.deviations),
        *(Remark("lost", text) for text in losses(answer.rows)),
        *(Remark("recipe", f"{mark} {recipe}") for recipe, mark in sheet.marks.items()),
        *(Remark("method", text) for text in method(sheet)),
    ]
    said = [phrase for phrase in answer.caption if timings or not DATE.search(phrase)]
    if said:
        found.append(Remark("caption", "; ".join(said)))
    found += [Remark("warning", text) for text in answer.warnings]
    found += [Remark("note", text) for text in answer.notes]
    return found if timings else anywhere(found, answer.rows)


def anywhere(found: Sequence[Remark], rows: Sequence[Row]) -> list[Remark]:
    """The same without the folders that hold the runs."""
    places = {str(run.path).rpartition("/")[0] for row in rows for run in row.runs}
    folders = sorted(places - {""}, key=lambda place: (-len(place), place))
    texts = [remark.text for remark in found]
    for folder in folders:
        texts = [text.replace(f"{folder}/", "") for text in texts]
    return [Remark(remark.kind, text) for remark, text in zip(found, texts, strict=True)]


def power(sheet: Sheet) -> list[str]:
    """For each condition what its differences could have shown, and what they would need."""
    found = []
    for condition, chosen in blocks(sheet.answer.rows).items():
        rows = (sheet.answer.rows[index] for index in chosen)
        known = [row.difference for row in rows if row.difference is not None]
        known = [difference for difference in known if difference.detectable is not None]
        if known:
            text = "; ".join((smallest(sheet, known), *needs(sheet, known), *pairing(known)))
            found.append(f"{condition}: {text}" if condition else text)
    return found


def smallest(sheet: Sheet, known: Sequence[Difference]) -> str:
    """The minimum detectable effects, and the interval of what they rest on."""
    values = [difference.detectable for difference in known if difference.detectable is not None]
    places = min(places_of(sheet, difference) for difference in known)
    said = span(scaled(sheet.scale, value, places) for value in ends(values))
    ranges = [d.detectable_range for d in known if d.detectable_range is not None]
    unsure = ""
    if ranges:
        widest = type(ranges[0])(min(r.low for r in ranges), max(r.high for r in ranges))
        unsure = f" {between(sheet.scale, widest, places)}, as their sd is itself estimated"
    return f"MDE at this n: {pair(said, sheet.scale.points)}{unsure}"


def needs(sheet: Sheet, known: Sequence[Difference]) -> list[str]:
    """How many seeds would resolve the smallest effect of interest."""
    seeds = [difference.needed for difference in known if difference.needed is not None]
    if not seeds or not sheet.answer.smallest_effect:
        return []
    of_interest = effect(sheet.scale, sheet.answer.smallest_effect)
    return [f"to resolve {of_interest}: {span(map(str, ends(seeds)))} seeds"]


def pairing(known: Sequence[Difference]) -> list[str]:
    """How alike the two runs of a pair are."""
    found = [d.correlation for d in known if d.correlation is not None]
    if not found:
        return []
    said = span(map(short, ends(found)))
    interval = known[0].correlation_interval
    if len(known) == 1 and interval is not None:
        said = f"{said} [{short(interval.low)}, {short(interval.high)}]"
    return [f"correlation of pairs: {said}"]


def ends(values: Sequence[Value]) -> tuple[Value, Value]:
    """The smallest and the largest."""
    return min(values), max(values)


def span(two: Iterable[str]) -> str:
    """``0.48 to 0.71``, or one where they are the same."""
    return " to ".join(dict.fromkeys(two))


def plan(sheet: Sheet) -> str:
    """Looks, the frozen plan and the recipe."""
    answer = sheet.answer
    said = [f"looks: {answer.looked} of {answer.looks}"] if answer.looked else []
    if answer.looked > answer.looks:
        said.append("more looks than declared: exploratory")
    if answer.plan:
        state = "changed: exploratory" if answer.deviations else "unchanged"
        said.append(f"plan {answer.plan[:DIGEST]} {state}")
    else:
        said.append("no frozen plan: exploratory")
    return "; ".join((*said, answer.recipe) if answer.recipe else said)


def losses(rows: Sequence[Row]) -> list[str]:
    """For each reason the arms and seeds that do not count, and the exact interval of its rate."""
    several = len({row.condition for row in rows}) > 1
    found = []
    for reason in LOST:
        said = [f"{name(row, several)} {loss(row, reason)}" for row in rows if row.lost.get(reason)]
        if len(said) > MOST:
            said[MOST:] = [f"{len(said) - MOST} more arms (--format csv)"]
        if said:
            exact = any(reason in row.lost_share for row in rows)
            rates = " [exact 95% interval of the rate]" if exact else ""
            found.append(f"{reason}{rates}: {', '.join(said)}")
    return found


def name(row: Row, several: bool) -> str:
    """An arm, with its condition where there are some."""
    return f"{row.label} ({row.condition})" if several and row.condition else row.label


def loss(row: Row, reason: str) -> str:
    """``1 of 5 [0.505%, 71.6%] (seed 3)``."""
    lost = row.lost[reason]
    interval = row.lost_share.get(reason)
    considered = LOST if interval is None else ENDED
    planned = len(row.values) + sum(len(row.lost.get(other, ())) for other in considered)
    rate = "" if interval is None else f" [{share(interval.low)}, {share(interval.high)}]"
    return f"{len(lost)} of {planned}{rate} ({listed(lost)})"


def listed(seeds: Sequence[int]) -> str:
    """``seed 3``, ``seeds 0-4, 7``."""
    groups: list[list[int]] = []
    for seed in sorted(seed for seed in seeds if seed >= 0):
        if groups and seed == groups[-1][-1] + 1:
            groups[-1].append(seed)
        else:
            groups.append([seed])
    said = [f"{group[0]}-{group[-1]}" if len(group) > 1 else f"{group[0]}" for group in groups]
    unknown = any(seed < 0 for seed in seeds)
    said += ["unknown"] if unknown else []
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(said)}"


def method(sheet: Sheet) -> list[str]:
    """How to read the verdicts, and how they were made."""
    answer = sheet.answer
    best = "higher" if answer.direction == "up" else "lower"
    means = f"{best} {answer.metric} is better; means over n seeds with 95% t intervals"
    if not any(row.difference for row in answer.rows):
        return [means]
    alpha = answer.alpha / max(1, answer.looks)
    within = effect(sheet.scale, answer.smallest_effect)
    equal = f" equivalent: any difference is smaller than {within};"
    return [
        f"better, worse: more than chance;{equal if answer.smallest_effect else ''}"
        " not resolved: these runs cannot tell, whichever mean is higher (a true difference of the"
        " MDE would be found in 4 of 5 studies like this one)",
        f"{means}; Δ is paired by seed (paired t, p by Holm over all comparisons, found if"
        f" < {alpha:g}; simultaneous Bonferroni-t intervals, {sheet.level} for all together) on"
        " this test set; on new images: as if other test images had been drawn as well; P(A>B):"
        " pairs in which the arm did better",
    ]
