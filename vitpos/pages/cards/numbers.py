"""Numbers that probes have found in the run already."""

from typing import Any

from vitpos.pages.opened import Opened
from vitpos.probes import results

CURVES = ("resize", "canvas", "patch")  # protocols of the probe `resolution`


def probed(one: Opened) -> dict[str, Any]:
    """Those that are about the whole network, and accuracy by image size; empty if none.

    What was measured on other weights than those of the card does not count.
    """
    path = one.record.path
    known = results.numbers(path, one.step)
    found: dict[str, Any] = {
        name.removeprefix("probe/"): value
        for name, value in sorted(known.items())
        if "/layer" not in name and "/start/" not in name
    }
    curves = {
        protocol: {
            "sizes": [int(size) for size in arrays[f"{protocol}_sizes"]],
            "accuracy": [float(value) for value in arrays[f"{protocol}_accuracy"]],
        }
        for arrays in [results.arrays(path, "resolution")]
        for protocol in CURVES
        if known and f"{protocol}_sizes" in arrays and f"{protocol}_accuracy" in arrays
    }
    if not found and not curves:
        return {}
    return {"numbers": found, "resolution": curves}
