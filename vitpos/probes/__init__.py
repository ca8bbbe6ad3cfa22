"""What a trained network makes of position: one probe a file, each with its exact definition.

A probe is the object `PROBE` of the module of its name, an instance of a class whose docstring is
its definition. Here are only names: who lists them imports nothing heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vitpos.probes.probe import Probe

PROBES = (
    "resolution",
    "shuffle",
    "knockout",
    "translation",
    "symmetry",
    "transfer",
    "decodability",
    "leakage",
    "kernel",
    "variance",
    "attention",
    "rollout",
    "receptive",
    "similarity",
    "anchoring",
    "spectra",
)


def load(name: str) -> "Probe":
    """The probe of this name, one of `PROBES`."""
    return import_module(f"vitpos.probes.{name}").PROBE
