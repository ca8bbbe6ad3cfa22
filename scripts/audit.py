"""Ask whether a direct dependency of the package has a known vulnerability.

Exit code 1 if one has, unless `tool.vitpos.audit` in pyproject.toml gives a reason to live with it.
Where nobody answers within seconds, or the index has no advisories, it says `not audited`.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
PATIENCE = 15.0  # seconds for all answers
ANSWER = 4  # seconds for one
PROGRAM = (sys.executable, "-m", "pip_audit")


def main() -> int:
    """Ask, and say what came out."""
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))
    ignored = project.get("tool", {}).get("vitpos", {}).get("audit", {})
    code, said = verdict(answer(pinned(project["project"]["dependencies"])), ignored)
    print("\n".join(said))
    return code


def pinned(dependencies: Sequence[str]) -> list[str]:
    """The versions that are installed here, without what a builder added to them."""
    found = []
    for name in sorted(Requirement(text).name for text in dependencies):
        try:
            found.append(f"{name}=={Version(metadata.version(name)).public}")
        except metadata.PackageNotFoundError:
            continue
    return found


def answer(wanted: Sequence[str], program: Sequence[str] = PROGRAM) -> dict[str, Any] | None:
    """What pip-audit tells of these; None if nobody told it anything in time."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text("\n".join(wanted))
        words = ["-r", str(file), "--no-deps", "--disable-pip", "--format", "json"]
        words += ["--timeout", str(ANSWER), "--progress-spinner", "off"]
        try:
            done = subprocess.run(
                [*program, *words], capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            found = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None
    return found if isinstance(found, dict) else None


def verdict(report: Mapping[str, Any] | None, ignored: Mapping[str, str]) -> tuple[int, list[str]]:
    """An exit code, and a line for each thing that there is to say."""
    if report is None:
        return 0, ["not audited: no advisory service answers"]
    every = report["dependencies"]
    silent = [one["name"] for one in every if "skip_reason" in one]
    known = {
        entry["id"]: (one["name"], one["version"], entry)
        for one in every
        for entry in one.get("vulns", ())
    }
    said, code = [], 0
    for name, (package, version, entry) in sorted(known.items()):
        names = {name, *entry.get("aliases", ())}
        reason = next((ignored[other] for other in sorted(names) if other in ignored), "")
        fixed = ", ".join(entry.get("fix_versions", ())) or "no version"
        more = f"ignored: {reason}" if reason else f"mended in {fixed}"
        said.append(f"{package} {version}: {name}, {more}")
        code = code if reason else 1
    if silent:
        said.append(f"not audited: {len(silent)} of {len(every)}: the index has no advisories")
    whole = len(every) - len(silent)
    return code, said or [f"audited: {whole} direct dependencies, no known vulnerability"]


if __name__ == "__main__":
    sys.exit(main())
