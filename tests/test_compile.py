"""torch.compile sees each network as one graph."""

import subprocess
import sys
from pathlib import Path

import networks
import pytest


@pytest.mark.slow
def test_every_strategy_compiles_whole():
    """No graph break, for all strategies and combinations; the same scores and gradients."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, here / "compiled.py", *networks.NAMES, *networks.COMBINATIONS],
        env={"PYTHONPATH": f"{here.parent}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert done.returncode == 0, done.stderr[-2000:]
