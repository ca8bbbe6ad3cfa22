"""From plain data to a dataclass of `schema`, with every problem found, not only the first."""

import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import Field, fields, is_dataclass
from difflib import get_close_matches
from typing import Any

from vitpos.errors import Problem

Report = Callable[[Problem], None]
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
FEW = 20  # names of which it is worth the time to say what might have been meant
NUMERIC = {"at_least", "at_most", "above", "below", "multiple_of"}


def typed(kind: Any, data: object, path: str, report: Report) -> Any:
    """`data` as `kind`; what does not fit is reported, under its dotted `path`."""
    if is_dataclass(kind):
        return record(kind, data, path, report)
    if isinstance(kind, types.UnionType):
        inner = next(k for k in typing.get_args(kind) if k is not types.NoneType)
        return None if data is None else typed(inner, data, path, report)
    if typing.get_origin(kind) is list:
        (inner,) = typing.get_args(kind)
        if isinstance(data, list):
            return [typed(inner, item, path, report) for item in data]
        report(Problem(f"{path} = {data}: must be a list", f"{path}=[1,2]"))
        return []
    if typing.get_origin(kind) is dict:
        if isinstance(data, Mapping) and all(isinstance(v, Mapping) for v in data.values()):
            return {str(k): dict(v) for k, v in data.items()}
        report(Problem(f"{path} = {data}: must hold named options"))
        return {}
    return scalar(kind, data, path, report)


def record(kind: Any, data: object, path: str, report: Report) -> Any:
    """A dataclass from a mapping with exactly its fields, or None when something is wrong."""
    if not isinstance(data, Mapping):
        report(Problem(f"{path or 'the config'} = {data}: must hold named values"))
        return None
    known = {f.name: f for f in fields(kind)}
    for number, name in enumerate(name for name in data if name not in known):
        near = get_close_matches(str(name)[:80], known, n=1) if number < FEW else []
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        report(Problem(f"unknown key {join(path, name)}", hint))
    older = {name: f.metadata["absent"] for name, f in known.items() if "absent" in f.metadata}
    data = older | dict(data)
    for name in known.keys() - data.keys():
        report(Problem(f"{join(path, name)} is missing"))
    problems: list[Problem] = []
    hints = typing.get_type_hints(kind)
    values = {
        name: member(f, hints[name], data[name], join(path, name), problems.append)
        for name, f in known.items()
        if name in data
    }
    for problem in problems:
        report(problem)
    return None if problems or len(values) < len(known) else kind(**values)


def member(f: "Field[Any]", kind: Any, data: object, path: str, report: Report) -> Any:
    """One field: its type, then its limits."""
    problems: list[Problem] = []
    if "kinds" in f.metadata and isinstance(data, Mapping):
        kind = f.metadata["kinds"].get(str(data.get("kind")), kind)
    if isinstance(data, bool):
        data = f.metadata.get("truth", {}).get(data, data)
    if isinstance(data, str):
        data = f.metadata.get("words", {}).get(data, data)
    result = typed(kind, data, path, problems.append)
    if not problems and result is not None and f.metadata:
        for item in result if isinstance(result, list) else [result]:
            problems += limits(item, path, f.metadata)
    for problem in problems:
        report(problem)
    return result


def scalar(kind: Any, data: object, path: str, report: Report) -> Any:
    """A number, a truth value or a word; words and truth values are never numbers."""
    if data is None or (data == "" and kind is not str):
        report(Problem(f"{path}: empty value", f"{path} is {WORDS[kind]}"))
    elif kind is float and isinstance(data, int | float) and not isinstance(data, bool):
        if abs(data) <= sys.float_info.max:  # neither infinite nor too long nor not a number
            return float(data)
        report(Problem(f"{path} = {data}: must be finite"))
    elif kind is int and isinstance(data, float) and data.is_integer():
        report(Problem(f"{path} = {data}: must be a whole number", f"write {path}={int(data)}"))
    elif kind is str and isinstance(data, int | float) and not isinstance(data, bool):
        return str(data)
    elif not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        report(Problem(f"{path} = {data}: must be {WORDS[kind]}"))
    else:
        return data
    return None


def limits(value: Any, path: str, rules: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a number or a word under the rules of its field."""
    found = []
    if not isinstance(value, int | float) and rules.keys() & NUMERIC:
        return [Problem(f"{path} = {value}: must be a number")]
    if "one_of" in rules and value not in rules["one_of"]:
        near = get_close_matches(str(value).lower(), [str(o) for o in rules["one_of"]], n=1)
        known = ", ".join(map(str, rules["one_of"]))
        hint = f"did you mean {near[0]}?" if near else ""
        found.append(Problem(f"{path} = {value}: must be one of {known}", hint))
    if "at_least" in rules and value < rules["at_least"]:
        message = f"{path} = {value}: must be at least {rules['at_least']}"
        found.append(Problem(message, rules.get("hint", "")))
    if "at_most" in rules and value > rules["at_most"]:
        found.append(Problem(f"{path} = {value}: must be at most {rules['at_most']}"))
    if "above" in rules and value <= rules["above"]:
        found.append(Problem(f"{path} = {value}: must be above {rules['above']}"))
    if "below" in rules and value >= rules["below"]:
        found.append(Problem(f"{path} = {value}: must be below {rules['below']}"))
    if "multiple_of" in rules and value % rules["multiple_of"]:
        found.append(Problem(f"{path} = {value}: must be a multiple of {rules['multiple_of']}"))
    return found


def join(path: str, name: object) -> str:
    """A dotted path."""
    return f"{path}.{name}" if path else str(name)
