"""How far the heads of a network look when its training is over, kept beside its snapshots.

The mean attention distance of the probe `attention` (Dosovitskiy et al. 2021, fig. 7), on
validation images: the test images are looked at once, for the result.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitpos.durable import disk_errors, make_folder, read_json, write_json
from vitpos.errors import BadRun
from vitpos.snapshots import FOLDER

FILE = "attention.json"


def keep(run: Path, facts: Mapping[str, Any]) -> None:
    """Write them into the folder of the run; raises `NoResources`."""
    with disk_errors(run / FOLDER):
        make_folder(run / FOLDER)
    write_json(run / FOLDER / FILE, facts)


def scalars(facts: Mapping[str, Any]) -> dict[str, float]:
    """As TensorBoard shows them."""
    layers = enumerate(facts["distance"])
    return {
        f"attention_distance/layer{number}/head{head}": float(pixels)
        for number, heads in layers
        for head, pixels in enumerate(heads)
    }


def read(run: Path, step: int | None) -> tuple[int, dict[str, float]]:
    """The step and the scalars of a run that ended at `step`; none if there are none."""
    try:
        facts = read_json(run / FOLDER / FILE)
        return (int(facts["step"]), scalars(facts)) if facts["step"] == step else (0, {})
    except (BadRun, ArithmeticError, KeyError, TypeError, ValueError, AttributeError):
        return 0, {}
