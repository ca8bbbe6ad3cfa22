"""Run the contract as somebody with a plugin does."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def contract(folder, *words):
    """What `python -m vitpos.contract` prints in `folder`, and its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "vitpos.contract", "-q", "-rfE", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


def failures(text):
    """Tests that failed, as pairs of their names and the strategies."""
    return set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)\[(\w+)", text, re.MULTILINE))
