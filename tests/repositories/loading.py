"""Open single files of cloned repositories as modules, without installing what else they import."""

import importlib
import importlib.util
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


class Nothing(ModuleType):
    """A module in which every name is there and does nothing."""

    __path__ = ()

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


def clone(repository: str) -> Path | None:
    """Where the clone of OWNER/NAME is, if there is one."""
    root = os.environ.get("VITPOS_REPOSITORIES")
    found = Path(root, repository) if root else None
    return found if found and found.is_dir() else None


def commit(repository: str) -> str:
    """The commit of the clone, in short; `unknown` of files without one."""
    command = ["git", "-C", f"{clone(repository)}", "rev-parse", "--short=10", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


@contextmanager
def pretending(names: tuple[str, ...]) -> Iterator[None]:
    """Modules of these names do nothing while others are loaded."""
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update({name: Nothing(name) for name in names})
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def source(repository: str, file: str, pretend: tuple[str, ...] = ()) -> types.ModuleType:
    """One file of a clone as a module; `pretend` names imports that it can do without."""
    root = clone(repository)
    assert root is not None
    path = root / file
    name = f"repository_{abs(hash(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        with pretending(pretend):
            spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
        del sys.modules[name]
    return module


def member(repository: str, name: str, pretend: tuple[str, ...] = ()) -> types.ModuleType:
    """A module by its dotted name, with its relative imports; packages above it are left unrun."""
    root = clone(repository)
    assert root is not None
    before = dict(sys.modules)
    top, *within = name.split(".")[:-1]
    try:
        with pretending(pretend):
            for depth in range(len(within) + 1):
                package = types.ModuleType(".".join([top, *within[:depth]]))
                package.__path__ = [str(root.joinpath(top, *within[:depth]))]
                sys.modules[package.__name__] = package
            return importlib.import_module(name)
    finally:
        for found in [n for n in sys.modules if n == top or n.startswith(f"{top}.")]:
            del sys.modules[found]
        sys.modules.update({n: m for n, m in before.items() if n.partition(".")[0] == top})
