"""Which strategies are examined, and which promises their files take back."""

from pathlib import Path

import pytest
import torch

from vitpos import catalogue, config, plugins
from vitpos.errors import BadInput

torch.set_num_threads(1)  # the tensors are tiny: threads only wait for one another
HERE = Path(__file__).parent
COMBINATIONS = ["learned1d+rope_mixed", "peg+alibi2d+rope2d"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--embedding` and `--plugin`."""
    group = parser.getgroup("vitpos")
    group.addoption("--embedding", default="", help="examine these only: a,b+c")
    group.addoption(
        "--plugin",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="trust the strategies of this package; may be given again",
    )


def chosen(options: pytest.Config) -> list[str]:
    """The strategies that were asked for: by name, else of the plugins, else all."""
    plugins.trust(options.getoption("plugin", []))
    named = [name for name in str(options.getoption("embedding", "")).split(",") if name]
    for names in named:
        for name in names.split("+"):
            catalogue.file_of(name)
    if named:
        return named
    known = config.files("embedding")
    theirs = [name for name, path in known.items() if path.parents[1] in plugins.TRUSTED.values()]
    return theirs or [*known, *COMBINATIONS]


def pytest_configure(config: pytest.Config) -> None:
    """A name that nothing has ends it before there are any tests."""
    try:
        chosen(config)
    except BadInput as error:
        said = "\n".join(error.lines())
        raise pytest.UsageError(said.removeprefix("error: ")) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of `name` runs for each of them, a test of `file` for each file that they need."""
    asked = {"name", "file"} & set(metafunc.fixturenames)
    names = chosen(metafunc.config) if asked else []
    if "name" in asked:
        metafunc.parametrize("name", names)
    elif "file" in asked:
        single = dict.fromkeys(part for name in names for part in name.split("+"))
        metafunc.parametrize("file", list(single))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A promise that a file takes back must not hold; together with others it need not."""
    for item in items:
        call = getattr(item, "callspec", None)
        names = call and (call.params.get("name") or call.params.get("file"))
        if not isinstance(item, pytest.Function) or item.path.parent != HERE:
            continue  # the tests of others, who use the same words for other things
        if not isinstance(names, str):
            continue
        parts = names.split("+")
        for part in parts:
            why = catalogue.entry(part).exceptions.get(item.originalname)
            if why is not None:
                item.add_marker(pytest.mark.xfail(reason=why, strict=len(parts) == 1))
