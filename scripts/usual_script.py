"""What people usually write to train a small Vision Transformer on CIFAR-10.

torchvision transforms image by image, a DataLoader, timm's network in float32, AdamW. It stands
beside `bench_step.py` as what a step of vitpos is compared with, and runs by itself::

    python -m scripts.usual_script
"""

import time
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from timm.models.vision_transformer import VisionTransformer
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
AUGMENT = transforms.Compose(
    [
        transforms.RandomCrop(32, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
)


class Pictures(Dataset):
    """Arrays in memory, each made a picture when it is asked for, as torchvision's CIFAR10 does."""

    def __init__(self, pixels: np.ndarray, labels: list[int]) -> None:
        self.pixels, self.labels = pixels, labels  # [images, 32, 32, 3] of uint8

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return AUGMENT(Image.fromarray(self.pixels[index])), self.labels[index]


def network(pool: str) -> VisionTransformer:
    """Patches of 4, 6 blocks of width 192 with 3 heads; `pool` is ``cls`` (timm's own) or ``mean``.

    timm's mean has no class token, and its last norm after the pooling.
    """
    return VisionTransformer(
        img_size=32,
        patch_size=4,
        num_classes=10,
        embed_dim=192,
        depth=6,
        num_heads=3,
        class_token=pool == "cls",
        global_pool="token" if pool == "cls" else "avg",
    )


def train(
    pixels: np.ndarray, labels: list[int], *, batch_size: int, pool: str = "cls", workers: int = 0
) -> Iterator[float]:
    """Train without end; the loss after each step."""
    batches = DataLoader(
        Pictures(pixels, labels),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
    )
    model = network(pool)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    model.train()
    while True:
        for images, targets in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), targets)
            loss.backward()
            optimizer.step()
            yield loss.item()


def main() -> None:
    """A few steps on random images."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (2048, 32, 32, 3), dtype=np.uint8)
    labels = random.integers(0, 10, 2048).tolist()
    last = time.perf_counter()
    for step, loss in zip(range(1, 9), train(pixels, labels, batch_size=128), strict=False):
        now = time.perf_counter()
        print(f"step {step}  loss {loss:.3f}  {128 / (now - last):.0f} images/s")
        last = now


if __name__ == "__main__":
    main()
