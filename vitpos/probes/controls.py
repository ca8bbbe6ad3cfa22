"""Images that tell places apart less than natural ones do, and how many images are looked at."""

import torch
from torch import Tensor

from vitpos.data.augment import normalise
from vitpos.data.shuffle import shuffled
from vitpos.grid import Grid
from vitpos.probes.subject import Subject
from vitpos.probes.trace import obstacle
from vitpos.shapes import Images

MOST, LEAST, TOKENS = 500, 32, 2**15
LEVELS = 16


def grid(subject: Subject) -> Grid:
    """The grid of patches of its images."""
    found: Grid = subject.model.patches.grid(*subject.images(1).shape[-2:])
    return found


def natural(subject: Subject) -> Images:
    """The first images of the test: 500, or as many as make up 32,768 patches, at least 32."""
    count = TOKENS // grid(subject).cells
    return subject.images(max(LEAST, min(MOST, count)))


def patches_shuffled(subject: Subject, rounds: int = 1) -> Images:
    """The same images, the patches of each in random places: content tells nothing of place.

    Each image comes in as many `rounds`, each time shuffled anew.
    """
    images, cells = natural(subject), grid(subject).cells
    random = subject.generator("shuffle")
    drawn = torch.rand(rounds * len(images), cells, generator=random).argsort(dim=1)
    side = images.shape[-2] // grid(subject).rows
    return shuffled(images.repeat(rounds, 1, 1, 1), side, drawn.to(images.device))


def constant(subject: Subject, levels: int = LEVELS) -> Images:
    """Images of one grey each, from black to white in so many equal steps: no content at all."""
    greys = torch.linspace(0, 255, levels).round().to(torch.uint8)
    shape = subject.images(1).shape[1:]
    pixels: Tensor = greys[:, None, None, None].expand(-1, *shape).to(subject.machine.device)
    return normalise(pixels, subject.mean, subject.std)


def greys(subject: Subject) -> Images:
    """As many greys as make up 32,768 patches: 32 to 256."""
    return constant(subject, max(LEAST, min(256, TOKENS // grid(subject).cells)))


def too_small(subject: Subject) -> str:
    """What to answer where there is only one place."""
    return "there is only one patch" if grid(subject).cells == 1 else ""


def hidden(subject: Subject) -> str:
    """What to answer where there is one place, or attention does not see all of them."""
    return too_small(subject) or obstacle(subject.model, subject.images(1))
