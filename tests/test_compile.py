"""torch.compile sees each step as one graph; what it makes is kept; if it fails, that is told."""

import subprocess
import sys
from pathlib import Path

import networks
import pytest

ALL = [*networks.NAMES, *networks.COMBINATIONS]
FEW = 8  # strategies of one process


def compiled(*words, **environment):
    """Compile these in a process without checks of shapes."""
    here = Path(__file__).parent
    place = {"PYTHONPATH": f"{here.parent}", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, here / "compiled.py", *words],
        env=place | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, len(ALL), FEW))
def test_every_strategy_compiles_whole(first):
    """No graph break, for all strategies and combinations; the same gradients and sums."""
    done = compiled(*ALL[first : first + FEW])

    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_augmentation_compiles_whole():
    """No graph break with everything switched on; the same images, bit for bit."""
    done = compiled("augmentation")

    assert done.returncode == 0, done.stderr[-2000:]
