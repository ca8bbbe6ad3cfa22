"""Cards of arms as pages get them, made of random numbers instead of runs."""

from typing import Any

import numpy as np

from vitpos.pages.coded import Coded, cosines, raw, signed

KINDS = ("table", "map", "rotation", "response", "planes", "nothing")


def coded(*shape: int, seed: int = 0) -> Coded:
    """Numbers with a sign."""
    return signed(np.random.default_rng(seed).standard_normal(shape))


def alike(cells: int, seed: int = 0) -> Coded:
    """Cosines of random vectors."""
    x = np.random.default_rng(seed).standard_normal((cells, 6))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return cosines(x @ x.T)


def thing(kind: str, grid: tuple[int, int], heads: int = 2, layers: int = 2) -> dict[str, Any]:
    """What a strategy of this kind is."""
    rows, cols = grid
    cells, offsets = rows * cols, (2 * rows - 1, 2 * cols - 1)
    title, numbers = f"{kind}: what it is", list(range(layers))
    other = {"grid": [2 * rows, cols], "rule": "as the rule says"}
    match kind:
        case "table":
            return {
                "kind": kind, "title": title, "layer": 0, "grid": [rows, cols], "prefix": None,
                "now": coded(cells, 8), "start": coded(cells, 8, seed=1), "moved": 0.25,
                "history": [{"step": n, "epoch": n, "values": coded(cells, 8, seed=n)}
                            for n in (0, 4, 8)],
                "colours": raw(np.arange(cells * 3, dtype=np.uint8).reshape(cells, 3)),
                "similarity": alike(cells), "other": other | {"values": coded(2 * cells, 8)},
            }  # fmt: skip
        case "map":
            return {
                "kind": kind, "title": title, "layers": numbers, "grid": [rows, cols],
                "values": coded(layers, heads, *offsets), "means": "by offset, 2R-1 x 2C-1",
                "start": coded(layers, heads, *offsets, seed=1), "moved": 0.5,
                "other": other | {"values": coded(layers, heads, 4 * rows - 1, offsets[1])},
            }  # fmt: skip
        case "rotation":
            return {
                "kind": kind, "title": title, "layers": numbers, "grid": [rows, cols],
                "frequencies": [[[[1.0, 0.0], [0.0, 0.5]]]],
                "kernel": coded(layers, heads, *offsets), "start": None, "moved": 0.0,
                "other": None,
            }  # fmt: skip
        case "response":
            return {
                "kind": kind, "title": title, "layers": [0], "names": ["mean", "first"],
                "values": coded(1, 2, 3, 3), "start": None, "moved": 0.0,
            }  # fmt: skip
        case "planes":
            return {"kind": kind, "title": title, "names": ["row", "column"],
                    "values": coded(2, rows * 4, cols * 4)}  # fmt: skip
    return {"kind": "nothing", "title": title, "why": "This strategy adds nothing: a bag."}


def card(
    name: str,
    *kinds: str,
    grid: tuple[int, int] = (3, 4),
    heads: int = 2,
    layers: int = 2,
) -> dict[str, Any]:
    """All that pages know of an arm."""
    cells, offsets = grid[0] * grid[1], (2 * grid[0] - 1, 2 * grid[1] - 1)
    similarity = np.stack([alike(cells, seed=n).values() for n in range(layers + 1)])
    return {
        "name": name,
        "frame": 0,
        "family": "additive",
        "kind": "learned tables",
        "words": {
            "description": "A vector for each cell.",
            "formula": "x + E",
            "paper": "Somebody 2021",
            "acts": "tokens",
            "learns": "96 numbers",
            "new_grid": "resized",
            "known_as": "",
            "explanation": "Every cell has a vector of its own.",
            "pros": ["it can hold anything"],
            "cons": ["it must be learned"],
        },
        "objects": [thing(kind, grid, heads, layers) for kind in kinds],
        "kernel": {
            "values": coded(layers, heads, *offsets),
            "layers": list(range(layers)),
            "strength": [0.5] * layers,
            "floor": [0.01] * layers,
            "images": 64,
        },
        "similarity": cosines(similarity),
        "distance": {
            "layers": list(range(layers)),
            "pixels": [[4.0 + head for head in range(heads)] for _ in range(layers)],
            "entropy": [[0.9] * heads] * layers,
            "uniform": 6.5,
            "images": 64,
        },
        "provenance": {
            "run": f"{name}-s0-0123abcd",
            "seed": 0,
            "step": 40,
            "epochs": 10,
            "commit": "0123456789abcdef",
            "tree": "clean",
            "digest": "f" * 64,
            "checkpoint": "e" * 64,
            "vitpos": "0.1.0",
            "device": "Abacus 2000",
            "precision": "fp32",
        },
        "results": {},
        "cost": {"params": 1234, "params_embedding": 96, "flops_per_image": 5.0e6},
        "probes": {},
        "live": None,
        "missing": [],
    }
