"""A sweep that runs, drawn in as many lines and columns as there are.

The question and how far it is, the table of the arms, the marks in it, and the members that run.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from vitpos.outcome import printable
from vitpos.sweeps.frozen import digest
from vitpos.sweeps.plan import Plan
from vitpos.sweeps.states import KINDS
from vitpos.terminal.bulletins import percents, remaining
from vitpos.terminal.standings import GAP, MARKS, SHORT, Style, arms, shortened
from vitpos.terminal.tally import Tally
from vitpos.words import counted, seconds_words

FEW = 3  # lines of members that run, and of arms, that there is always room for


@dataclass(frozen=True)
class Moment:
    """When it is, as seen from the sweep."""

    elapsed: float  # seconds
    left: float | None  # until all is done
    budget_left: float | None  # that may still be spent
    clock: float  # seconds since 1970


def drawn(tally: Tally, moment: Moment, style: Style) -> list[Text]:
    """The whole board, line by line, each as wide as the terminal at most."""
    above = [*heading(tally.plan, style), *wrapped(state_of(tally, moment), style), Text()]
    below, running = legend(tally, style), members(tally, style)
    room = style.height - 1 - len(above) - len(below)
    share = max(FEW, room // 2, room - len(tally.members) - 2)  # of those that run
    if len(running) > share - 1:
        more = len(running) - share + 2
        running[share - 2 :] = [Text(f"{style.and_more} and {more} more that run", "dim")]
    below += [Text(), *running] if running else []
    table = arms(tally, style, max(FEW, style.height - 1 - len(above) - len(below)))
    lines = [*above, *table, *below]
    for line in lines:
        line.no_wrap = True
        line.truncate(style.width)
    return lines


def heading(plan: Plan, style: Style) -> list[Text]:
    """The question, and which plan answers it."""
    name, question = printable(plan.study.name), printable(plan.study.design.question)
    said = wrapped([f"{name}:", *question.split()], style)
    for line in said:
        line.stylize("bold")
    return said


def state_of(tally: Tally, moment: Moment) -> list[str]:
    """How far the sweep is: phrases that are not broken."""
    total, done = len(tally.states), tally.counts["finished"]
    said = [f"plan {digest(tally.plan)[:12]},"]
    said += [f"{counted(tally.slots, 'slot')},", f"{done} of {total} finished,"]
    said += [f"{seconds_words(moment.elapsed)} so far,", remaining(moment.left, moment.clock)]
    if moment.budget_left is not None:
        said[-1] += ","
        said.append(f"{seconds_words(max(0.0, moment.budget_left))} of the budget left")
    return said


def wrapped(phrases: Iterable[str], style: Style) -> list[Text]:
    """Phrases in as few lines as they fit; one that is wider than a line loses its end."""
    lines: list[str] = []
    for phrase in phrases:
        if lines and cell_len(lines[-1]) + 1 + cell_len(phrase) <= style.width:
            lines[-1] += f" {phrase}"
        else:
            lines.append(phrase)
    return [Text(line) for line in lines]


def members(tally: Tally, style: Style) -> list[Text]:
    """Those that run now: step, speed and time left, as far as there is room."""
    rows = []
    for n in tally.running:
        state, left = tally.states[n], tally.left_by_pace(n)
        rows.append(
            [
                printable(tally.plan.members[n].title),
                f"{state.step:,}/{state.steps:,}" if state.steps else "starts",
                percents(state) if state.steps else "",
                f"{state.rate:,.0f} img/s" if state.rate else "",
                "" if left is None else f"{seconds_words(left)} left",
            ]
        )
    if not rows:
        return []
    widths = [max(cell_len(row[column]) for row in rows) for column in range(5)]
    for columns in ((1, 2, 3, 4), (2, 3, 4), (2, 4), (2,)):
        name = min(widths[0], style.width - sum(GAP + widths[column] for column in columns))
        if name >= min(widths[0], SHORT * 2):
            break
    return [
        Text(
            shortened(row[0], name, style)
            + "".join(f"{'':{GAP}}{row[column]:>{widths[column]}}" for column in columns)
        )
        for row in rows
    ]


def legend(tally: Tally, style: Style) -> list[Text]:
    """The marks in use, with how many there are of each; and that it is early."""
    lines = [Text()]
    for kind in KINDS:
        if not tally.counts[kind]:
            continue
        text = f"{style.mark(kind)} {tally.counts[kind]} {kind}"
        if lines[-1].cell_len + GAP + cell_len(text) > style.width:
            lines.append(Text())
        lines[-1].append(" " * (GAP if lines[-1].plain else 0)).append(text, MARKS[kind][2])
    metric = printable(tally.plan.study.design.metric)
    early = ["means of", metric, "so far:", "running,", "not a result"]
    return lines + (wrapped(early, style) if tally.counts["finished"] else [])
