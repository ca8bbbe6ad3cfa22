"""Bugs that are planted in copies of strategies are found."""

import re
from pathlib import Path

import planted
import pytest
import yaml
from contracts import contract, failures
from planted import BUGS

from vitpos.build import strategy
from vitpos.oracles.base import known
from vitpos.specimens import read

HERE = Path(__file__).parent


@pytest.mark.slow
def test_the_contract_finds_each_bug(tmp_path):
    """Every broken copy breaks the promises that it should, the sound one none."""
    package = tmp_path / "planted"
    (package / "configs" / "embedding").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "bugs.py").write_text((HERE / "planted.py").read_text())
    for bug, (name, _) in BUGS.items():
        own = {bug.__name__.lower(): read(name) | {"_target_": f"planted.bugs.{bug.__name__}"}}
        path = package / "configs" / "embedding" / f"{bug.__name__.lower()}.yaml"
        path.write_text(f"# A copy of {name} with something changed\n{yaml.safe_dump(own)}")
    code, text = contract(tmp_path, "--plugin", "planted")
    found = failures(text)

    assert code == 1, text
    for bug, (_, promises) in BUGS.items():
        broken = {test for test, name in found if name == bug.__name__.lower()}
        assert promises <= broken, f"{bug.__name__}: {broken}\n{text[-3000:]}"
        assert promises or not broken, f"{bug.__name__}: {broken}\n{text[-3000:]}"


def differing(name):
    """What the oracles of a strategy find wrong, with one prefix token."""
    return {
        answer.what
        for oracle in known()
        if oracle.embedding == name
        for case in oracle.cases
        if case.prefix == 1
        for answer in oracle.ask(case)
        if not answer.error <= answer.limit
    }


def swapped(found):
    """Waves of rows for columns and the other way round."""
    return lambda self, layer: found(self, layer).flip(0)


def keys_left(found):
    """Queries turned, keys as they were."""
    return lambda self, q, k, site: (found(self, q, k, site)[0], k)


@pytest.mark.parametrize(
    ("method", "bug", "told"), [("waves", swapped, "logits"), ("heads", keys_left, "keys")]
)
@pytest.mark.parametrize("name", ["rope2d", "rope_mixed"])
def test_oracles_find_each_bug(monkeypatch, name, method, bug, told):
    """Swapped axes and keys that do not turn are another strategy than the reference."""
    sound = differing(name)
    kind = strategy(read(name))
    monkeypatch.setattr(kind, method, bug(getattr(kind, method)))

    assert sound == set()
    assert told in differing(name)


def test_the_copies_are_what_they_say():
    """A class with a bug is a strategy by itself, and says what is wrong with it."""
    for bug, (name, _) in BUGS.items():
        assert issubclass(bug, strategy(read(name)))
        assert re.fullmatch(r"[A-Z].*\.", bug.__doc__)
        assert bug.__module__ == planted.__name__
