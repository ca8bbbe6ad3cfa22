"""Numbers that probes have found in the run already."""

import re
from typing import Any

from vitpos.pages.opened import Opened
from vitpos.probes import results

CURVES = ("resize", "canvas", "patch")  # protocols of the probe `resolution`
ONE_SIZE = re.compile(r"probe/resolution/[a-z]+\d+/")  # told by the curves


def probed(one: Opened) -> dict[str, Any]:
    """Those that are about the whole network, and accuracy by image size; empty if none.

    What was measured on other weights than those of the card does not count.
    """
    path = one.record.path
    known = results.numbers(path, one.step)
    found: dict[str, Any] = {
        name.removeprefix("probe/"): value
        for name, value in sorted(known.items())
        if "/layer" not in name and "/start/" not in name and not ONE_SIZE.match(name)
    }
    ours = any(name.startswith("probe/resolution/") for name in known)
    curves = {
        protocol: {
            "sizes": [int(size) for size in arrays[f"{protocol}_sizes"]],
            "accuracy": [float(value) for value in arrays[f"{protocol}_accuracy"]],
        }
        for arrays in [results.arrays(path, "resolution") if ours else {}]
        for protocol in CURVES
        if f"{protocol}_sizes" in arrays and f"{protocol}_accuracy" in arrays
    }
    if not found and not curves:
        return {}
    return {"numbers": found, "resolution": curves}
