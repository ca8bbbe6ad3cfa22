"""What was probably meant instead."""

import shlex
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path


def command(*words: str | Path) -> str:
    """`vitpos ...` as it is typed, whatever is in the name of a folder."""
    return shlex.join(["vitpos", *map(str, words)])


def offered(known: Sequence[str], group: str) -> str:
    """All names, or where to see them if they are many."""
    if len(known) == 1:
        return f"the only one is {known[0]}"
    if len(known) <= 12:
        return f"one of {', '.join(known)}"
    return f"`vitpos list {group}s` shows all {len(known)}"


def near_name(wanted: str, known: Sequence[str], group: str) -> str:
    """The names that begin so, or look like it."""
    near = sorted((n for n in known if wanted and n.startswith(wanted)), key=len)[:3]
    near = near or get_close_matches(wanted, known)
    return f"did you mean {' or '.join(near)}?" if near else offered(known, group)


def near_key(key: str, known: Iterable[str], groups: Sequence[str]) -> str:
    """The key whose last word is this one, or looks like it."""
    known = [k for k in known if "._" not in k]
    last = key.rsplit(".", 1)[-1].lower()
    by_last = {k.rsplit(".", 1)[-1]: k for k in reversed(known)}
    near = get_close_matches(key, known, n=1, cutoff=0.8) or [
        by_last[n] for n in get_close_matches(last, by_last, n=1, cutoff=0.7)
    ]
    near = near or get_close_matches(last, groups, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else "`vitpos train --cfg` shows all keys"
