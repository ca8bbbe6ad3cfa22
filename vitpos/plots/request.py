"""What is asked for on the command line, checked before anything heavy is imported."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from vitpos.errors import BadInput

WHAT = ("curves", "seeds", "pareto", "resolution")  # unless something else is asked for
POSITION = "position"  # what strategies are: networks are loaded for it
PROTOCOLS = ("resize", "canvas", "patch")  # of the probe `resolution`
TIMES = ("epochs", "images", "seconds")  # of curves: the first unless another is asked for
COSTS = ("params", "flops", "seconds", "memory")  # of the front


@dataclass(frozen=True)
class Wanted:
    """What shall be drawn, against what, and how it is written down."""

    what: Sequence[str] = WHAT
    against: Sequence[str] = ()  # of TIMES and COSTS: the first that fits a picture counts
    form: str = "svg"  # svg, pdf, png
    folder: Path | None = None  # None: `plots` in the folder of the study

    @property
    def is_look(self) -> bool:
        """Whether it shows what the study is judged by: curves are of other images or numbers."""
        return not set(self.what) <= {"curves", POSITION, *PROTOCOLS}


@dataclass(frozen=True)
class Result:
    """Files that were written, and why there is no picture of the rest."""

    paths: tuple[Path, ...]
    missing: tuple[str, ...]


def wanted(what: str | None, against: str | None, form: str, folder: Path | None) -> Wanted:
    """What is typed; raises `BadInput` for a word that means nothing, or without matplotlib."""
    found = Wanted(
        listed(what, (*WHAT, POSITION, *PROTOCOLS), "--what {}: there is no such picture") or WHAT,
        listed(against, tuple(dict.fromkeys((*TIMES, *COSTS))), "--x {}: nothing is drawn so"),
        form,
        folder,
    )
    try:
        import_module("matplotlib")
    except ImportError as error:
        message = "pictures need matplotlib, which is not installed"
        raise BadInput(message, "pip install matplotlib") from error
    return found


def listed(typed: str | None, known: Sequence[str], complaint: str) -> tuple[str, ...]:
    """Words between commas, each once."""
    found = tuple(dict.fromkeys(w.strip() for w in (typed or "").split(",") if w.strip()))
    for word in found:
        if word not in known:
            near = get_close_matches(word, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
            raise BadInput(complaint.format(word), hint)
    return found
