"""What the copy of a network in a page is worth, measured before the page is written."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vitpos.pages.live.tracing import Program
from vitpos.pages.live.watched import Watched
from vitpos.probes.subject import Subject

IMAGES = 64  # of the test on which the graph without any rounding is tried
PARTS = 50  # images that are computed at a time


class Parity(NamedTuple):
    """Of so many test images; differences are the largest of all logits."""

    images: int
    accuracy: float  # of the network in torch, in float32
    accuracy_stored: float  # of its copy
    same: float  # share of images to which both give the same answer
    difference: float  # of the copy
    exact: float  # of a copy without rounding, on the first of the images


@torch.no_grad()
def measure(watched: Watched, program: Program, stored: Program, subject: Subject) -> Parity:
    """The copy against the network."""
    labels = subject.labels(subject.limit).cpu()
    pixels = subject.samples.pixels[: len(labels)].float()
    torch_says = torch.cat([watched.logits(part) for part in pixels.split(PARTS)])
    page_says = logits(stored, pixels)
    first = logits(program, pixels[:IMAGES])
    return Parity(
        images=len(labels),
        accuracy=share(torch_says.argmax(1) == labels),
        accuracy_stored=share(page_says.argmax(1) == labels),
        same=share(page_says.argmax(1) == torch_says.argmax(1)),
        difference=float((page_says - torch_says).abs().max()),
        exact=float((first - torch_says[:IMAGES]).abs().max()),
    )


def logits(program: Program, pixels: Tensor) -> Tensor:
    """Of images: the program is for one, and is mapped over them."""
    mapped = torch.vmap(lambda image: program.play(image)[0])
    return torch.cat([mapped(part[:, None]) for part in pixels.split(PARTS)])


def share(held: Tensor) -> float:
    """Of how many it is true, 0..1."""
    return int(held.sum()) / len(held)


def expected(stored: Program, subject: Subject, shown: Sequence[int]) -> list[dict[str, Any]]:
    """What torch makes of the images of the page, with the weights of the page."""
    said = logits(stored, subject.samples.pixels[list(shown)].float())
    return [{"index": i, "logits": x.tolist()} for i, x in zip(shown, said, strict=True)]
