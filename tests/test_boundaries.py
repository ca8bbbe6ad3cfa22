"""What each module may import and call, read from the syntax of the package."""

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vitpos"
FILES = sorted(PACKAGE.rglob("*.py"))
HOMES = {
    "hydra": {"config", "overrides", "sweeps/multirun", "_hydra"},
    "omegaconf": {"config", "sweeps/multirun", "_hydra"},
    "rich": {
        f"terminal/{name}" for name in ("benches", "scoreboard", "screen", "standings", "watches")
    },
    "scipy": {"statistics"},
    "tensorboard": {f"boards/{name}" for name in ("board", "events", "positions", "serve")},
    "submitit": {"sweeps/launchers/slurm"},
    "ray": {"sweeps/launchers/ray"},
    "torchvision": {"bench/usual_script"},  # else found by name, when a data set asks for it
    "timm": {"bench/usual_script"},
    "flash_attn": set(),  # found by name, in bench/others.py
    "liger_kernel": set(),
    "transformers": set(),
    "matplotlib": {"plots"},
    "jinja2": {"pages"},
    "pandas": {"frames"},
    "triton": {"kernels"},
}
# Folders that are one home
SHARED = ("_hydra", "kernels", "oracles", "pages", "plots", "statistics")
REFERENCES = "oracles"  # may import all others, each inside the function that asks it
SCRIPTS = sorted((PACKAGE.parent / "scripts").glob("*.py"))
BANNED = {  # whole modules, by whatever name they are imported
    *("pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"),
    *("jsonpickle", "pty", "imp", "runpy", "code", "codeop", "timeit", "telnetlib", "ftplib"),
    *("requests", "urllib3", "httpx", "hydra.utils", "hydra._internal.instantiate"),
}
NEVER = {  # things, by their whole names, however they came to be called here
    *("builtins.eval", "builtins.exec", "builtins.compile", "builtins.__import__"),
    *("builtins.breakpoint", "torch.load", "torch.hub", "torch.jit.load", "torch.serialization"),
    *("torch.package", "numpy.load", "numpy.memmap", "numpy.fromfile", "numpy.lib.npyio"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "yaml.Loader"),
    *("yaml.UnsafeLoader", "yaml.FullLoader", "os.system", "os.popen", "os.execv", "os.execvp"),
    *("os.execve", "os.spawnl", "os.spawnv", "os.posix_spawn", "os.startfile", "tempfile.mktemp"),
    *("shutil.unpack_archive", "hydra.main", "hydra.utils", "pydoc.locate", "pkgutil.resolve_name"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "ssl._create_unverified_context"),
    *("ssl.CERT_NONE", "urllib.request.urlretrieve", "operator.methodcaller"),
}
METHODS = {  # of whatever object
    *("load_module", "exec_module", "extractall", "extract", "unsafe_load", "instantiate"),
    *("download_and_extract_archive", "extract_archive", "download_url", "find_class"),
    *("register_new_resolver", "register_resolver", "get_class", "get_object", "get_method"),
}
WORDS = {"weights_only", "shell"}  # arguments that nobody needs to set, to whatever value
TRUE = {"allow_pickle", "preexec_fn", "shell"}  # and such as are never true
SPEAKS = {  # who may use the network, or listen to it, by the module that does
    "urllib.request": {"data/fetching", "bench/boards"},
    "http.client": {"data/download", "data/fetching"},
    "socket": {"bench/boards", "doctor", "machine", "sweeps/launchers/far", "sweeps/launchers/ray"},
    "tarfile": {"data/unpacking"},
    "pickletools": {"data/batches"},
}
# Who imports modules by names that are not written down there, and where the names come from.
NAMED = {
    "build": "a `_target_` in vitpos.embeddings, or of a plugin that was trusted by name",
    "plugins": "--plugin on the command line",
    "sweeps/launchers/nursery": "a list in it",
    "bench/others": "a list in it",
    "data/vision": "a list in it",
}


def tree(path: Path) -> ast.Module:
    """The syntax of a file."""
    return ast.parse(path.read_text("utf-8"))


def imports(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    """Nobody else imports it."""
    users = {home(path) for path in FILES if library in imports(path)}

    assert users - {REFERENCES} == HOMES[library]


def home(path: Path) -> str:
    """The module, or the folder of those that share one."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if inside.parts[0] in SHARED else str(inside.with_suffix(""))


class Names(ast.NodeVisitor):
    """What a file uses of modules, by whole names: `n.load` is `numpy.load` if `n` is NumPy."""

    def __init__(self, path: Path) -> None:
        self.known: dict[str, str] = {}  # names here, and what they stand for
        self.used: dict[str, int] = {}  # whole names, and a line
        self.visit(tree(path))

    def visit_Import(self, node: ast.Import) -> None:
        """`import a.b as c`."""
        for alias in node.names:
            top = alias.name if alias.asname else alias.name.partition(".")[0]
            self.known[alias.asname or top] = top
            self.used[alias.name] = node.lineno

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """`from a import b as c`."""
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            self.known[alias.asname or alias.name] = whole
            self.used[whole] = node.lineno

    def visit_Assign(self, node: ast.Assign) -> None:
        """`c = a.b` is another name of it."""
        whole = self.whole(node.value)
        for target in node.targets:
            if whole and isinstance(target, ast.Name) and "." in whole:
                self.known[target.id] = whole
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """`a.b.c`."""
        if whole := self.whole(node):
            self.used[whole] = node.lineno
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """`a`."""
        whole = self.whole(node)
        if whole and isinstance(node.ctx, ast.Load):  # a field may be called `compile`
            self.used[whole] = node.lineno

    def visit_Call(self, node: ast.Call) -> None:
        """`getattr(a, "b")` is `a.b`."""
        match node:
            case ast.Call(func=ast.Name("getattr"), args=[of, ast.Constant(str(name)), *_]):
                if whole := self.whole(of):
                    self.used[f"{whole}.{name}"] = node.lineno
        self.generic_visit(node)

    def whole(self, node: ast.AST) -> str:
        """The whole name of what stands there; empty if it is of no module."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id) or (f"builtins.{node.id}" if bare(node.id) else "")
        if isinstance(node, ast.Attribute):
            before = self.whole(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""


def bare(name: str) -> bool:
    """Whether it is one of Python's own."""
    return name in vars(builtins) or name == "__builtins__"


def wrong(path: Path) -> list[str]:
    """What a file does that could run what somebody else wrote."""
    names = Names(path)
    found = [f"{name}, line {line}" for name, line in names.used.items() if is_banned(name)]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            method = getattr(node.func, "attr", getattr(node.func, "id", ""))
            found += [f"{method}(), line {node.lineno}"] * (method in METHODS)
            for word in node.keywords:
                true = not (isinstance(word.value, ast.Constant) and not word.value.value)
                if word.arg in WORDS or (word.arg in TRUE and true):
                    found.append(f"{word.arg}=, line {node.lineno}")
    return found


def is_banned(name: str) -> bool:
    """Whether this, or what it is a part of, is never used."""
    parts = name.split(".")
    heads = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    return bool(heads & (BANNED | NEVER)) or name.startswith("builtins.__builtins__")


@pytest.mark.parametrize(
    "path", FILES + SCRIPTS, ids=lambda path: str(path.relative_to(PACKAGE.parent))
)
def test_runs_nothing_that_it_reads(path: Path) -> None:
    """No pickle, no `torch.load`, no `eval`, however it is called: a stranger's file is data."""
    assert wrong(path) == []


EVASIONS = (
    "from torch import load\nload(x)",
    "import torch as t\nt.load(x)",
    "import numpy as n\nn.load(x)",
    "from numpy import load as read\nread(x)",
    "import torch\nload = torch.load\nload(x)",
    "import torch\ngetattr(torch, 'load')(x)",
    "import torch\nlist(map(torch.load, x))",
    "import torch.hub",
    "from torch import serialization as s",
    "import pickle as p",
    "from pickle import loads",
    "def f():\n    import _pickle",
    "e = eval\ne(x)",
    "__builtins__['eval'](x)",
    "import builtins\nbuiltins.exec(x)",
    "__import__('os')",
    "from os import system as s",
    "import os as o\no.popen(x)",
    "import subprocess as s\ns.run(x, shell=True)",
    "import subprocess\nsubprocess.run(x, shell=flag)",
    "from hydra.utils import instantiate",
    "from hydra import utils as u\nu.instantiate(x)",
    "import hydra\n@hydra.main()\ndef f(): pass",
    "import yaml as y\ny.load(x, y.SafeLoader)",
    "from yaml import unsafe_load",
    "t.extractall(x)",
    "f(x, allow_pickle=True)",
    "f(x, allow_pickle=flag)",
    "f(x, weights_only=False)",
    "from tempfile import mktemp",
    "OmegaConf.register_new_resolver('x', f)",
)


@pytest.mark.parametrize("text", EVASIONS)
def test_other_names_do_not_hide_it(text: str, tmp_path: Path) -> None:
    """The same by another name is found as well."""
    (tmp_path / "x.py").write_text(text)

    assert wrong(tmp_path / "x.py")


@pytest.mark.parametrize("library", SPEAKS)
def test_few_speak_to_others(library: str) -> None:
    """The network and archives are the business of a few modules."""
    users = {
        str(path.relative_to(PACKAGE).with_suffix(""))
        for path in FILES
        if any(name == library or name.startswith(f"{library}.") for name in Names(path).used)
    }

    assert users <= SPEAKS[library]


def test_few_import_by_name() -> None:
    """A module whose name is not written where it is imported: the name never comes from a file."""
    users = set()
    for path in FILES:
        called = {"importlib.import_module"}
        names = Names(path)
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and names.whole(node.func) in called:
                fixed = isinstance(node.args[0], ast.Constant) or ours(node.args[0])
                users |= set() if fixed else {str(path.relative_to(PACKAGE).with_suffix(""))}

    assert users <= set(NAMED)


def ours(node: ast.AST) -> bool:
    """Whether a name that is put together begins with `vitpos.`."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(str(text)), *_]):
            return text.startswith("vitpos.")
    return False
