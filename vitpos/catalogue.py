"""What there is to choose from: the files in `configs/`, described by their own first lines.

The first comment line of a file says what it is. In an embedding's file the second names the paper
and the third what the field calls it; then come facts, `# word: text`, a line each (`FACTS`), and
what its contract does not hold, with the reason: `# exception: TEST - WHY`.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from vitpos import config
from vitpos.errors import BadInput
from vitpos.plain_yaml import complaint, stop_at_brackets

GROUPS = {  # as they are asked for, and their folders
    "embeddings": "embedding",
    "datasets": "dataset",
    "backbones": "backbone",
    "trainings": "training",
    "patches": "patch",
    "tasks": "task",
    "studies": "study",
}
MORE = {  # parts of a study that are told with its question
    "tune": "`vitpos tune` has a grid for it",
    "stopping": "stops arms early",
}
FACTS = {  # of an embedding, in this order
    "family": "family",
    "acts": "acts on",
    "formula": "formula",
    "axes": "axes",
    "starts": "starts",
    "parameters": "parameters",
    "verified": "verified",
}

MEASURED = {  # of a way to make patches, at 4 pixels of 32 x 32 in three colours, 192 channels
    "tokens": "tokens",
    "operations": "operations",
    "leak": "position",
}


@dataclass(frozen=True)
class Entry:
    """One file of a group."""

    name: str
    description: str
    paper: str
    known_as: str
    new_grid: str | None  # how it meets a grid it was not trained on; None: it has no choice
    options: dict[str, Any]
    facts: dict[str, str]  # by the words of `FACTS` or `MEASURED`
    exceptions: dict[str, str]  # tests of the contract that do not hold, and why

    @property
    def parameters(self) -> int | None:
        """Learned numbers at the reference size, as the file says."""
        told = self.facts.get("parameters", "").replace(",", "").replace("_", "")
        return int(told) if told.isdecimal() else None


def group(word: str) -> str:
    """The folder that is meant by `embeddings` or `embedding`; raises `BadInput` for another."""
    lower = word.lower()
    if lower in GROUPS.values():
        return lower
    if lower in GROUPS:
        return GROUPS[lower]
    known = [*GROUPS, "probes", "runs"]
    near = get_close_matches(lower, [*known, *GROUPS.values()], n=1)
    hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
    raise BadInput(f"there are no {word} to list", hint)


def entries(folder: str) -> list[Entry]:
    """All there is in a group, by name."""
    return [read(path) for _, path in sorted(config.files(folder).items())]


def entry(name: str) -> Entry:
    """One embedding."""
    return read(file_of(name))


def read(path: Path) -> Entry:
    """What a file says of itself."""
    text = text_of(path)
    options = load(text, path)
    own = options.get(path.stem)
    if isinstance(own, dict):  # an embedding holds its own key
        options = own
    lines = [*header(text), "", "", ""]
    if path.parent.name == "study":
        more = "; ".join(MORE[key] for key in MORE if options.get(key) is not None)
        question = f"{options.get('question', '')}{f' ({more})' if more else ''}"
        lines[1:3] = [str(options.get("source", "")), question]
    told = list(facts(lines[3:]))
    rule = options.get("new_grid", options.get("resample"))
    return Entry(
        name=path.stem,
        description=lines[0],
        paper=lines[1],
        known_as=lines[2],
        new_grid=None if rule is None else str(rule),
        options={str(k): value for k, value in options.items() if not str(k).startswith("_")},
        facts={word: text for word, text in told if word in FACTS or word in MEASURED},
        exceptions=dict(exception(text) for word, text in told if word == "exception"),
    )


def facts(lines: list[str]) -> Iterator[tuple[str, str]]:
    """The lines that are `word: text`."""
    for line in lines:
        word, colon, text = line.partition(":")
        if colon and word in (*FACTS, *MEASURED, "exception"):
            yield word, text.strip()


def exception(text: str) -> tuple[str, str]:
    """A test, and why it does not hold."""
    test, _, why = text.partition(" - ")
    return test.strip(), why.strip()


def given(name: str) -> dict[str, Any]:
    """All options of an embedding's file, `_target_` and the like too."""
    path = file_of(name)
    return dict(load(text_of(path), path)[name])


def file_of(name: str) -> Path:
    """The file of an embedding; `BadInput` names the nearest."""
    known = config.files("embedding")
    if name not in known:
        near = sorted((n for n in known if name and n.startswith(name)), key=len)[:3]
        near = near or get_close_matches(name, known)
        hint = f"did you mean {' or '.join(near)}?" if near else "`vitpos list embeddings`"
        raise BadInput(f"there is no embedding {name}", hint)
    return known[name]


def remarks(name: str) -> dict[str, str]:
    """What the file of an embedding says behind its options, at the end of their lines."""
    found = {}
    for line in text_of(file_of(name)).splitlines():
        code, mark, text = line.partition("  # ")
        if mark and ":" in code and code.startswith("  "):
            found[code.partition(":")[0].strip()] = text.strip()
    return found


def header(text: str) -> list[str]:
    """The comment lines that a file starts with."""
    found = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        found.append(line.lstrip("# ").rstrip())
    return found


def text_of(path: Path) -> str:
    """What a config file holds; `BadInput` if it is no text."""
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise BadInput(complaint(path, error)) from error


def load(text: str, path: Path) -> dict[str, Any]:
    """A config file as plain data; references to other values stay as they are written."""
    try:
        stop_at_brackets(text)
        data = yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadInput(complaint(path, error)) from error
    return {str(key): value for key, value in data.items()} if isinstance(data, dict) else {}


def defaults() -> dict[str, Any]:
    """A run without overrides: the values of `train.yaml`, and its choice for each group."""
    path = config.folder() / "train.yaml"
    data = load(text_of(path), path)
    chosen = [item for item in data.pop("defaults", []) if isinstance(item, dict)]
    return data | {name: choice for item in chosen for name, choice in item.items()}


def outputs() -> Path:
    """Where runs are, unless one says otherwise."""
    return Path(str(defaults()["outputs"]))


def plain(found: list[Entry]) -> list[dict[str, Any]]:
    """For programs."""
    return [one_plain(entry) for entry in found]


def one_plain(entry: Entry) -> dict[str, Any]:
    """One file for programs; what only embeddings have is left out of the others."""
    data = asdict(entry)
    told, exceptions = data.pop("facts"), data.pop("exceptions")
    if "leak" in told:
        data |= told
    elif told:
        data |= told | {"parameters": entry.parameters, "exceptions": exceptions}
    return data
