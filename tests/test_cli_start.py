"""The command line answers before anything heavy is loaded."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "hydra", "omegaconf", "numpy", "tensorboard", "rich", "torchvision", "PIL"}
QUICK = ("--help", "--version", "list", "list embeddings", "list runs --json", "list probes")


def start(words, *options):
    """Type `vitpos ...` in a process of its own; what it wrote to both outputs."""
    return subprocess.run(
        [sys.executable, *options, "-m", "vitpos", *words.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )


TAB = {"_VITPOS_COMPLETE": "complete_bash", "COMP_CWORD": "4"}
TAB["COMP_WORDS"] = "vitpos\ntrain\nembedding\n=\nro"


def imported(words):
    """The packages that Python imports on the way."""
    told = start(words, "-X", "importtime").stderr
    names = re.findall(r"^import time:[^|]*\|[^|]*\| +(\S+)$", told, flags=re.MULTILINE)
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("words", QUICK)
def test_imports_nothing_heavy(words):
    """Neither torch nor Hydra nor anything that is only needed later."""
    packages = imported(words)

    assert "typer" in packages
    assert not packages & HEAVY


def test_help_needs_no_pydantic():
    """Typer loads it to read arguments, and help has none."""
    assert "pydantic" not in imported("--help")


def test_says_its_version():
    """`vitpos --version` is one line."""
    assert start("--version").stdout == "vitpos 0.1.0\n"


def test_tab_imports_nothing_heavy(monkeypatch):
    """A quarter of a second of CPU each time; torch alone would take two."""
    for name, value in TAB.items():
        monkeypatch.setenv(name, value)

    assert start("").stdout
    assert not imported("") & HEAVY
