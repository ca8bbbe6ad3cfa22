"""What runs look at, told once for all that look at the same: images, grid, sizes."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vitpos import sizes
from vitpos.pages.coded import raw
from vitpos.pages.opened import Opened
from vitpos.schema import Run, Where


def frame(one: Opened) -> dict[str, Any]:
    """All that a page needs to know before it shows anything of the run itself."""
    run, pixels = one.run, one.subject.samples.pixels
    height, width = pixels.shape[-2:]
    data = one.record.record["data"]
    trunk = one.subject.model.position.trunk
    facts = {
        "name": named(run),
        "dataset": str(data["name"]),
        "digest": str(data["digest"]),
        "size": [height, width],
        "channels": pixels.shape[1],
        "patch": height // one.grid.rows,
        "kind": run.patch.kind,
        "grid": list(one.grid),
        "prefix": prefix(run, one.site.prefix),
        "dim": trunk.dim,
        "depth": run.backbone.depth,
        "heads": trunk.heads,
        "stages": [asdict(s) for s in sizes.stages_of(run)] if run.backbone.depths else None,
        "pool": run.backbone.pool,
        "task": run.task.kind,
        "classes": answers(run, one.classes),
    }
    chosen = list(one.chosen)
    labels = one.subject.samples.labels[chosen].tolist()
    shown = pixels[chosen].permute(0, 2, 3, 1)
    images = [
        {"index": index, "label": label if label >= 0 else None, "pixels": raw(image)}
        for index, label, image in zip(chosen, labels, shown, strict=True)
    ]
    return facts | {"images": images}


class Frames:
    """The frames of a page, each once."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self.known: dict[str, int] = {}

    def add(self, found: Mapping[str, Any]) -> int:
        """The number of this frame, which is new unless another run has the same."""
        said = {key: value for key, value in found.items() if key != "images"}
        pixels = [image["pixels"].codes.tobytes().hex() for image in found["images"]]
        key = json.dumps([said, pixels], sort_keys=True)
        if key not in self.known:
            self.known[key] = len(self.found)
            self.found.append(dict(found))
        return self.known[key]


def named(run: Run) -> str:
    """A frame in a few words: `mnist5k, 28 px, patches of 4`."""
    task = "" if run.task.kind == "classify" else f", task {run.task.kind}"
    kind = "" if run.patch.kind == "linear" else f" ({run.patch.kind})"
    network = "" if run.backbone.kind == "plain" else f", {run.backbone.kind}"
    mixed = ", shuffled" if run.patch.shuffle else ""
    size = f"{run.image_size} px, patches of {run.patch.size}{kind}{mixed}"
    return f"{run.dataset.name}, {size}{network}{task}"


def prefix(run: Run, count: int) -> list[str]:
    """Names of the tokens that come before the cells."""
    names = ["CLS"] if run.backbone.pool == "cls" else []
    names += [f"register {i + 1}" for i in range(run.backbone.registers)]
    return names[:count]


def answers(run: Run, classes: tuple[str, ...]) -> list[str]:
    """What the network can say of an image, in the order of its scores; empty if more than one."""
    match run.task.kind:
        case "classify" | "locate":
            return list(classes)
        case "relate":
            return ["no", "yes"]
    if isinstance(run.task, Where):
        side = range(run.task.cells)
        return [f"row {row}, column {col}" for row in side for col in side]
    return []
