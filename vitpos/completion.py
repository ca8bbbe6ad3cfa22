"""What Tab offers: keys and values of overrides, and folders of runs.

Bash breaks a line at `=` too: it asks for `ro` where `embedding=ro` was typed, and wants `rope2d`.
Right after the `=` it asks for that, which Click takes for an empty word.
Zsh and fish hand over whole words and want whole words. Typer tells neither the words before nor
which shell asks, so that is read from the environment in which the shell's script calls us.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from vitpos import catalogue, config, plugins
from vitpos.errors import UserError
from vitpos.schema import Run

VARIABLE = "_VITPOS_COMPLETE"
MARK = "config.yaml"  # makes a folder that of a run


class Key(NamedTuple):
    """A value's default, and the words it may be if its file says so."""

    default: Any
    words: list[Any]


def bash_words(environment: Mapping[str, str]) -> tuple[list[str], int]:
    """The words of the line as bash broke it, and which of them is being typed."""
    words = environment.get("COMP_WORDS", "").split("\n")
    return words, int(environment.get("COMP_CWORD") or 0)


def line(environment: Mapping[str, str], incomplete: str) -> tuple[list[str], str, int]:
    """Whole words before, the whole word being typed, and how much of it bash already has."""
    if environment.get(VARIABLE) != "complete_bash":
        before = environment.get("_TYPER_COMPLETE_ARGS", "").split()
        return before, incomplete, 0
    words, at = bash_words(environment)
    if at < len(words) and words[at][:1] in ("'", '"'):  # within quotes it does not break words
        return glued(words[:at]), incomplete, 0
    whole = glued(words[: at + 1])
    current = whole.pop() if words[at:] and words[at] else ""
    return whole, current, len(current) - len(incomplete)


def glued(words: list[str]) -> list[str]:
    """Words with the `=` and what follows it put back."""
    whole: list[str] = []
    for word in words:
        if whole and (word == "=" or whole[-1].endswith("=")):
            whole[-1] += word
        else:
            whole.append(word)
    return whole


def overrides(incomplete: str) -> list[str]:
    """What could be meant by the beginning of an override."""
    before, word, known = line(os.environ, incomplete)
    try:
        plugins.trust(named(before))
        return [text[known:] for text in candidates(word, before) if text.startswith(word)]
    except (UserError, OSError):
        return []  # Tab has nowhere to tell an error


def named(before: list[str]) -> list[str]:
    """The plugins that the line names so far."""
    glued_on = [text.removeprefix("--plugin=") for text in before if text.startswith("--plugin=")]
    return [after for text, after in pairwise(before) if text == "--plugin"] + glued_on


def candidates(word: str, before: list[str]) -> list[str]:
    """Whole words that may continue this one.

    A key that is found is offered bare and with its values: bash then adds no space after the `=`.
    """
    keys = known_keys(before)
    key, equals, text = word.partition("=")
    if equals:
        return [f"{key}={value}" for value in continued(key, text, keys)]
    fitting = [name for name in keys if name.startswith(word)]
    if len(fitting) != 1:
        return [f"{name}=" for name in fitting]
    [name] = fitting
    return [f"{name}=", *(f"{name}={value}" for value in values(name, keys))]


def continued(key: str, text: str, keys: Mapping[str, Key]) -> list[str]:
    """Values for a key; of several, those before the last stay."""
    cut = max(text.rfind(mark) for mark in ("+,[" if key == "embedding" else ",")) + 1
    chosen = {name.strip("[ ") for name in text[:cut].replace("+", ",").split(",")}
    return [f"{text[:cut]}{name}" for name in values(key, keys) if name not in chosen]


def known_keys(before: list[str]) -> dict[str, Key]:
    """The keys of a run, given the words before: a group's choice has keys of its own."""
    keys = {key: Key(default, []) for key, default in catalogue.defaults().items()}
    chosen = {group: [str(keys[group].default)] for group in config.GROUPS}
    for word in before:
        group, equals, names = word.partition("=")
        if equals and group in config.GROUPS:
            chosen[group] = [name.strip("[]") for name in names.replace("+", ",").split(",")]
    for group, files in chosen.items():
        for name in files:
            keys |= inside(group, name)
    return {key: keys[key] for key in (*config.GROUPS, *keys)}


def inside(group: str, name: str) -> dict[str, Key]:
    """The keys within one file of a group."""
    path = config.files(group).get(name)
    if path is None:
        return {}
    data = catalogue.load(path.read_text("utf-8"), path)
    needs = (data.get(name) or {}).get("_needs_", {}) if group == "embedding" else {}
    return {
        key: Key(default, needs.get(key.rpartition(".")[2], {}).get("one_of", []))
        for key, default in leaves(data, group)
        if "._" not in key
    }


def leaves(data: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """All values in a file with their dotted paths."""
    for name, value in data.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{path}.{name}")
        else:
            yield f"{path}.{name}", value


def values(name: str, keys: Mapping[str, Key]) -> list[str]:
    """What a key may be: a group's files, the words that are allowed, else its default."""
    if name in (*config.GROUPS, "study"):
        return config.options(name)
    if name not in keys:
        return []
    if name == "device":
        return ["auto", "cpu", "cuda", "mps"]
    default, words = keys[name]
    found = words or allowed(name)
    if found:
        return [str(word) for word in found]
    if isinstance(default, bool):
        return ["false", "true"]
    if default in (None, "", []) or "${" in str(default):
        return []
    return [
        json.dumps(default, separators=(",", ":")) if isinstance(default, list) else str(default)
    ]


def allowed(name: str) -> list[str]:
    """The words that the schema allows at a dotted path."""
    kind: Any = Run
    rules: Mapping[str, Any] = {}
    for part in name.split("."):
        if not is_dataclass(kind):
            return []
        rules = {f.name: f.metadata for f in fields(kind)}.get(part, {})
        kind = get_type_hints(kind).get(part)
    return list(rules.get("one_of", ()))


def runs(incomplete: str) -> list[str]:
    """Folders of runs that the typed path may lead to, and of studies."""
    start = incomplete or f"{catalogue.outputs()}/"
    top = Path(start if start.endswith("/") else Path(start).parent)
    found = sorted(f"{path}{'' if (path / MARK).is_file() else '/'}" for path in below(top))
    return [path for path in found if path.startswith(incomplete)]


def below(top: Path, depth: int = 2) -> Iterator[Path]:
    """The runs in a folder and two levels below, and the folders that hold any."""
    try:
        inside = sorted(path for path in top.iterdir() if path.is_dir())
    except OSError:
        return
    for path in inside:
        if (path / MARK).is_file():
            yield path
        elif depth and not path.name.startswith("."):
            deeper = list(below(path, depth - 1))
            if deeper:
                yield path
                yield from deeper


def groups(incomplete: str) -> list[str]:
    """What can be listed."""
    return [name for name in (*catalogue.GROUPS, "probes", "runs") if name.startswith(incomplete)]


def datasets(incomplete: str) -> list[str]:
    """The names of all data sets."""
    try:
        return [name for name in config.options("dataset") if name.startswith(incomplete)]
    except UserError:
        return []


def embeddings(incomplete: str) -> list[str]:
    """The names of all embeddings."""
    before, _, _ = line(os.environ, incomplete)
    try:
        plugins.trust(named(before))
        return [name for name in config.options("embedding") if name.startswith(incomplete)]
    except UserError:
        return []
