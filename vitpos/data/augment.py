"""From stored pixels to what the network learns from: a whole batch at once, on its device.

Geometry, then a policy, on uint8; a scene made of what they left, if a task wants one; then
normalisation; then erasing, mixing and shuffling. Nothing here waits for a device or draws a
number: the rows of the epoch's tables say what happens to each image.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float32, Int64, Shaped, UInt8
from torch import Tensor

from vitpos import schema
from vitpos.data.draws import Draws
from vitpos.data.geometry import Crop, Rows, Warp, geometric
from vitpos.data.mix import Erase, Mix
from vitpos.data.policies import Policy
from vitpos.data.scene import Scene
from vitpos.data.shuffle import Shuffle


def normalise(
    pixels: UInt8[Tensor, "batch channels height width"],
    mean: Sequence[float],
    std: Sequence[float],
) -> Float32[Tensor, "batch channels height width"]:
    """Pixels of 0..255 to mean 0 and deviation 1, given both per channel for pixels of 0..1.

    The numbers of a channel stay on the host: tensors of them would have to be copied.
    """
    images = pixels.float()
    for channel, (centre, spread) in enumerate(zip(mean, std, strict=True)):
        images[:, channel].mul_(1 / (255 * spread)).sub_(centre / spread)
    return images


class Augmenter:
    """The changes a run asks for, as tables per epoch and a function of batches.

    An image is changed in a way that depends on (seed, epoch, sample) alone; only mixing looks at
    the next image of the batch. `shuffle` is the side of patches to put in random places, in
    pixels; 0: none are. `scene` is what is shown in place of the images.
    """

    def __init__(
        self,
        dataset: schema.Dataset,
        augment: schema.Augment,
        *,
        shuffle: int = 0,
        scene: Scene | None = None,
        seed: int,
        samples: int,
        classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
    ) -> None:
        self.seed, self.samples, self.classes = seed, samples, classes
        self.mean, self.std, self.device = mean, std, device
        size, channels = dataset.size, dataset.channels
        side = size if scene is None else scene.side
        self.scene = scene
        self.moves: list[Crop | Warp | Policy] = []
        if augment.geometry:
            self.moves += geometric(dataset.geometry)
        if augment.policy != "none":
            self.moves += [Policy(augment, size=size, channels=channels, device=device)]
        self.erase = Erase(augment, side) if augment.erase else None
        self.mix = Mix(augment, side) if augment.mixup or augment.cutmix else None
        self.shuffle = Shuffle(shuffle, side) if shuffle else None

    def tables(self, epoch: int) -> dict[str, Tensor]:
        """What happens to each sample in this epoch: row i belongs to sample i."""
        return {name: table.to(self.device) for name, table in self.drawn(epoch).items()}

    def drawn(self, epoch: int) -> dict[str, Tensor]:
        """The same on the CPU, where it is drawn."""
        draws = Draws(self.seed, epoch, self.samples)
        tables: dict[str, Tensor] = {}
        for change in (*self.moves, self.scene, self.erase, self.mix, self.shuffle):
            if change is not None:
                tables |= change.tables(draws)
        return tables

    def __call__(
        self,
        pixels: UInt8[Tensor, "batch channels height width"],
        labels: Int64[Tensor, " batch"],
        ids: Int64[Tensor, " batch"],
        tables: dict[str, Tensor],
    ) -> tuple[Float32[Tensor, "batch channels side side"], Shaped[Tensor, "batch ..."]]:
        """Normalised images and what is aimed at; `ids` are the rows of the samples.

        Aimed at are shares of the classes, or the right answers about a scene.
        """
        rows = taken(tables, ids)
        if self.scene is None:
            pixels = self.moved(pixels, rows)
            targets = (labels[:, None] == torch.arange(self.classes, device=labels.device)).float()
        else:
            whole = self.scene.samples.pixels
            pixels, targets = self.scene(
                ids,
                rows,
                lambda some: self.moved(whole.index_select(0, some), taken(tables, some)),
            )
        images = normalise(pixels, self.mean, self.std)
        if self.erase is not None:
            images = self.erase(images, rows)
        if self.mix is not None:
            images, targets = self.mix(images, targets, rows)
        return images if self.shuffle is None else self.shuffle(images, rows), targets

    def moved(
        self, pixels: UInt8[Tensor, "batch channels height width"], rows: Rows
    ) -> UInt8[Tensor, "batch channels height width"]:
        """After geometry and policy."""
        for move in self.moves:
            pixels = move(pixels, rows)
        return pixels


def taken(tables: Rows, ids: Int64[Tensor, " batch"]) -> Rows:
    """The rows of these samples."""
    return {name: table.index_select(0, ids) for name, table in tables.items()}
