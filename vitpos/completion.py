"""What Tab offers: keys and values of overrides, and folders of runs.

Bash breaks a line at `=` too: it asks for `ro` where `embedding=ro` was typed, and wants `rope2d`.
Zsh and fish hand over whole words and want whole words. Typer tells neither the words before nor
which shell asks, so that is read from the environment in which the shell's script calls us.
"""

import os
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import yaml

from vitpos import catalogue, config
from vitpos.errors import UserError
from vitpos.records import is_run

VARIABLE = "_VITPOS_COMPLETE"
Values = dict[str, list[str]]


def prepare(environment: MutableMapping[str, str]) -> None:
    """Let Typer see an empty word after an `=`, which bash takes for the word itself."""
    if environment.get(VARIABLE) != "complete_bash":
        return
    words, at = bash_words(environment)
    if at < len(words) and words[at] == "=":
        environment["COMP_CWORD"] = str(at + 1)
        environment["COMP_WORDS"] = "\n".join(words[: at + 1])


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
    whole = glued([*words[:at], *([words[at]] if at < len(words) else [])])
    current = whole.pop() if at >= len(words) or words[at] else ""
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
        return [text[known:] for text in candidates(word, before) if text.startswith(word)]
    except (UserError, OSError):
        return []  # Tab has nowhere to tell an error


def candidates(word: str, before: list[str]) -> list[str]:
    """Whole words that may continue this one.

    A value key is offered bare and with its default: bash then adds no space after the `=`.
    """
    values = known_values(before)
    key, equals, text = word.partition("=")
    if equals:
        return [f"{key}={value}" for value in continued(key, text, values)]
    fitting = [name for name in values if name.startswith(word)]
    if len(fitting) != 1:
        return [f"{name}=" for name in fitting]
    (name,) = fitting
    return [f"{name}=", *(f"{name}={value}" for value in values[name])]


def continued(key: str, text: str, values: Values) -> list[str]:
    """Values for a key; of several embeddings, those before the last stay."""
    if key != "embedding":
        return values.get(key, [])
    cut = max(text.rfind(mark) for mark in "+,[") + 1
    chosen = {name.strip("[ ") for name in text[:cut].replace("+", ",").split(",")}
    return [f"{text[:cut]}{name}" for name in values["embedding"] if name not in chosen]


def known_values(before: list[str]) -> Values:
    """Each key with what it may be: of groups the files, of others what is known of them."""
    chosen = {group: [str(name)] for group, name in catalogue.defaults().items()}
    for word in before:
        group, equals, names = word.partition("=")
        if equals and group in config.GROUPS:
            chosen[group] = [name.strip("[]") for name in names.replace("+", ",").split(",")]
    values: Values = {group: config.options(group) for group in config.GROUPS}
    for key, default in catalogue.defaults().items():
        if key not in config.GROUPS:
            values[key] = possible(key, default)
    for group in config.GROUPS:
        for name in chosen[group]:
            values |= inside(group, name)
    return values


def inside(group: str, name: str) -> Values:
    """The keys within one file of a group."""
    path = config.folder() / group / f"{name}.yaml"
    if not path.is_file():
        return {}
    data = catalogue.load(path.read_text("utf-8"), path)
    needs = (data.get(name) or {}).get("_needs_", {}) if group == "embedding" else {}
    found = {}
    for key, default in leaves(data, group):
        last = key.rpartition(".")[2]
        if "._" not in key:
            found[key] = [*map(str, needs.get(last, {}).get("one_of", ()))] or possible(
                key, default
            )
    return found


def leaves(data: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """All values in a file with their dotted paths."""
    for name, value in data.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{path}.{name}")
        else:
            yield f"{path}.{name}", value


def possible(key: str, default: Any) -> list[str]:
    """What a value may be: the words the schema allows, true and false, else the default."""
    if key == "device":
        return ["auto", "cpu", "cuda", "mps"]
    words = allowed(key)
    if words:
        return words
    if isinstance(default, bool):
        return ["false", "true"]
    if default in (None, "") or "${" in str(default):
        return []
    return [yaml.safe_dump(default, default_flow_style=True).split("\n")[0]]


def allowed(key: str) -> list[str]:
    """The words that the schema allows at a dotted path."""
    from dataclasses import fields, is_dataclass
    from typing import get_type_hints

    from vitpos.schema import Run

    kind: Any = Run
    metadata: Mapping[str, Any] = {}
    for name in key.split("."):
        if not is_dataclass(kind):
            return []
        metadata = {f.name: f.metadata for f in fields(kind)}.get(name, {})
        kind = get_type_hints(kind).get(name)
    return [str(word) for word in metadata.get("one_of", ())]


def runs(incomplete: str) -> list[str]:
    """Folders of runs that the typed path may lead to, and of studies."""
    start = incomplete or f"{catalogue.outputs()}/"
    top = Path(start if start.endswith("/") else Path(start).parent)
    found = sorted(f"{path}{'' if is_run(path) else '/'}" for path in below(top))
    return [path for path in found if path.startswith(incomplete)]


def below(top: Path, depth: int = 2) -> Iterator[Path]:
    """The runs in a folder and two levels below, and the folders that hold any."""
    try:
        inside = sorted(path for path in top.iterdir() if path.is_dir())
    except OSError:
        return
    for path in inside:
        if is_run(path):
            yield path
        elif depth and not path.name.startswith("."):
            deeper = list(below(path, depth - 1))
            if deeper:
                yield path
                yield from deeper


def groups(incomplete: str) -> list[str]:
    """What can be listed."""
    return [name for name in (*catalogue.GROUPS, "runs") if name.startswith(incomplete)]


def datasets(incomplete: str) -> list[str]:
    """The names of all data sets."""
    try:
        return [name for name in config.options("dataset") if name.startswith(incomplete)]
    except UserError:
        return []
