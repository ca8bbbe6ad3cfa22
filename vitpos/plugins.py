"""Packages of others with strategies and studies of their own, trusted by name on the command line.

A plugin is an importable package with files `configs/embedding/*.yaml` inside, each naming a class
of it: `_target_: my_package.module.Class`, or with studies, `configs/study/*.yaml`. Nothing of it
runs unless `--plugin` named it, and then only when one of its strategies is built: a config is data
and trusts nobody.
"""

import hashlib
import importlib
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from vitpos.errors import BadInput
from vitpos.plain_yaml import complaint

GROUPS = ("embedding", "study")  # of configs that a plugin may have
TRUSTED: dict[str, Path] = {}  # for as long as this process lives: packages and their configs


def trust(names: Iterable[str]) -> None:
    """Take these packages' strategies for ours; found where Python finds them, or right here."""
    for name in names:
        if name not in TRUSTED:
            TRUSTED[name] = configs(name)


def configs(name: str) -> Path:
    """The folder of a package's configs, found without importing it, else `BadInput`."""
    said = f"plugin {name}"
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        last = Path(name).name if "/" in name else name.partition(".")[0]
        near = re.sub(r"\W+", "_", last).strip("_")
        raise BadInput(f"{said}: not the name of a package", f"--plugin {near}" if near else "")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # last: nothing that is installed gets hidden
    importlib.invalidate_caches()
    spec = PathFinder.find_spec(name)
    if spec is None:
        raise BadInput(f"{said}: there is no such package", "install it, or go where its folder is")
    for place in spec.submodule_search_locations or ():
        if any(any((Path(place) / "configs" / group).glob("*.yaml")) for group in GROUPS):
            return Path(place).absolute() / "configs"
    raise BadInput(f"{said}: it has no configs/embedding/*.yaml or configs/study/*.yaml inside")


def examine(path: Path) -> None:
    """Raise `BadInput` if the file of an embedding is not a mapping under its own name."""
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadInput(complaint(path, error)) from error
    options = data.get(path.stem) if isinstance(data, dict) and len(data) == 1 else None
    if not isinstance(options, dict) or not isinstance(options.get("_target_"), str):
        raise BadInput(f"{path}: must hold one key, {path.stem}, and in it a _target_")


def owner(target: str) -> str:
    """The package that a `_target_` lies in."""
    return target.partition(".")[0]


def check(chosen: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `BadInput` if a strategy is of a package that nobody trusted on the command line."""
    for name, options in chosen.items():
        target = str(options.get("_target_"))
        package = owner(target)
        if package != "vitpos" and package not in TRUSTED:
            raise BadInput(
                f"embedding={name} is {target}, of a package that is not trusted by itself",
                f"if it is yours or you know its code: --plugin {package}",
            )


def module(name: str) -> ModuleType:
    """A module of a trusted package; what goes wrong in its code is told in a line."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BadInput(f"plugin {owner(name)}: importing {name} failed: {what}") from error


def oracles() -> list[Any]:
    """What `PLUGIN.oracles.ORACLES` of each trusted package lists, if it has any."""
    found: list[Any] = []
    for name, place in TRUSTED.items():
        if any((place.parent / f"oracles{end}").exists() for end in ("", ".py")):
            found += getattr(module(f"{name}.oracles"), "ORACLES", [])
    return found


def used(chosen: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Version and digest of the code of each plugin that has a part in these strategies."""
    packages = {owner(str(options.get("_target_"))) for options in chosen.values()}
    return {name: state(name) for name in sorted(packages & TRUSTED.keys())}


def state(name: str) -> str:
    """``1.2 2f0c9a4be1d87a63``: the version, and a digest of all Python and YAML files."""
    try:
        number = version(name)
    except PackageNotFoundError:
        number = "0"
    place = TRUSTED[name].parent
    digest = hashlib.sha256()
    for path in sorted(p for p in place.rglob("*") if p.suffix in (".py", ".yaml")):
        digest.update(f"{path.relative_to(place)}\n".encode() + path.read_bytes())
    return f"{number} {digest.hexdigest()[:16]}"
