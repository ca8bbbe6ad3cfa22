"""What there is to choose from: the files in `configs/`, described by their own first lines.

The first comment line of a file says what it is; in an embedding's file the second names the paper
and the third what the field calls it.
"""

from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from vitpos import config
from vitpos.errors import BadInput

GROUPS = {  # as they are asked for, and their folders
    "embeddings": "embedding",
    "datasets": "dataset",
    "backbones": "backbone",
    "trainings": "training",
    "patches": "patch",
    "studies": "study",
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


def group(word: str) -> str:
    """The folder that is meant by `embeddings` or `embedding`; raises `BadInput` for another."""
    lower = word.lower()
    if lower in GROUPS.values():
        return lower
    if lower in GROUPS:
        return GROUPS[lower]
    known = [*GROUPS, "runs"]
    near = get_close_matches(lower, [*known, *GROUPS.values()], n=1)
    hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
    raise BadInput(f"there are no {word} to list", hint)


def entries(folder: str) -> list[Entry]:
    """All there is in a group, by name."""
    return [read(path) for path in sorted((config.folder() / folder).glob("*.yaml"))]


def read(path: Path) -> Entry:
    """What a file says of itself."""
    text = path.read_text("utf-8")
    options = load(text, path)
    own = options.get(path.stem)
    if isinstance(own, dict):  # an embedding holds its own key
        options = own
    lines = [*header(text), "", "", ""]
    if path.parent.name == "study":
        lines[1:3] = [str(options.get("source", "")), str(options.get("question", ""))]
    rule = options.get("new_grid", options.get("resample"))
    return Entry(
        name=path.stem,
        description=lines[0],
        paper=lines[1],
        known_as=lines[2],
        new_grid=None if rule is None else str(rule),
        options={key: value for key, value in options.items() if not key.startswith("_")},
    )


def given(name: str) -> dict[str, Any]:
    """All options of an embedding's file, `_target_` and the like too."""
    path = config.folder() / "embedding" / f"{name}.yaml"
    if not path.is_file():
        raise BadInput(f"there is no embedding {name}")
    return dict(load(path.read_text("utf-8"), path)[name])


def header(text: str) -> list[str]:
    """The comment lines that a file starts with."""
    found = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        found.append(line.lstrip("# ").rstrip())
    return found


def load(text: str, path: Path) -> dict[str, Any]:
    """A config file as plain data; references to other values stay as they are written."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    return data if isinstance(data, dict) else {}


def defaults() -> dict[str, Any]:
    """A run without overrides: the values of `train.yaml`, and its choice for each group."""
    path = config.folder() / "train.yaml"
    data = load(path.read_text("utf-8"), path)
    chosen = [item for item in data.pop("defaults", []) if isinstance(item, dict)]
    return data | {name: choice for item in chosen for name, choice in item.items()}


def outputs() -> Path:
    """Where runs are, unless one says otherwise."""
    return Path(str(defaults()["outputs"]))


def plain(found: list[Entry]) -> list[dict[str, Any]]:
    """For programs."""
    return [asdict(entry) for entry in found]


def lines(found: list[Entry]) -> list[str]:
    """For people: a line each, and under an embedding what it is called, by whom, and its rule."""
    width = max((len(entry.name) for entry in found), default=0) + 2
    said = []
    for entry in found:
        said.append(f"{entry.name:{width}}{entry.description}")
        rule = f"new grid: {entry.new_grid}" if entry.new_grid else ""
        said += [f"{'':{width}}{text}" for text in (entry.known_as, entry.paper, rule) if text]
    return said
