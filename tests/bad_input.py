"""How a person who types something wrong is answered: a code, a few lines, and no file.

`ROWS` names what can be typed wrong, each with the cases it has. A test that acts a case says so,
by `acts("83 full")` or by a table of cases in `acted(...)`; that none is missing is tested, too.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from vitpos import cli, config

Table = TypeVar("Table", bound=Mapping[str, Any])
ACTED: set[str] = set()

# What is wrong, and what of it is tried. A key is called here as in the config.
ROWS: dict[int, str] = {
    1: "unknown embedding",
    2: "empty, null, empty list, twice, a comma, another's, half",
    3: "case",
    4: "unknown key",
    5: "plus, plus plus, tilde, no value",
    6: "negative lr",
    7: "zero lr",
    8: "nan lr",
    9: "inf lr, too large to be",
    10: "two values, a range",
    11: "not a number, decimal comma",
    12: "lr",
    13: "no epochs",
    14: "negative epochs",
    15: "half an epoch",
    16: "a float, true",
    17: "epochs",
    18: "warm-up",
    19: "seed",
    20: "negative seed",
    21: "long seed, endless seed",
    22: "sweep, multirun, tune",
    23: "--seeds, seeds, seeds list, seed list, empty seed, few seeds",
    24: "batch",
    25: "batch",
    26: "batch",
    27: "batch",
    28: "one image, trained",
    29: "patch",
    30: "patch",
    31: "patch",
    32: "tokens",
    33: "heads",
    34: "heads",
    35: "dim, depth",
    36: "head_dim",
    37: "head_dim",
    38: "dim",
    39: "theta, nan, layers, target",
    40: "not square",
    41: "mlp, negative mlp",
    42: "dropout, one",
    43: "dropout",
    44: "decay",
    45: "smoothing",
    46: "betas, three, one",
    47: "clip",
    48: "ema, ema two",
    49: "schedule",
    50: "ambiguous",
    51: "unknown",
    52: "missing",
    53: "cut",
    54: "flipped",
    55: "labels, count",
    56: "pixels",
    57: "channels",
    58: "a file",
    59: "closed",
    60: "fp16",
    61: "bf16",
    62: "fp8, number",
    63: "cuda",
    64: "cuda:99, one of one, two there",
    65: "gpu",
    66: "threads, many, cores, no workers",  # there are no worker processes, nor a key for them
    67: "missing, eval, probe, compare, report, plot, show, tensorboard, long, escape",
    68: "a file, eval, compare, rerun, diff",
    69: "empty, eval, probe, compare, report, show",
    70: "other",
    71: "finished",
    72: "more, sooner",
    73: "cut",
    74: "flipped",
    75: "empty",
    76: "text",
    77: "pickle, named .pt",
    78: "long header, huge shape, more tensors",
    79: "syntax, tab, twice, twice below, study syntax, study tab, study twice",
    80: "alias, python, binary tag, bomb, study alias, study python",
    81: "target, no target, long, binary, control, BOM, UTF-16, study long, study binary,"
    " study BOM, study UTF-16",
    82: "up, root, folder, dot, dots, reserved, NUL, escape, lines, long, emoji, empty, minus,"
    " space, number, name, letters",
    83: "a file, below a file, long, NUL, a device, link elsewhere, link nowhere, link out,"
    " read-only, full, no permission, not ours, too deep, sweep",
    84: "empty grid, many, asked, two spellings, twice, twins, no baseline, baseline not there,"
    " empty baseline, mixed data, mixed code",
}


def cases() -> set[str]:
    """All of them, as `82 up`."""
    return {f"{number} {case.strip()}" for number, of in ROWS.items() for case in of.split(",")}


def acted(table: Table) -> Table:
    """A table whose keys name cases, and perhaps others without a number."""
    ACTED.update(table)
    return table


def acts(*names: str) -> Callable[[Any], Any]:
    """A test that acts these cases."""
    ACTED.update(names)
    return lambda test: test


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


def refused(said: Said, code: int, *words: str) -> None:
    """The code, at most three lines, each word, and no traceback; nothing was written."""
    assert said.code == code, said
    assert said.out == ""
    assert 1 <= len(said.err.splitlines()) <= 3, said.err
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err
    assert said.err.replace("\n", "").isprintable()
    for word in words:
        assert word in said.err


@functools.cache
def _composed(choices: tuple[tuple[str, tuple[str, ...]], ...]) -> Any:
    return _hydra_compose({group: list(names) for group, names in choices})


_hydra_compose = config.hydra_compose


def compose_once(choices: dict[str, list[str]]) -> Any:
    """Hydra reads its files once for the same choices."""
    return deepcopy(_composed(tuple((g, tuple(n)) for g, n in sorted(choices.items()))))


@pytest.fixture
def vitpos(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Command:
    """Run a command in this process, in an empty folder; elsewhere it leaves and changes nothing.

    What it keeps for a while in a temporary folder is gone afterwards.
    """
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setattr(config, "hydra_compose", compose_once)
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> Said:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["vitpos", *words])
        with written() as places, pytest.raises(SystemExit) as caught:
            cli.main()
        said = Said(int(caught.value.code or 0), *capfd.readouterr())

        strange = [place for place in outside(places, tmp_path) if str(temporary) not in place]
        left = [path.read_text() if path.is_file() else path for path in temporary.iterdir()]
        left = [what for what in left if not any(map(str(what).__contains__, CACHES))]

        assert not strange, strange
        assert not left, left
        return said

    return command


class Written:
    """The names of all that Python writes or changes while it is asked to notice."""

    def __init__(self) -> None:
        self.places: list[str] | None = None
        sys.addaudithook(self.notice)  # stays as long as the process

    def notice(self, event: str, facts: tuple[Any, ...]) -> None:
        """Keep a name."""
        if self.places is None:
            return
        if event == "open" and isinstance(facts[0], str) and facts[2] & WRITES:
            self.places.append(facts[0])
        elif event in CHANGES:
            self.places += [str(name) for name in facts[:2] if isinstance(name, str | os.PathLike)]

    @contextmanager
    def __call__(self) -> Iterator[list[str]]:
        """Those of a while."""
        self.places = found = []
        try:
            yield found
        finally:
            self.places = None


CHANGES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.truncate"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CACHES = ("__pycache__", "matplotlib", "torchinductor")  # which libraries make when imported
written = Written()


def outside(places: Iterable[str], top: Path) -> list[str]:
    """Those that are not below `top`."""
    known = (str(top), str(top.resolve()), os.devnull)
    found = [str(Path(place).absolute()) for place in places]
    return [p for p in found if not p.startswith(known) and not any(map(p.__contains__, CACHES))]
