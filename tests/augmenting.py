"""What the tests of augmentation share: small images, and configurations with one thing on."""

from typing import Any

import torch
from torch import Tensor

from vitpos import schema
from vitpos.data.augment import Augmenter

GEOMETRY = {"shift": 0, "rotate": 0.0, "scale": 0.0, "flip": False, "fill": "zeros"}
AUGMENT = {
    "geometry": True,
    "policy": "none",
    "policy_ops": 2,
    "policy_magnitude": 9.0,
    "mixup": 0.0,
    "cutmix": 0.0,
    "erase": 0.0,
}
MEAN, STD = [0.49, 0.48, 0.45], [0.25, 0.24, 0.26]


def images(batch: int, channels: int = 3, size: int = 12, seed: int = 0) -> Tensor:
    """Noise of all brightnesses."""
    shape = (batch, channels, size, size)
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def smooth(batch: int, channels: int = 3, size: int = 12) -> Tensor:
    """Soft shapes of little contrast, as photographs have them."""
    coarse = images(batch, channels, 4, seed=7).float()
    return torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(30, 200).byte()


def geometry(**changes: Any) -> schema.Geometry:
    """No move but those named."""
    return schema.Geometry(**(GEOMETRY | changes))


def augment(**changes: Any) -> schema.Augment:
    """No change but those named."""
    return schema.Augment(**(AUGMENT | changes))


def augmenter(
    *,
    moves: dict[str, Any] | None = None,
    seed: int = 0,
    samples: int = 64,
    size: int = 12,
    channels: int = 3,
    **changes: Any,
) -> Augmenter:
    """An augmenter of small images with only the named moves and changes."""
    mean, std = MEAN[:channels], STD[:channels]
    dataset = schema.Dataset(
        name="noise", source="embedded", root=None, size=size, channels=channels, classes=5,
        validation=1, mean=mean, std=std, patch=4, geometry=geometry(**(moves or {})), moved="none",
    )  # fmt: skip
    return Augmenter(
        dataset, augment(**changes), seed=seed, samples=samples, classes=5,
        mean=mean, std=std, device=torch.device("cpu"),
    )  # fmt: skip
