"""What a probe is: a definition, with its source, of numbers that tell what position does."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from vitpos.probes.subject import Subject


class Found(NamedTuple):
    """What was measured on one network.

    `numbers` have names like ``drop`` or ``layer3/r2`` and are finite: what cannot be measured is
    left out. `arrays` are what pictures are made of; the docstring of the probe names their axes.
    """

    numbers: dict[str, float]
    arrays: dict[str, np.ndarray]


@runtime_checkable
class Probe(Protocol):
    """One way to look at a trained network; its class says the exact definition."""

    name: str
    source: str  # a paper or an address

    def why_not(self, subject: Subject) -> str:
        """Why it cannot be measured on this network; empty if it can."""
        ...

    def measure(self, subject: Subject) -> Found:
        """Look. The same network, images and settings give the same numbers, bit for bit."""
        ...


@runtime_checkable
class Adjustable(Protocol):
    """A probe that can be asked in more than one way: `options` names the settings it reads."""

    options: tuple[str, ...]
