"""Explorer pages of invented runs, and what their pictures must look like, pixel for pixel."""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from vitpos.pages import explorer
from vitpos.pictures import CIVIDIS, PUOR

STEPS, MISSING = 254, 255
GREY = 128
Meta = dict[str, Any]


class Pack:
    """Arrays one after the other, each as the payload tells of it."""

    def __init__(self) -> None:
        self.data = b""

    def add(self, codes: np.ndarray, low: float, high: float, gamma: float = 1.0) -> Meta:
        """Codes as they are."""
        told = {"at": len(self.data), "shape": list(codes.shape)}
        self.data += codes.astype(np.uint8).tobytes()
        return told | {"low": low, "high": high, "gamma": gamma}

    def coded(self, values: np.ndarray, low: float, high: float, gamma: float = 1.0) -> Meta:
        """Numbers in a range."""
        place = np.clip((values - low) / (high - low or 1), 0, 1) ** gamma
        codes = np.where(np.isnan(values), MISSING, np.rint(STEPS * np.nan_to_num(place)))
        return self.add(codes, low, high, gamma)

    def signed(self, values: np.ndarray) -> Meta:
        """Zero in the middle."""
        reach = float(np.nanmax(np.abs(values), initial=0.0))
        return self.coded(values, -reach, reach)

    def cosines(self, values: np.ndarray) -> Meta:
        """From -1 to 1."""
        return self.coded(values, -1.0, 1.0)

    def shares(self, values: np.ndarray) -> Meta:
        """Small ones keep their digits."""
        return self.coded(values, 0.0, float(np.nanmax(values)), 0.5)

    def raw(self, values: np.ndarray) -> Meta:
        """Bytes."""
        return self.add(values, 0.0, 255.0) | {"raw": True}

    def blob(self) -> str:
        """All of it as the page holds it."""
        return base64.b64encode(gzip.compress(self.data, mtime=0)).decode()


def written(path: Path, meta: Meta, pack: Pack) -> Path:
    """A page of this payload."""
    script = explorer.script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = explorer.template().render(
        title=html.escape(meta["title"]),
        style=explorer.read("style.css"),
        digest=digest,
        meta=json.dumps(meta, allow_nan=False).replace("<", "\\u003c"),
        blob=pack.blob(),
        script=script,
    )
    path.write_text(text, "utf-8")
    return path


def held(path: Path) -> tuple[Meta, bytes]:
    """What a page holds: its description, and all of its bytes."""
    text = path.read_text("utf-8")
    meta = re.search(r'<script type="application/json" id="meta">(.*?)</script>', text, re.DOTALL)
    blob = re.search(r'<script type="text/plain" id="blob">(.*?)</script>', text, re.DOTALL)
    assert meta
    assert blob
    return json.loads(meta[1]), gzip.decompress(base64.b64decode(blob[1]))


def numbers(array: Meta, data: bytes) -> np.ndarray:
    """The numbers of one array."""
    count = int(np.prod(array["shape"]))
    codes = np.frombuffer(data, np.uint8, count, array["at"]).reshape(array["shape"])
    if array.get("raw"):
        return codes.astype(np.float64)
    place = codes / STEPS
    place = place * place if array["gamma"] == 0.5 else place
    values = array["low"] + (array["high"] - array["low"]) * place
    return np.where(codes == MISSING, np.nan, values)


def palettes() -> dict[str, str]:
    """Both, as the payload has them."""
    ends = {"cividis": (CIVIDIS, 256), "PuOr": (PUOR, 255)}
    return {
        name: palette.paint(np.arange(count, dtype=np.float64), 0.0, count - 1.0).tobytes().hex()
        for name, (palette, count) in ends.items()
    }


def painted(values: np.ndarray, low: float, high: float, palette: str, told: Meta) -> np.ndarray:
    """The colours of values, [..., 4]: grey where there is no number, open where it is -inf."""
    table = np.frombuffer(bytes.fromhex(told["palettes"][palette]), np.uint8).reshape(-1, 3)
    place = (values - low) / (high - low) if high > low else np.full_like(values, 0.5)
    index = np.floor(np.nan_to_num(place, neginf=0) * (len(table) - 1) + 0.5)
    colours = table[np.clip(index, 0, len(table) - 1).astype(int)]
    colours = np.where(np.isnan(values)[..., None], GREY, colours)
    pixels = np.concatenate([colours, np.full((*values.shape, 1), 255)], axis=-1)
    return np.where(np.isneginf(values)[..., None], 0, pixels).astype(np.uint8)


def tiled(values: np.ndarray) -> np.ndarray:
    """Maps [down, across, rows, cols] in one field, with open lines between them."""
    down, across, rows, cols = values.shape
    field = np.full((down * (rows + 1), across * (cols + 1)), -np.inf)
    for y, x in np.ndindex(down, across):
        top, left = y * (rows + 1), x * (cols + 1)
        field[top : top + rows, left : left + cols] = values[y, x]
    return field[:-1, :-1]


class World:
    """Invented runs on one frame, all numbers from one seed; perhaps `beside` those of another."""

    def __init__(
        self,
        *,
        grid: tuple[int, int] = (3, 4),
        patch: int = 4,
        channels: int = 1,
        heads: int = 3,
        depth: int = 2,
        dim: int = 8,
        prefix: Iterable[str] = ("CLS",),
        images: int = 2,
        seed: int = 0,
        beside: "World | None" = None,
    ) -> None:
        self.draw = np.random.default_rng(seed)
        self.pack, self.arms = Pack(), list[Meta]()
        self.frames = list[Meta]()
        if beside is not None:  # on the same page
            self.pack, self.arms, self.frames = beside.pack, beside.arms, beside.frames
        self.grid, self.heads, self.depth, self.dim = grid, heads, depth, dim
        self.cells, self.prefix, self.images = grid[0] * grid[1], list(prefix), images
        size = [grid[0] * patch, grid[1] * patch]
        pixels = self.draw.integers(0, 256, (images, *size, channels))
        self.frame = {
            "name": "invented",
            "dataset": "noise",
            "digest": "0123456789abcdef",
            "size": size,
            "channels": channels,
            "patch": patch,
            "kind": "linear",
            "grid": list(grid),
            "prefix": self.prefix,
            "dim": dim,
            "depth": depth,
            "heads": heads,
            "stages": None,
            "pool": "cls" if self.prefix else "mean",
            "task": "classify",
            "classes": ["zero", "one", "two"],
            "images": [
                {"index": 10 + i, "label": i % 3, "pixels": self.pack.raw(image)}
                for i, image in enumerate(pixels)
            ],
        }
        self.frames.append(self.frame)

    def normal(self, *shape: int) -> np.ndarray:
        """Noise."""
        return self.draw.normal(size=shape)

    def shares(self, *shape: int) -> np.ndarray:
        """Rows that sum to one."""
        found = self.draw.random(shape) ** 3
        return found / found.sum(-1, keepdims=True)

    @property
    def around(self) -> tuple[int, int]:
        """How many offsets there are."""
        return 2 * self.grid[0] - 1, 2 * self.grid[1] - 1

    def table(self, *, missing: bool = False) -> Meta:
        """A table that has moved."""
        now = self.normal(self.cells, self.dim)
        if missing:
            now[1, 2] = np.nan
        start = self.normal(self.cells, self.dim)
        rows, cols = self.grid
        return {
            "kind": "table",
            "title": "a vector for each cell",
            "layer": 0,
            "now": self.pack.signed(now),
            "prefix": self.pack.signed(self.normal(len(self.prefix), self.dim))
            if self.prefix
            else None,
            "start": self.pack.signed(start),
            "history": [
                {
                    "step": 10 * i,
                    "epoch": i,
                    "values": self.pack.signed((i * now + start) / (i + 1)),
                }
                for i in (1, 2)
            ],
            "moved": 1.25,
            "colours": self.pack.raw(self.draw.integers(0, 256, (self.cells, 3))),
            "similarity": self.pack.cosines(np.clip(self.normal(self.cells, self.cells), -1, 1)),
            "other": {
                "grid": [2 * rows, cols],
                "rule": "resized",
                "values": self.pack.signed(self.normal(2 * self.cells, self.dim)),
            },
        }

    def map(self, means: str = "by offset, 2R-1 x 2C-1") -> Meta:
        """Biases."""
        shape = self.around if "offset" in means else self.grid
        values, start = (self.normal(self.depth, self.heads, *shape) for _ in range(2))
        other = self.normal(self.depth, self.heads, *(2 * side + 1 for side in shape))
        return {
            "kind": "map",
            "title": "what is added to logits",
            "layers": list(range(self.depth)),
            "values": self.pack.signed(values),
            "means": means,
            "start": self.pack.signed(start),
            "moved": 0.5,
            "other": {
                "grid": list(self.grid),
                "rule": "resized",
                "values": self.pack.signed(other),
            },
        }

    def rotation(self) -> Meta:
        """Waves."""
        kernel = np.clip(self.normal(self.depth, self.heads, *self.around), -1, 1)
        return {
            "kind": "rotation",
            "title": "queries and keys turn",
            "layers": list(range(self.depth)),
            "frequencies": self.normal(self.depth, self.heads, 4, 2).round(3).tolist(),
            "kernel": self.pack.cosines(kernel),
            "start": None,
            "moved": 0.0,
            "other": {
                "grid": list(self.grid),
                "rule": "goes on",
                "values": self.pack.cosines(kernel),
            },
        }

    def response(self) -> Meta:
        """Of a convolution."""
        values = self.normal(1, 3, 3, 3)
        return {
            "kind": "response",
            "title": "what a cell does to its neighbours",
            "layers": [0],
            "names": ["mean", "mean magnitude", "sample 0"],
            "values": self.pack.signed(values),
            "start": self.pack.signed(self.normal(1, 3, 3, 3)),
            "moved": 0.1,
        }

    def planes(self) -> Meta:
        """Channels behind the image."""
        values = self.normal(2, *self.frame["size"])
        return {
            "kind": "planes",
            "title": "what every pixel is told",
            "values": self.pack.signed(values),
        }

    def nothing(self) -> Meta:
        """Of the baseline."""
        return {"kind": "nothing", "title": "none", "why": "This strategy adds nothing."}

    def arm(self, name: str, *objects: Meta, kind: str = "a family", rung: str = "heads") -> None:
        """One more strategy."""
        tokens = self.cells + len(self.prefix)
        added = any(found["kind"] == "table" for found in objects)
        before = self.normal(self.images, tokens, self.dim)
        more = self.normal(self.images, tokens, self.dim) if added else None
        layers = list(range(self.depth))
        values = (0.9 + 0.02 * self.draw.random(5)).round(4).tolist()
        self.arms.append(
            {
                "name": name,
                "frame": self.frames.index(self.frame),
                "family": kind,
                "kind": kind,
                "words": {
                    "description": f"The description of {name}",
                    "formula": "z = x + e",
                    "paper": "Somebody 2020",
                    "acts": "tokens",
                    "learns": "a vector for each cell",
                    "new_grid": "resized",
                    "explanation": "It gives every cell a vector.",
                    "pros": ["simple", "cheap"],
                    "cons": ["bound to its grid"],
                },
                "provenance": {"run": f"{name}-s0", "seed": 0, "step": 120, "commit": "abc1234"},
                "results": {
                    "metric": "test/accuracy",
                    "values": values,
                    "mean": float(np.mean(values)),
                    "low": min(values),
                    "high": max(values),
                    "n": 5,
                },
                "cost": {
                    "params": 12345,
                    "params_embedding": 678,
                    "flops_per_image": 1.5e6,
                    "images_per_second": 900.0,
                    "train_seconds": 34.5,
                },
                "objects": list(objects),
                "kernel": {
                    "values": self.pack.signed(self.normal(self.depth, self.heads, *self.around)),
                    "layers": layers,
                    "strength": [0.5] * self.depth,
                    "floor": [0.1] * self.depth,
                },
                "added": {
                    "before": self.pack.signed(before),
                    "difference": None if more is None else self.pack.signed(more),
                    "layer": 0,
                    "predicted": [0] * self.images,
                    "probabilities": [[0.7, 0.2, 0.1]] * self.images,
                },
                "later": [],
                "similarity_of": [-1, *layers],
                "similarity": self.pack.cosines(
                    np.clip(self.normal(self.depth + 1, self.cells, self.cells), -1, 1)
                ),
                "attention": self.attention(rung, tokens),
                "distance": {
                    "layers": layers,
                    "pixels": (10 * self.draw.random((self.depth, self.heads))).tolist(),
                    "uniform": 6.5,
                    "entropy": self.draw.random((self.depth, self.heads)).tolist(),
                },
                "probes": {},
                "live": None,
            }
        )

    def attention(self, rung: str, tokens: int) -> Meta:
        """Of one rung of the ladder."""
        first = len(self.prefix)
        queries = {
            "queries": [*range(first), first, first + self.cells - 1],
            "prefix": list(range(max(1, first))),
        }.get(rung)
        heads = 1 if rung == "mean" else self.heads
        shape = (self.images, self.depth, heads, len(queries or range(tokens)), tokens)
        values = None if rung == "none" else self.pack.shares(self.shares(*shape))
        return {
            "rung": rung,
            "values": values,
            "queries": queries,
            "heads": self.heads,
            "layers": list(range(self.depth)),
        }

    def meta(self, title: str = "Invented runs") -> Meta:
        """The whole description."""
        return {
            "format": 1,
            "title": title,
            "made_by": "vitpos 0.1.0",
            "left_out": ["Nothing was measured: all numbers are noise."],
            "budget": 3_000_000,
            "palettes": palettes(),
            "frames": self.frames,
            "arms": self.arms,
        }


def of_every_kind(**sizes: Any) -> World:
    """A strategy for every kind of object, and for every rung of attention."""
    world = World(**sizes)
    world.arm("learned", world.table(), kind="learned tables")
    world.arm("bias", world.map(), kind="biases", rung="mean")
    world.arm("walls", world.map("how the cell in the middle sees all others"), kind="biases")
    world.arm("waves", world.rotation(), kind="rotations", rung="queries")
    world.arm("peg", world.response(), kind="convolutions", rung="prefix")
    world.arm("coords", world.planes(), kind="channels", rung="none")
    world.arm("none", world.nothing(), kind="baseline")
    world.arm("both", world.table(), world.rotation(), kind="several")
    return world
