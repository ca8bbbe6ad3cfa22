"""Runs for a bench, with Hydra or, on machines that lack it, from the same files without it.

Only what a bench needs is understood without Hydra: one file of each group (`embedding=a+b` is
two), and values of keys that are there.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from typing import Any

import yaml

from vitpos import catalogue, checks, config
from vitpos.errors import BadInput, Problem
from vitpos.plain_yaml import read_yaml
from vitpos.schema import Run
from vitpos.typed import typed

REFERENCE = re.compile(r"\$\{([\w.]+)\}")
HYDRA = ("hydra", "omegaconf")


def compose(words: Iterable[str]) -> Run:
    """The run that `key=value` words ask for; raises `BadInput`."""
    return composed(tuple(words))


@cache
def composed(words: tuple[str, ...]) -> Run:
    """Composing takes a while, and contenders ask for the same again."""
    try:
        return config.compose(words)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in HYDRA:
            raise
        return plainly(words)


def lacking() -> str:
    """Which packages of the command line are not there, in a line; nothing if all are."""
    packages = {"hydra-core": "hydra", "omegaconf": "omegaconf"}
    found = [name for name, module in packages.items() if find_spec(module) is None]
    names = " and ".join(found)
    return f"not installed: {names}; runs are made from their files without Hydra" if found else ""


def plainly(words: Iterable[str]) -> Run:
    """The same without Hydra."""
    given = dict(word.partition("=")[::2] for word in words)
    data = catalogue.defaults()
    for group in config.GROUPS:
        chosen = str(given.pop(group, data[group])).split("+")
        known = config.files(group)
        for name in chosen:
            if name not in known:
                raise BadInput(f"{group} = {name}: there is no such {group}")
        data[group] = {}
        for name in chosen:
            data[group] |= read_yaml(known[name]).data
    for key, text in given.items():
        put(data, key.split("."), value(text), key)
    problems: list[Problem] = []
    run: Run | None = typed(Run, resolved(data, data), "", problems.append)
    if run is not None and not problems:
        problems += checks.problems(run)
    if problems or run is None:
        raise BadInput.all_of(problems)
    return run


def put(data: dict[str, Any], path: list[str], new: Any, key: str) -> None:
    """Set a value at a key that is there."""
    for part in path[:-1]:
        data = data.get(part, {})
    if path[-1] not in data:
        raise BadInput(f"unknown key {key}")
    data[path[-1]] = new


def value(text: str) -> Any:
    """What a word stands for: numbers are those of Python, which YAML reads as text at times."""
    try:
        return float(text) if re.search(r"[.eE]", text) else int(text)
    except ValueError:
        return yaml.safe_load(text)


def resolved(part: Any, whole: dict[str, Any]) -> Any:
    """The same data with references followed."""
    if isinstance(part, dict):
        return {key: resolved(value, whole) for key, value in part.items()}
    if isinstance(part, list):
        return [resolved(value, whole) for value in part]
    found = REFERENCE.fullmatch(part) if isinstance(part, str) else None
    if found is None:
        return part
    here: Any = whole
    for name in found[1].split("."):
        here = here[name]
    return resolved(here, whole)
