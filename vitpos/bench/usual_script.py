"""What people usually write to train a small Vision Transformer.

torchvision transforms image by image, a DataLoader, timm's network in float32, AdamW. Steps of
vitpos are compared with it. By itself it trains an epoch of MNIST::

    python -m vitpos.bench.usual_script FOLDER [IMAGES]
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import datasets, transforms


class Shape(NamedTuple):
    """Of images and of a network; the words are timm's."""

    img_size: int = 32
    patch_size: int = 4
    in_chans: int = 3
    embed_dim: int = 192
    depth: int = 6
    num_heads: int = 3
    mlp_ratio: float = 4.0


class Pictures(Dataset[tuple[Any, int]]):
    """Arrays in memory, each made a picture when it is asked for, as torchvision's CIFAR10 does."""

    def __init__(self, pixels: np.ndarray, labels: list[int], change: Any) -> None:
        self.pixels, self.labels, self.change = pixels, labels, change

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.change(Image.fromarray(self.pixels[index])), self.labels[index]


def augmentation(size: int, mean: Sequence[float], std: Sequence[float], *, flip: bool) -> Any:
    """A random crop after padding, maybe a flip, then a tensor with mean 0 and deviation 1."""
    flips = [transforms.RandomHorizontalFlip()] if flip else []
    return transforms.Compose(
        [
            transforms.RandomCrop(size, padding=4 if flip else 2),
            *flips,
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ]
    )


def network(shape: Shape, pool: str = "cls") -> VisionTransformer:
    """`pool` is ``cls`` (timm's own) or ``mean``: no class token, and the last norm after it."""
    return VisionTransformer(
        num_classes=10,
        class_token=pool == "cls",
        global_pool="token" if pool == "cls" else "avg",
        **shape._asdict(),
    )


def batches(
    pictures: Dataset[tuple[Any, int]], batch_size: int, workers: int, device: torch.device
) -> DataLoader[Any]:
    """A loader as it is usually made."""
    return DataLoader(
        pictures,
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        persistent_workers=workers > 0,
    )


def forever(loader: Iterable[Any]) -> Iterator[Any]:
    """Epoch after epoch."""
    while True:
        yield from loader


def train(model: nn.Module, loader: Iterable[Any], device: torch.device) -> Iterator[float]:
    """A step for each batch; the loss after it."""
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    for images, targets in loader:
        optimizer.zero_grad()
        scores = model(images.to(device, non_blocking=True))
        loss = F.cross_entropy(scores, targets.to(device, non_blocking=True))
        loss.backward()
        optimizer.step()
        yield loss.item()


def train_resident(
    model: nn.Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    dtype: torch.dtype | None,
) -> Iterator[Tensor]:
    """The same with batches that are on the device already, autocast, and no wait for the loss."""
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05, fused=True)
    for images, targets in loader:
        optimizer.zero_grad(set_to_none=True)
        context: AbstractContextManager[Any] = nullcontext()
        if dtype is not None:
            context = torch.autocast(device.type, dtype)
        with context:
            loss = F.cross_entropy(model(images), targets)
        loss.backward()
        optimizer.step()
        yield loss.detach()


def main() -> None:
    """An epoch of MNIST, from files to a test accuracy, in one process."""
    root, *rest = sys.argv[1:]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    change = augmentation(28, (0.1307,), (0.3081,), flip=False)
    data: Any = datasets.MNIST(root, train=True, transform=change)
    if rest:
        data = Subset(data, range(int(rest[0])))
    model = network(Shape(28, 7, 1, 64, 4, 4))
    losses = list(train(model, batches(data, 128, 0, device), device))
    plain = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    tests = DataLoader(datasets.MNIST(root, train=False, transform=plain), batch_size=500)
    model.eval()
    right = 0
    with torch.no_grad():
        for images, targets in tests:
            right += (model(images.to(device)).argmax(-1).cpu() == targets).sum().item()
    sys.stdout.write(f"loss {losses[-1]:.3f}  test accuracy {right / 10_000:.2%}\n")


if __name__ == "__main__":
    main()
