"""Words of the command line: Hydra's grammar, read by Hydra's parser, and what needs no quotes.

::

    key=value                            one value
    key=a,b                              several, as are choice(), range(), glob(), sort() ...
    embedding=a+b                        both at once: Hydra's [a,b]
    seed=0..4   backbone.depth=2..8..2   0 to 4; every second from 2 to 8
    @FILE                                the words in a file, one on each line; # starts a comment
"""

import math
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from vitpos.errors import BadInput, Problem
from vitpos.hints import near_key

SPAN = re.compile(r"(-?\d{1,19})\.\.(-?\d{1,19})(?:\.\.(\d{1,19}))?")
FREE = ("notes", "name", "study", "outputs", "dataset.root")  # words in which two dots are dots
LONGEST = 2**20  # bytes of a file of words
MOST = 10_000  # values of a key, and runs of a sweep


def given(words: Iterable[str]) -> list[str]:
    """All words, with those of files in place of their `@FILE`; raises `BadInput`."""
    found = []
    for word in words:
        found += lines(Path(word[1:]).expanduser()) if word.startswith("@") else [word]
    return found


def lines(path: Path) -> list[str]:
    """The words of a file."""
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise BadInput(f"@{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"@{path}: not UTF-8 text") from error
    if len(data) > LONGEST:
        raise BadInput(f"@{path}: more than {LONGEST} bytes are no list of words")
    comment = re.compile(r"""^\s*#.*|\s#[^'"]*$""")  # in quotes it is none
    stripped = (comment.sub("", line).strip() for line in text.splitlines())
    return [line for line in stripped if line]


def is_for_hydra(word: str) -> bool:
    """Whether it tells Hydra itself something, and not what a run is."""
    return word.partition("=")[0].lstrip("+~").startswith(("hydra/", "hydra."))


def parse(word: str, groups: Sequence[str], problems: list[Problem]) -> tuple[str, Any] | None:
    """A key and its one value; None if it has none, which is then a problem."""
    found = read(word, groups, problems)
    if found is None:
        return None
    key, parsed = found
    if isinstance(parsed, str):
        return key, parsed
    if parsed.is_sweep_override() or (key not in FREE and spans(parsed)):
        problems.append(one_too_many(word, key))
        return None
    return key, parsed.value()


def one_too_many(word: str, key: str) -> Problem:
    """Several values where one run has one."""
    _, _, text = word.partition("=")
    hint = f"each in a run of its own: `vitpos sweep {word}`"
    if key == "embedding" and re.fullmatch(r"[\w,]+", text):
        hint = f"both at once: {key}={text.replace(',', '+')}; {hint}"
    elif re.fullmatch(r"\d+,\d+", text):
        hint = f"a decimal point, not a comma? {hint}"
    return Problem(f"{word}: more than one value for one run", hint)


def several(
    word: str, groups: Sequence[str], known: Sequence[str], problems: list[Problem]
) -> tuple[str, list[Any]] | None:
    """A key and all its values, in order; `known` are the names that `glob()` chooses from.

    They are those that Hydra's own sweeper would try, and those of `0..4`.
    """
    found = read(word, groups, problems)
    if found is None:
        return None
    key, parsed = found
    if isinstance(parsed, str):
        return key, [parsed]
    values: list[Any] = []
    try:
        if parsed.is_range_sweep():
            values += numbers(parsed.value())
        else:
            for text in texts(parsed, known):
                values += span(text) if key not in FREE and SPAN.fullmatch(text) else [plain(text)]
    except (ArithmeticError, ValueError) as error:
        problems.append(Problem(f"{word}: {error}"))
        return None
    if not values:
        problems.append(Problem(f"{word}: not one value", "nothing would run"))
        return None
    return key, values


def read(word: str, groups: Sequence[str], problems: list[Problem]) -> tuple[str, Any] | None:
    """A key, and what Hydra's parser makes of it; or the bare text, if that is all it can be."""
    from hydra.errors import HydraException

    key, equals, text = word.partition("=")
    if is_for_hydra(word):
        problems.append(Problem(f"{word}: for a sweep, not for one run", "vitpos sweep ..."))
        return None
    if not equals:
        problems.append(Problem(f"{word!r} is not KEY=VALUE", near_key(word, groups, groups)))
        return None
    if key[:1] in "+~":
        hint = f"{key.lstrip('+~')}=..."
        problems.append(Problem(f"{word}: keys are neither added nor removed", hint))
        return None
    try:
        parsed = grammar(key, text)
    except (HydraException, ValueError, RecursionError):  # too many digits, too many brackets
        if not text.isascii() and not set(text) & set("'\"[]{}"):
            return key, text  # the grammar knows no letters but these
        problems.append(Problem(f"{word!r} cannot be read", "quote it: 'key=\"some text\"'"))
        return None
    return parsed.get_key_element().lstrip("+~") if "*" not in key else key, parsed


@lru_cache(maxsize=4096)  # a millisecond each, and the members of a sweep share most words
def grammar(key: str, text: str) -> Any:
    """One override as Hydra parses it; `embedding.*.theta` is a key of ours."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(f"{key.replace('.*.', '._.')}={text}")


def plain(text: str) -> Any:
    """The value that is spelled so."""
    return grammar("value", text).value()


def spelled(value: Any) -> Any:
    """A value for `studies.text`: words in quotes where they would be read as something else."""
    from hydra.core.override_parser.types import Quote, QuotedString
    from hydra.errors import HydraException

    if not isinstance(value, str):
        return value
    try:
        parsed = grammar("value", value)
        same = not parsed.is_sweep_override() and parsed.value() == value and not spans(parsed)
    except (HydraException, ValueError, RecursionError):
        same = False
    return value if same else QuotedString(value, Quote.single).with_quotes()


def texts(parsed: Any, known: Sequence[str]) -> list[str]:
    """How each value is spelled, as Hydra's own sweeper would pass it on."""
    if not parsed.is_sweep_override():
        return [parsed.get_value_element_as_str()]
    if not parsed.is_discrete_sweep():
        raise ValueError("an interval is for a sweeper that searches: hydra/sweeper=optuna")
    value = parsed.value()
    if hasattr(value, "filter"):  # a glob
        return list(value.filter(list(known)))
    return list(parsed.sweep_string_iterator())


def numbers(sweep: Any) -> list[int | float]:
    """Those of a `range()`, in order unless they are to be shuffled."""
    if not sweep.step:
        raise ValueError("a step of 0 leads nowhere")
    bounded(math.ceil((Decimal(sweep.stop) - Decimal(sweep.start)) / Decimal(sweep.step)))
    found = list(sweep.range())
    return random.sample(found, len(found)) if sweep.shuffle else found


def bounded(count: int) -> None:
    """Raise `ValueError` if these are too many to be written down."""
    if count > MOST:
        raise ValueError(f"{count:,} values; a sweep has at most {MOST:,} runs")


def spans(parsed: Any) -> bool:
    """Whether this is ``0..4``, and not in quotes."""
    return bool(SPAN.fullmatch(parsed.get_value_element_as_str()))


def span(text: str) -> Iterator[int]:
    """The numbers of ``0..4`` or ``2..8..2``, both ends included."""
    found = SPAN.fullmatch(text)
    assert found is not None
    first, last, step = int(found[1]), int(found[2]), int(found[3] or 1)
    if not step:
        raise ValueError("a step of 0 leads nowhere")
    bounded((last - first) // step + 1)
    yield from range(first, last + 1, step)
