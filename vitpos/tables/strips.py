"""Below a table in a terminal: where seeds, means and intervals lie, and how arms got there.

A line for each arm, all on one axis. Columns are given up in this order: the learning curve, then
letters of names; numbers are those at the ends of the axis, and never cut.
"""

from collections.abc import Sequence

from vitpos.comparing.answer import Row
from vitpos.plots import series
from vitpos.tables.cells import Sheet
from vitpos.tables.numbers import scaled
from vitpos.tables.safe import letter_width, visible, width
from vitpos.terminal.sparks import Axis, axis, sparkline, whisker

NAME, SHORTEST = 24, 8  # columns of a name, at most and at least
CURVE, LEAST = 12, 16  # columns of a learning curve; of an axis, at least
WIDEST = 80  # columns of an axis: more say no more
ROOMY = 72  # columns from which on there is room for curves
MOST = 50  # arms that are drawn, and runs of them all whose curves are read
RUNS = 500
GAP = "  "


def strips(sheet: Sheet, rows: Sequence[Row], most: int) -> list[str]:
    """The lines of some arms that are compared; none for fewer than two, or for very many."""
    drawn = [row for row in rows if row.mean is not None]
    if not 2 <= len(drawn) <= MOST:
        return []
    names = min(NAME, max(width(visible(row.label)) for row in drawn), most // 3)
    names = max(SHORTEST, names)
    curves = learning(drawn, sheet) if most >= ROOMY else {}
    room = most - names - len(GAP) - (CURVE + len(GAP) if curves else 0)
    if room < LEAST:
        return []
    along = axis(numbers(drawn), min(WIDEST, room))
    lines = [heading(sheet, along, names)]
    for row in drawn:
        curve = f"{GAP}{curves.get(row.label, '')}" if curves else ""
        name = shortened(visible(row.label), names)
        lines.append(f"{name}{GAP}{line(sheet, row, along)}{curve}".rstrip())
    return [*lines, *legend(has_curves=bool(curves), most=most)]


def line(sheet: Sheet, row: Row, along: Axis) -> str:
    """One arm; the mean of its baseline is marked."""
    base = sheet.base(row)
    mark = base.mean if base is not None and base is not row else None
    return whisker(along, row.values.values(), row.mean or 0.0, row.interval, mark)


def numbers(rows: Sequence[Row]) -> list[float]:
    """All that is drawn."""
    found = [value for row in rows for value in row.values.values()]
    found += [row.mean for row in rows if row.mean is not None]
    return found + [end for row in rows if row.interval for end in row.interval]


def heading(sheet: Sheet, along: Axis, names: int) -> str:
    """The ends of the axis, above the first and the last of its columns."""
    low, high = (end(sheet, value) for value in (along.low, along.high))
    between = along.width - len(low) - len(high)
    return f"{' ' * names}{GAP}{low}{' ' * max(1, between)}{high}"


def end(sheet: Sheet, value: float) -> str:
    """A value at an end of the axis."""
    places = 2 if sheet.scale.unit else 4
    return f"{scaled(sheet.scale, value, places)} {sheet.scale.unit}".rstrip()


def legend(*, has_curves: bool, most: int) -> list[str]:
    """What the signs mean."""
    said = ["● mean", "├─┤ its 95% interval", "· a seed", "┊ the baseline's mean"]
    said += ["on the right: validation while learning"] if has_curves else []
    lines = [""]
    for text in said:
        more = f"{lines[-1]}, {text}" if lines[-1] else text
        if len(more) > most:
            lines.append(text)
        else:
            lines[-1] = more
    return lines


def learning(rows: Sequence[Row], sheet: Sheet) -> dict[str, str]:
    """The mean curve of each arm over its seeds, all in one range; of many runs none are read."""
    if sum(len(row.runs) for row in rows) > RUNS:
        return {}
    metric = "val/accuracy" if "accuracy" in sheet.answer.metric else "val/loss"
    lines = {row.label: series.curve(row, row.label, metric, "epochs") for row in rows}
    found = {label: line.mean for label, line in lines.items() if line and len(line.mean) > 1}
    ends = axis([value for means in found.values() for value in means], 0)
    return {label: sparkline(means, CURVE, ends[:2]) for label, means in found.items()}


def shortened(name: str, most: int) -> str:
    """A name in exactly so many columns, cut in its middle if it must be."""
    if width(name) > most:
        head, tail = most // 2, most - most // 2 - 1
        name = f"{taken(name, head)}…{taken(name[::-1], tail)[::-1]}"
    return name + " " * (most - width(name))


def taken(text: str, most: int) -> str:
    """The first letters, in at most so many columns."""
    used, found = 0, ""
    for letter in text:
        used += letter_width(letter)
        if used > most:
            break
        found += letter
    return found
