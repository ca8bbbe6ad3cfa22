"""What probes measure, in words: read from the syntax of their files, so that nothing is imported.

A line of the class's docstring says it in short, all of it exactly; `source` says whose idea it is.
"""

import ast
import inspect
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vitpos.errors import BadInput
from vitpos.hints import near_name
from vitpos.probes import PROBES


@dataclass(frozen=True)
class Definition:
    """What a probe says of itself."""

    name: str
    short: str
    source: str
    whole: str
    options: tuple[str, ...]


def definition(name: str) -> Definition:
    """The definition of one probe; raises `BadInput` if there is none of this name."""
    if name not in PROBES:
        raise BadInput(f"there is no probe {name}", near_name(name, PROBES, "probe"))
    tree = ast.parse(Path(__file__).with_name(f"{name}.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            said = constants(node)
            if said.get("name") == name:
                whole = inspect.cleandoc(ast.get_docstring(node) or "")
                short = " ".join(whole.partition("\n\n")[0].split())
                return Definition(name, short, said["source"], whole, said.get("options", ()))
    raise ValueError(f"vitpos/probes/{name}.py has no class with this name")


def constants(node: ast.ClassDef) -> dict[str, Any]:
    """What a class says once for all its objects."""
    found: dict[str, Any] = {}
    for part in node.body:
        match part:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        try:
            found[name] = ast.literal_eval(value)
        except ValueError:
            continue  # what has to be worked out is no name and no source
    return found


def definitions() -> list[Definition]:
    """All of them, in the order in which they are measured."""
    return [definition(name) for name in PROBES]


def plain(found: Definition) -> dict[str, Any]:
    """A definition for programs."""
    return asdict(found)


def lines(found: Definition) -> list[str]:
    """A definition for people."""
    options = [f"settings: {', '.join(found.options)}"] if found.options else []
    return [found.name, "", *found.whole.splitlines(), "", *options, f"source: {found.source}"]
