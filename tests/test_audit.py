"""The question whether dependencies have known vulnerabilities, and who does not answer it."""

import runpy
import sys
import time
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).parents[1] / "scripts/audit.py"


@pytest.fixture
def audit() -> dict[str, Any]:
    """What the script defines."""
    return runpy.run_path(str(AUDIT))


def found(*vulnerabilities: str, name: str = "torch") -> dict[str, Any]:
    """A dependency as pip-audit tells of it."""
    entries = [
        {"id": one, "aliases": [f"GHSA-{one}"], "fix_versions": ["3.0"]} for one in vulnerabilities
    ]
    return {"name": name, "version": "2.0", "vulns": entries}


SILENT = {"name": "numpy", "skip_reason": "Dependency not found and could not be audited"}


def test_a_known_vulnerability_is_an_error(audit: dict[str, Any]) -> None:
    """With its name, and the version without it."""
    code, said = audit["verdict"]({"dependencies": [found("CVE-1"), found(name="scipy")]}, {})

    assert code == 1
    assert said == ["torch 2.0: CVE-1, mended in 3.0"]


@pytest.mark.parametrize("name", ["CVE-1", "GHSA-CVE-1"])
def test_one_may_be_lived_with_for_a_reason(audit: dict[str, Any], name: str) -> None:
    """By any of its names; another one is still an error."""
    report = {"dependencies": [found("CVE-1")]}

    assert audit["verdict"](report, {name: "not used"}) == (
        0,
        ["torch 2.0: CVE-1, ignored: not used"],
    )
    assert audit["verdict"]({"dependencies": [found("CVE-1", "CVE-2")]}, {name: "x"})[0] == 1


def test_silence_is_not_a_good_answer(audit: dict[str, Any]) -> None:
    """An index that knows nothing has audited nothing, whatever pip-audit's exit code."""
    code, said = audit["verdict"]({"dependencies": [SILENT, found()]}, {})

    assert (code, said) == (0, ["not audited: 1 of 2: the index has no advisories"])
    assert audit["verdict"]({"dependencies": [SILENT, found("CVE-1")]}, {})[0] == 1


def test_nothing_known_is_said(audit: dict[str, Any]) -> None:
    """With how many were looked at."""
    said = audit["verdict"]({"dependencies": [found(), found(name="scipy")]}, {})

    assert said == (0, ["audited: 2 direct dependencies, no known vulnerability"])


@pytest.mark.parametrize(
    "program",
    [
        ("/nowhere/pip-audit",),
        (sys.executable, "-c", "raise SystemExit('no route to host')"),
        (sys.executable, "-c", "print('[]')"),
        (sys.executable, "-c", "import time; time.sleep(60)"),
    ],
    ids=["not installed", "no network", "another answer", "no answer"],
)
def test_nobody_answers(
    audit: dict[str, Any], program: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not fail, and does not wait for ever; one line says so."""
    monkeypatch.setitem(audit["answer"].__globals__, "PATIENCE", 1.0)
    start = time.monotonic()
    report = audit["answer"](["torch==2.0"], program)

    assert time.monotonic() - start < 30
    assert audit["verdict"](report, {}) == (0, ["not audited: no advisory service answers"])


def test_asks_for_what_is_installed(audit: dict[str, Any]) -> None:
    """Each direct dependency, at its version, without what a builder added."""
    wanted = audit["pinned"](["torch>=2", "numpy>=2", "no-such-package"])

    assert [one.partition("==")[0] for one in wanted] == ["numpy", "torch"]
    assert all("+" not in one for one in wanted)
