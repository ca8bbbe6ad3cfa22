"""What each module may import and call, read from the syntax of the package."""

import ast
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
BANNED = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
BARE = {"eval", "exec", "compile"}  # as methods they are torch's and `re`'s
CALLS = {"load_module", "extractall", "unsafe_load", "instantiate"}


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


def calls(path: Path) -> Iterator[str]:
    """What a file calls, as it is written."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    """Nobody else imports it."""
    users = {home(path) for path in FILES if library in imports(path)}

    assert users - {REFERENCES} == HOMES[library]


def home(path: Path) -> str:
    """The module, or the folder of those that share one."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if inside.parts[0] in SHARED else str(inside.with_suffix(""))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_runs_nothing_that_it_reads(path: Path) -> None:
    """No pickle, no `torch.load`, no `eval`: a file of somebody else's is data."""
    called = set(calls(path))

    assert not BANNED & set(imports(path))
    assert "torch.load" not in called
    assert "yaml.load" not in called
    assert "np.load" not in called or "allow_pickle=False" in path.read_text()
    assert not BARE & {name.removeprefix("builtins.") for name in called}
    assert not CALLS & {name.rpartition(".")[2] for name in called}
