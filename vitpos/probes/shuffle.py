"""What an answer owes to where the parts of an image are."""

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from vitpos.data.shuffle import shuffled
from vitpos.metrics import BATCH
from vitpos.probes.asking import change, no_classes, no_patches, replaced, scores, share
from vitpos.probes.permuted import Elsewhere
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.shapes import Images, Scores

GRIDS = (2, 4)  # blocks each way


class Shuffle:
    """Patches in random places: what is lost when only the parts of an image are there.

    Each image has its own order, drawn from the seed of the run, uniform over all orders.

    - `accuracy`: of the images as they are.
    - `grid2/accuracy`, `grid4/accuracy`: of images cut into 2 x 2 or 4 x 4 blocks that are put in
      random places. Only where blocks are made of whole patches.
    - `patches/accuracy`: the same with all patches; `drop` is `accuracy` less that: what an answer
      owes to the arrangement of patches.
    - `change`: ‖f - f'‖ / ‖f‖ of the logits without and with shuffled patches, mean over images.
    - `positions/accuracy`, `positions/drop`: the images as they are, but each token is told to be
      where the shuffle would have put it. Where patches do not overlap, this differs from `patches`
      by the names of cells alone.
    - `defect`: patches shuffled and told to be where they came from: ‖f - f'‖ / ‖f‖, the mean over
      images. Zero but for rounding if an answer depends on nothing but the set of pairs of patch
      and position. Everything that position does goes through the strategy then.

    For a strategy without position, `drop`, `change` and `defect` are zero.

    Array: `accuracy` [blocks each way], of 1, 2, 4 and all patches, with `blocks`.
    """

    name = "shuffle"
    source = "Naseer et al. 2021, Intriguing Properties of Vision Transformers, arXiv 2105.10497"

    def why_not(self, subject: Subject) -> str:
        """Patches have to be squares of the image."""
        return no_classes(subject) or no_patches(subject)

    def measure(self, subject: Subject) -> Found:
        """Every image in all ways."""
        images, labels = subject.images(subject.limit), subject.labels(subject.limit)
        patch = subject.model.patches.size
        own = scores(subject, images)
        cells = subject.model.patches.grid(*images.shape[-2:])
        accuracy = {1: share(own.argmax(-1) == labels)}
        numbers = {"accuracy": accuracy[1]}
        for grid in GRIDS:
            if all(side % grid == 0 and (side // grid) % patch == 0 for side in images.shape[-2:]):
                places = orders(subject, len(images), grid * grid)
                found = scores(subject, blocks(images, grid, places))
                accuracy[grid] = share(found.argmax(-1) == labels)
                numbers[f"grid{grid}/accuracy"] = accuracy[grid]
        places = orders(subject, len(images), cells.cells)
        moved = shuffled(images, patch, places)
        alone, told, both = (
            scores(subject, moved),
            elsewhere(subject, images, places),
            elsewhere(subject, moved, places),
        )
        accuracy[max(cells)] = share(alone.argmax(-1) == labels)
        others = share(told.argmax(-1) == labels)
        numbers |= {
            "patches/accuracy": accuracy[max(cells)],
            "drop": accuracy[1] - accuracy[max(cells)],
            "change": change(own, alone),
            "positions/accuracy": others,
            "positions/drop": accuracy[1] - others,
            "defect": change(own, both),
        }
        sides = np.array(sorted(accuracy))
        return Found(
            numbers, {"blocks": sides, "accuracy": np.array([accuracy[s] for s in sides.tolist()])}
        )


def orders(subject: Subject, count: int, cells: int) -> Int64[Tensor, "images cells"]:
    """An order for each image, each as likely as any other."""
    random = subject.generator("shuffle", str(cells))
    drawn = torch.rand(count, cells, generator=random, dtype=torch.float64)
    return drawn.argsort(dim=1).to(subject.machine.device)


def blocks(images: Images, grid: int, places: Int64[Tensor, "images cells"]) -> Images:
    """Images whose grid x grid blocks are in other places; they need not be squares."""
    height, width = images.shape[-2] // grid, images.shape[-1] // grid
    cut = images.unflatten(-1, (grid, width)).unflatten(-3, (grid, height))
    cut = cut.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)  # [images, blocks, channels, height, width]
    moved = cut.gather(1, places[:, :, None, None, None].expand_as(cut))
    back = moved.unflatten(1, (grid, grid)).permute(0, 3, 1, 4, 2, 5)
    return back.flatten(4).flatten(2, 3)


def elsewhere(subject: Subject, images: Images, places: Int64[Tensor, "images cells"]) -> Scores:
    """Answers of a network that takes patch i for being in the cell `places[i]`."""
    model, found = subject.model, []
    own, patch = model.position, model.patches.size
    for part, order in zip(images.split(BATCH), places.split(BATCH), strict=True):
        with replaced(model, "position", Elsewhere(own, order, patch)):
            found.append(scores(subject, part))
    return torch.cat(found)


PROBE = Shuffle()
