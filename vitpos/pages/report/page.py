"""The report as a file: everything in it, nothing around it, within a limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from vitpos import __version__
from vitpos.comparing.answer import Answer
from vitpos.durable import disk_errors, make_folder
from vitpos.durable import write as replace
from vitpos.pages.report import charts, facts, figures, sketches
from vitpos.pages.report.figures import Figure
from vitpos.pages.report.sketches import Dots
from vitpos.plots.scene import Scene
from vitpos.tables import columns, html, remarks
from vitpos.tables.cells import Sheet
from vitpos.tables.safe import visible

FOLDER = Path(__file__).parent
LIMIT = 3 * 10**6  # bytes
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " form-action 'none'"
)
FOUND = ("arm", "against", "n", "lost", "mean", "difference", "holm", "verdict", "rank")
SPENT = ("arm", "params", "extra", "position", "flops", "speed", "memory", "time")
LEFT_OUT = {  # of pictures by their weight, the heaviest first
    4: "what strategies are on another grid",
    3: "the vectors themselves",
    2: "how strategies were at the start and on the way",
    1: "components of tables, and how alike tokens are after the last block",
}


@dataclass(frozen=True)
class Shown:
    """One arm on the page."""

    name: str
    card: Mapping[str, Any]
    reached: str
    result: str
    figures: Sequence[Figure]
    dots: Sequence[Dots]


def write(
    answer: Answer,
    cards: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    title: str = "",
    left_out: Sequence[str] = (),
    limit: int = LIMIT,
) -> None:
    """Write the report of a comparison with a card for each arm that has one.

    `cards` are those of `vitpos.pages.cards`; `left_out` are sentences about runs that have none.
    The same answer and cards give the same bytes. Raises `NoResources` if it cannot be written.
    """
    with disk_errors(path):
        make_folder(path.parent)
    replace(path, page(answer, cards, title=title, left_out=left_out, limit=limit).encode())


def page(
    answer: Answer,
    cards: Sequence[Mapping[str, Any]],
    *,
    title: str = "",
    left_out: Sequence[str] = (),
    limit: int = LIMIT,
) -> str:
    """The whole file as text; pictures that it has no room for are left out, and it says so."""
    sheet = Sheet(answer)
    drawn = charts.charts(answer)
    places = {row.label: place for place, row in enumerate(answer.rows)}
    best_first = sorted(cards, key=lambda card: places.get(str(card["name"]), len(places)))
    every = [shown(sheet, card) for card in best_first]
    filled = columns.filled(sheet, None, timings=True)
    parts: dict[str, Any] = {
        "title": title or Scene(answer).study,
        "answer": answer,
        "policy": POLICY,
        "style": Markup((FOLDER / "style.css").read_text("utf-8")),
        "result": table(sheet, filled, FOUND, "What was found"),
        "costs": table(sheet, filled, SPENT, "What it costs"),
        "below": remarks.remarks(sheet, timings=True),
        "charts": drawn,
        "facts": facts,
        "version": __version__,
    }
    for most in (*sorted(LEFT_OUT, reverse=True), 0):
        kept = [lighter(one, most) for one in every]
        gone = [text for weight, text in LEFT_OUT.items() if weight > most]
        said = [*left_out, *(f"For want of room, left out: {text}." for text in gone)]
        text = template().render(arms=kept, left_out=said, **parts)
        if len(text.encode()) <= limit:
            break
    return text


def shown(sheet: Sheet, card: Mapping[str, Any]) -> Shown:
    """One arm with all there is to see of it."""
    name = str(card["name"])
    dots = [sketches.distances(name, card.get("distance") or {})]
    dots += [
        sketches.frequencies(name, one["frequencies"])
        for one in card["objects"]
        if one["kind"] == "rotation"
    ]
    return Shown(
        name,
        card,
        facts.reached(sheet, name),
        facts.result(sheet, name),
        figures.figures(card),
        [one for one in dots if one is not None],
    )


def lighter(one: Shown, most: int) -> Shown:
    """The same without pictures that weigh more."""
    kept = [figure for figure in one.figures if figure.weight <= most]
    return Shown(one.name, one.card, one.reached, one.result, kept, one.dots)


def table(
    sheet: Sheet, filled: Sequence[columns.Filled], names: Sequence[str], caption: str
) -> Markup:
    """Some columns as a table, which is markup that is safe already; nothing if it has no facts."""
    chosen = [column for column in filled if column.name in names]
    found = html.table(sheet, chosen, caption) if len(chosen) > 1 else []
    return Markup("\n".join(found))


def harmless(value: Any) -> Any:
    """Text of others without what cannot be seen or would turn it around."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def template() -> jinja2.Template:
    """With every text made harmless, and an error for what it asks for and nobody gives."""
    known = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=harmless,
    )
    return known.get_template("page.html")
