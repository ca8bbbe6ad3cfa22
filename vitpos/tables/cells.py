"""What stands in each cell of a row."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from vitpos.comparing.answer import LOST, Answer, Row
from vitpos.statistics import Difference
from vitpos.tables import numbers, verdicts
from vitpos.tables.numbers import NOTHING, Scale, between, number, pair, scaled, short


@dataclass(frozen=True)
class Sheet:
    """An answer, and what a cell must know of the rows around it."""

    answer: Answer

    @cached_property
    def scale(self) -> Scale:
        """How values of its metric are written."""
        return numbers.scale(self.answer.metric)

    @cached_property
    def arms(self) -> dict[tuple[str, str], Row]:
        """The rows by condition and label."""
        return {(row.condition, row.label): row for row in self.answer.rows}

    @cached_property
    def bases(self) -> set[tuple[str, str | None]]:
        """Condition and label of what others are compared with."""
        return {(row.condition, row.baseline) for row in self.answer.rows}

    def base(self, row: Row) -> Row | None:
        """What an arm is compared with; itself, if others are compared with it."""
        own = row.baseline is None and (row.condition, row.label) in self.bases
        return row if own else self.arms.get((row.condition, row.baseline or ""))

    @cached_property
    def ranks(self) -> Counter[tuple[str, int | None]]:
        """How many arms of a condition share a rank."""
        return Counter((row.condition, row.rank) for row in self.answer.rows)

    @cached_property
    def marks(self) -> dict[str, str]:
        """A mark for each recipe that is not that of all: ``(1)``."""
        recipes = dict.fromkeys(row.recipe for row in self.answer.rows if row.recipe)
        return {recipe: f"({index})" for index, recipe in enumerate(recipes, start=1)}

    @cached_property
    def level(self) -> str:
        """How sure the intervals of a family are together: looks share alpha."""
        return numbers.share(1 - self.answer.alpha / max(1, self.answer.looks))


Cell = Callable[[Sheet, Row], str]


def of_difference(say: Callable[[Sheet, Difference], str]) -> Cell:
    """A cell about the difference to the baseline."""
    return lambda sheet, row: NOTHING if row.difference is None else say(sheet, row.difference)


def of_cost(name: str, say: Callable[[float | int], str]) -> Cell:
    """A cell about one of the costs."""

    def cell(_: Sheet, row: Row) -> str:
        value = row.costs.get(name)
        return NOTHING if value is None else say(value)

    return cell


def arm(sheet: Sheet, row: Row) -> str:
    """Its name, with the mark of its recipe."""
    return pair(row.label, sheet.marks.get(row.recipe, ""))


def count(_: Sheet, row: Row) -> str:
    """``5``, or ``4 of 5`` where runs were planned that do not count."""
    planned = len(row.values) + sum(map(len, row.lost.values()))
    counted = len(row.values)
    return str(counted) if counted == planned else f"{counted} of {planned}"


def lost(_: Sheet, row: Row) -> str:
    """``1 diverged, 2 missing``."""
    counts = [(len(row.lost.get(reason, ())), reason) for reason in LOST]
    return ", ".join(f"{number} {reason}" for number, reason in counts if number) or NOTHING


def mean(sheet: Sheet, row: Row) -> str:
    """``84.31 [83.98, 84.64]``."""
    if row.mean is None:
        return NOTHING
    error = numbers.error_of_mean(row.values.values())
    places = numbers.decimals(sheet.scale, row.mean, error)
    return pair(scaled(sheet.scale, row.mean, places), between(sheet.scale, row.interval, places))


def difference(sheet: Sheet, said: Difference) -> str:
    """``+1.11 [+0.62, +1.60]``."""
    places = places_of(sheet, said)
    return pair(
        scaled(sheet.scale, said.mean, places, "+"),
        between(sheet.scale, said.simultaneous, places, "+"),
    )


def places_of(sheet: Sheet, said: Difference) -> int:
    """How many decimals a difference has."""
    return numbers.decimals(sheet.scale, said.mean or 0.0, numbers.error_of_difference(said))


def own(sheet: Sheet, said: Difference) -> str:
    """The interval of this comparison alone."""
    return between(sheet.scale, said.interval, places_of(sheet, said), "+") or NOTHING


def new_images(sheet: Sheet, said: Difference) -> str:
    """``[+0.41, +1.81]``, with the digits that it supports itself."""
    interval = said.new_images
    if interval is None:
        return NOTHING
    places = numbers.decimals(sheet.scale, said.mean or 0.0, numbers.error_within(interval))
    return between(sheet.scale, interval, places, "+")


def wins(_: Sheet, said: Difference) -> str:
    """``5/5 [0.48, 1.00]``."""
    if not said.seeds:
        return NOTHING
    interval = "" if said.share is None else f"[{short(said.share.low)}, {short(said.share.high)}]"
    return pair(f"{said.wins:g}/{len(said.seeds)}", interval)


def correlation(_: Sheet, said: Difference) -> str:
    """``0.22 [-0.80, 0.93]``."""
    interval = said.correlation_interval
    return pair(
        short(said.correlation),
        "" if interval is None else f"[{short(interval.low)}, {short(interval.high)}]",
    )


def mde(sheet: Sheet, said: Difference) -> str:
    """``0.62 [0.41, 1.80]``: smallest difference found, and how sure that is."""
    places = numbers.decimals(
        sheet.scale, said.detectable or 0.0, numbers.error_of_difference(said)
    )
    return pair(
        verdicts.detectable(sheet.scale, said), between(sheet.scale, said.detectable_range, places)
    )


def deviation(sheet: Sheet, said: Difference) -> str:
    """The standard deviation of the pairs' differences."""
    places = numbers.decimals(sheet.scale, said.sd or 0.0, numbers.error_of_difference(said))
    return scaled(sheet.scale, said.sd, places)


def verdict(sheet: Sheet, row: Row) -> str:
    """What may be said of it."""
    return verdicts.verdict(sheet.answer, row, sheet.base(row))


def rank(sheet: Sheet, row: Row) -> str:
    """``1``, or ``2=`` if others share it."""
    if row.rank is None:
        return NOTHING
    return f"{row.rank}=" if sheet.ranks[row.condition, row.rank] > 1 else str(row.rank)


def whole(value: float | int) -> str:
    """A count."""
    return number(value, 0)


def extra(value: float | int) -> str:
    """A count more or less than that of the baseline."""
    return number(value, 0, "+") if value else "0"
