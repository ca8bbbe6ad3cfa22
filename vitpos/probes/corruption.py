"""Images changed on the fly, by numbers that belong to the run, the change and the image."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vitpos.probes.subject import Subject
from vitpos.shapes import Images

SHIFT = 0.25  # of the side, most, either way
TURN = 45.0  # degrees, most, either way
PIECES, PIECE = 4, 0.25  # how many, and their side as a share of the image's


def drawn(subject: Subject, what: str, split: str, count: int, columns: int) -> Tensor:
    """Uniform numbers in 0..1, a row for each image of a split."""
    random = subject.generator("transfer", what, split)
    return torch.rand(count, columns, generator=random, dtype=torch.float64)


def shifted(
    subject: Subject, images: Images, split: str, ground: Float[Tensor, " channels"]
) -> Images:
    """Each image shifted by whole pixels, up to a quarter of its side each way; black comes in."""
    most = int(images.shape[-1] * SHIFT)
    moves = (drawn(subject, "shifted", split, len(images), 2) * (2 * most + 1)).long() - most
    down, right = moves.unbind(1)
    return warped(images, torch.zeros(len(images)), right, down, ground)


def rotated(
    subject: Subject, images: Images, split: str, ground: Float[Tensor, " channels"]
) -> Images:
    """Each image turned about its centre by up to 45 degrees either way; black comes in."""
    turns = (drawn(subject, "rotated", split, len(images), 1)[:, 0] * 2 - 1) * TURN
    still = torch.zeros(len(images))
    return warped(images, turns.deg2rad().float(), still, still, ground)


def cluttered(
    subject: Subject, images: Images, split: str, ground: Float[Tensor, " channels"]
) -> Images:
    """Four squares from other images, a quarter of the side each, at random places in each image.

    Where a piece and the image overlap, the lighter pixel is seen, as in cluttered MNIST (Mnih et
    al. 2014, https://arxiv.org/abs/1406.6247).
    """
    count, side = len(images), images.shape[-1]
    piece = max(1, round(side * PIECE))
    numbers = drawn(subject, "cluttered", split, count, 5 * PIECES).view(count, PIECES, 5)
    others = (numbers[..., 0] * count).long()
    corners = (numbers[..., 1:] * (side - piece + 1)).long()
    found = images.clone()
    for image in range(count):
        for other, (y, x, down, right) in zip(
            others[image].tolist(), corners[image].tolist(), strict=True
        ):
            place = found[image, :, down : down + piece, right : right + piece]
            torch.maximum(place, images[other, :, y : y + piece, x : x + piece], out=place)
    return found


def warped(
    images: Images, angles: Tensor, right: Tensor, down: Tensor, ground: Float[Tensor, " channels"]
) -> Images:
    """Images turned by `angles` (radians) and shifted by `right` and `down` pixels, bilinear."""
    height, width = images.shape[-2:]
    cos, sin = angles.cos().to(images), angles.sin().to(images)
    aspect = height / width
    matrix = torch.stack(
        [
            torch.stack([cos, -sin * aspect, -2 * right.to(images) / width], dim=1),
            torch.stack([sin / aspect, cos, -2 * down.to(images) / height], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    level = ground[None, :, None, None].to(images)
    return F.grid_sample(images - level, grid, align_corners=False) + level


CORRUPTIONS = {"shifted": shifted, "rotated": rotated, "cluttered": cluttered}
