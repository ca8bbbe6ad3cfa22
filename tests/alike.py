"""In which share of sweeps an arm is called different though all are the same: `alike.py M SWEEPS`.

A program of its own, because in tests each result is checked for its types, which takes ten times
as long as to find it.
"""

import sys

import numpy as np

from vitpos.statistics import Verdict, family

SEEDS = 5


def finds(values: np.ndarray) -> bool:
    """Whether any arm of these, rows of seeds, is called better or worse than the last."""
    arms = {str(arm): dict(enumerate(row)) for arm, row in enumerate(values.tolist())}
    *others, baseline = arms
    against = dict.fromkeys(others, baseline)
    found = family(arms, against, alpha=0.05, smallest_effect=0.5, direction="up")
    return any(d.verdict in (Verdict.BETTER, Verdict.WORSE) for d in found.values())


def main(m: int, sweeps: int) -> None:
    """Write the share; the arms of a sweep share what its seeds add."""
    rng = np.random.default_rng(m)
    shape = (sweeps, m + 1, SEEDS)
    values = rng.normal(size=shape) + rng.normal(size=(sweeps, 1, SEEDS))
    sys.stdout.write(f"{np.mean([finds(sweep) for sweep in values])}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
