"""How pictures look: colours that everybody can tell apart, sizes of a paper, harmless texts."""

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

from vitpos.words import count_words

COLUMN, PAGE = 3.5, 7.1  # inches: one column of a paper, and both
SMALL, TEXT = 6.5, 7.5  # points
INK, GREY, FAINT = "#000000", "#767676", "#c8c8c8"

RC: Any = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same letters everywhere
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ececec",
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "text.parse_math": False,  # a name with $ in it is a name
    "svg.hashsalt": "vitpos",  # the same numbers make the same file
    "pdf.fonttype": 42,
    "figure.dpi": 300,
    "savefig.dpi": 300,
}


PERCENT = FuncFormatter(lambda value, _: f"{round(100 * value, 9):g}")  # of a share
POINTS = FuncFormatter(lambda value, _: f"{100 * value:+.10g}" if abs(value) > 1e-9 else "0")
PLAIN = FuncFormatter(
    lambda value, _: f"{value:.10g}" if abs(value) < 10000 else count_words(value)
)


class Look(NamedTuple):
    """How an arm is drawn: told apart by colour, by dashes and by marker."""

    colour: str
    dashes: Any
    marker: str


BASELINE = Look(INK, "solid", "X")
# Okabe and Ito 2008, Color Universal Design, without the yellow, which is not seen on white
LOOKS = (
    Look("#0072B2", "solid", "o"),
    Look("#D55E00", (0, (5, 1.5)), "s"),
    Look("#009E73", (0, (3, 1, 1, 1)), "^"),
    Look("#CC79A7", (0, (1, 1)), "D"),
    Look("#E69F00", (0, (7, 1, 1, 1, 1, 1)), "v"),
    Look("#56B4E9", (0, (8, 3)), "P"),
)
MOST = len(LOOKS) + 1  # arms with a colour of their own, with the baseline


def looks(labels: Sequence[str], baseline: str | None) -> dict[str, Look]:
    """A look for each of the first labels, and for the baseline wherever it stands."""
    others = [label for label in labels if label != baseline]
    room = len(LOOKS)
    found = dict(zip(others[:room], LOOKS, strict=False))
    return ({baseline: BASELINE} if baseline in labels and baseline is not None else {}) | found


@contextmanager
def styled() -> Iterator[None]:
    """Our style and nobody else's, until the block is left."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


def figure(width: float, height: float, title: str, caption: str) -> Figure:
    """An empty figure whose axes will leave room for its title and, below, its caption.

    `height` is that of the axes, in inches: title and caption come on top of it.
    """
    above = textwrap.wrap(title, letters(width, TEXT + 1)) or [""]
    below = textwrap.wrap(caption, letters(width, SMALL - 0.5)) or [""]
    top, bottom = 0.155 * len(above) + 0.06, 0.115 * len(below) + 0.08
    full = height + top + bottom
    room = ConstrainedLayoutEngine(rect=(0, bottom / full, 1, height / full))
    made = Figure(figsize=(width, full), layout=room)
    left = 0.06 / width
    made.text(left, 1 - 0.04 / full, "\n".join(above), va="top", size=TEXT + 1)
    note: Any = {"va": "bottom", "size": SMALL - 0.5, "color": GREY}
    made.text(left, 0.04 / full, "\n".join(below), **note)
    return made


def letters(width: float, size: float) -> int:
    """How many letters of so many points surely fit into a line of so many inches."""
    return max(20, int((width - 0.12) * 72 / (0.56 * size)))


def folded(text: str, wide: int, lines: int = 6) -> str:
    """A text in lines of at most so many letters; what does not fit is left out."""
    return "\n".join(textwrap.wrap(shown(text, 400), wide, max_lines=lines, placeholder=" …"))


def shown(text: str, most: int = 32) -> str:
    """A name as it can be drawn: in one line, letters that the font has, and not too long.

    What cannot be seen, or would turn the text around, is spelled as Python does.
    """
    said = "".join(c if drawable(c) else c.encode("unicode_escape").decode() for c in text)
    return said if len(said) <= most else f"{said[: most // 2]}…{said[-(most - most // 2 - 1) :]}"


def drawable(character: str) -> bool:
    """Whether it is a letter or sign that the font has."""
    return character == " " or (
        unicodedata.category(character)[0] not in "CZ" and ord(character) in glyphs()
    )


@cache
def glyphs() -> frozenset[int]:
    """What the font has."""
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())
