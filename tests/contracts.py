"""Run the contract as somebody with a plugin does."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parents[1]


def contract(folder, *words):
    """What `pytest --pyargs vitpos.contract` prints in `folder`, and its exit code."""
    paths = [str(ROOT), *(() if registered() else [registration(folder)])]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--pyargs", "vitpos.contract", "-q", "-rfE", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


def registered():
    """Whether vitpos is installed in a version that tells pytest of its options."""
    return any(entry.name == "vitpos" for entry in entry_points(group="pytest11"))


def registration(folder):
    """A folder that tells pytest what an installation of this version would."""
    place = folder / "site" / "vitpos-0.1.0.dist-info"
    place.mkdir(parents=True)
    place.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: vitpos\nVersion: 0.1.0\n")
    place.joinpath("entry_points.txt").write_text("[pytest11]\nvitpos = vitpos.contract.options\n")
    return str(place.parent)


def failures(text):
    """Tests that failed, as pairs of their names and the strategies."""
    return set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)\[(\w+)", text, re.MULTILINE))
