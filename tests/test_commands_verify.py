"""`vitpos verify` compares strategies with installed packages, and says what came of it."""

import json
from importlib.metadata import version

import pytest
import torch
from run_folders import call

from vitpos import verify
from vitpos.grid import Grid
from vitpos.oracles.base import Answer, Case, Oracle

CASE = Case(Grid(2, 2), Grid(2, 2), 0, 0)


def oracle(change=0.0, package="torch", error=None, name="rope2d"):
    """A reference that is off by so much, or cannot be asked."""

    def ask(case):
        if error is not None:
            raise error
        ours = torch.tensor([1.0, 2.0], dtype=torch.float64)
        yield Answer("table", ours + change, ours)
        yield Answer("logits", ours, ours)

    return Oracle(name, package, f"{package}.thing", ask, (CASE, CASE))


@pytest.fixture
def known(monkeypatch):
    """Make these all the oracles that there are."""

    def make(*oracles):
        monkeypatch.setattr(verify, "known", lambda: list(oracles))

    return make


def test_agreement_is_0(capsys, known):
    """A row with the package's version, the cases, what was compared and the worst error."""
    known(oracle(1e-9))
    code, said, _ = call(capsys, "verify")
    _, data, _ = call(capsys, "verify", "--json")
    [row] = json.loads(data)

    assert code == 0
    assert said.splitlines()[1].split()[:2] == ["rope2d", "torch.thing"]
    assert said.splitlines()[1].split()[-1] == "ok"
    assert row["version"] == version("torch")
    assert (row["cases"], row["compared"], row["verdict"]) == (2, ["table", "logits"], "ok")
    assert row["error"] == pytest.approx(5e-10)


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [
        (oracle(1e-3), "differs: table"),
        (oracle(float("nan")), "differs: table"),
        (oracle(error=AttributeError("gone\nand more")), "failed: AttributeError: gone"),
    ],
    ids=["far", "nan", "broken"],
)
def test_a_difference_is_1(capsys, known, wrong, verdict):
    """Also if others agree."""
    known(oracle(), wrong, oracle())
    code, said, _ = call(capsys, "verify")

    assert code == 1
    assert [line.endswith("ok") for line in said.splitlines()[1:]] == [True, False, True]
    assert said.splitlines()[2].endswith(verdict)


def test_a_missing_package_is_no_difference(capsys, known):
    """Its row says how to get it; nothing is asked."""
    known(oracle(package="no-such-package", error=AssertionError("asked")), oracle())
    code, said, _ = call(capsys, "verify")

    assert code == 0
    assert said.splitlines()[1].endswith("not installed: pip install no-such-package")


def test_names_are_those_of_strategies(capsys, known):
    """Only these are asked; an unknown one is a line, one without a reference another."""
    known(oracle(name="rope2d"), oracle(name="alibi2d", error=AssertionError("asked")))
    code, said, _ = call(capsys, "verify", "rope2d", "none")
    wrong, _, errors = call(capsys, "verify", "nope")

    assert code == 0
    assert len(said.splitlines()) == 3
    assert said.splitlines()[2].startswith("none: no package to compare it with; properties only")
    assert wrong == 2
    assert errors.startswith("error: there is no embedding nope\nhint: did you mean ")
    assert len(errors.splitlines()) == 2


@pytest.mark.parametrize("word", ["rope2d", "embedding=rope2d", "ROPE2D", "rope2d+none"])
def test_names_are_typed_as_elsewhere(capsys, known, word):
    """As words of `explain`, in any case, several together."""
    known(oracle(name="rope2d"), oracle(name="alibi2d", error=AssertionError("asked")))
    code, said, _ = call(capsys, "verify", word, "rope2d")

    assert code == 0
    assert [line.split()[0] for line in said.splitlines()[1:2]] == ["rope2d"]
    assert "alibi2d" not in said


def test_progress_says_how_long_it_takes(known):
    """How many cases are done, of how many, and the time that is left."""
    known(oracle(), oracle(), oracle())
    told = []
    verify.verify([], lambda done, total, what: told.append((done, total, what)))

    assert [(done, total) for done, total, _ in told] == [(0, 6), (2, 6), (4, 6)]
    assert "left" not in told[0][2]
    assert told[1][2].endswith("s left")


@pytest.mark.slow
def test_the_real_ones_agree(capsys):
    """One of them, with timm."""
    code, said, _ = call(capsys, "verify", "rope2d")

    assert code == 0
    assert "timm" in said
