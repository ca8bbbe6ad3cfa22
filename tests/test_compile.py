"""torch.compile sees each network as one graph."""

import subprocess
import sys
from pathlib import Path

import networks
import pytest

ALL = [*networks.NAMES, *networks.COMBINATIONS]
FEW = 8  # strategies of one process


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, len(ALL), FEW))
def test_every_strategy_compiles_whole(first):
    """No graph break, for all strategies and combinations; the same scores and gradients."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, here / "compiled.py", *ALL[first : first + FEW]],
        env={"PYTHONPATH": f"{here.parent}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert done.returncode == 0, done.stderr[-2000:]
