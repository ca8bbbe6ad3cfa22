"""What a network with the strategy in it does."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vitpos.embeddings.base import PositionEmbedding
from vitpos.grid import Grid
from vitpos.specimens import CLASSES, PATCH, SIZE, loud, noise, vit
from vitpos.vit import ViT

GRIDS = [Grid(6, 6), Grid(2, 2), Grid(3, 7), Grid(5, 2), Grid(1, 6), Grid(1, 1)]
PREFIXES: list[dict[str, Any]] = [{"pool": "mean", "registers": 0}, {"pool": "cls", "registers": 2}]
on_prefixes = pytest.mark.parametrize("prefix", PREFIXES, ids=["mean", "cls-2"])


def network(name: str, seed: int = 0, pool: str = "mean", registers: int = 0) -> ViT:
    """In evaluation, with position parameters that cannot be overheard."""
    model = vit(name, seed=seed, pool=pool, registers=registers)
    loud(model.position)
    return model.eval()


def images(count: int = 3) -> Tensor:
    """Noise on the grid that the networks were built for."""
    return noise(count, 3, SIZE, SIZE, seed=1)


def shuffled(pictures: Tensor) -> Tensor:
    """The same patches in another order."""
    patches = F.unfold(pictures, PATCH, stride=PATCH)
    order = torch.randperm(patches.shape[-1], generator=torch.Generator().manual_seed(2))
    return F.fold(patches[..., order], pictures.shape[-2:], PATCH, stride=PATCH)


def difference(a: Tensor, b: Tensor) -> float:
    """The largest absolute difference."""
    return (a - b).abs().max().item()


def silent(model: ViT) -> bool:
    """Whether it has no position embedding at all."""
    return type(model.position) is PositionEmbedding


@on_prefixes
@torch.no_grad()
def test_scores_every_image(name: str, prefix: dict[str, Any]) -> None:
    """One finite score for each class."""
    scores = network(name, **prefix)(images())

    assert scores.shape == (3, CLASSES)
    assert scores.isfinite().all()


@on_prefixes
@torch.no_grad()
def test_tells_the_order_of_patches(name: str, prefix: dict[str, Any]) -> None:
    """Shuffled patches change the scores exactly if there is a position embedding."""
    model = network(name, **prefix)
    change = difference(model(images()), model(shuffled(images())))

    assert change < 1e-5 if silent(model) else change > 1e-4


def gradients(name: str) -> dict[str, Tensor]:
    """Of the last tokens, by each position parameter, with and without prefix tokens."""
    found = {}
    for prefix in PREFIXES:
        model = network(name, **prefix).train()
        last: list[Tensor] = []
        model.norm.register_forward_hook(
            lambda module, before, after, last=last: last.append(after)
        )
        model(images())
        (last[0] * noise(*last[0].shape, seed=3)).sum().backward()
        for key, weight in model.position.named_parameters():
            grad = weight.grad
            found[f"{key} {prefix}"] = torch.zeros(1) if grad is None else grad
    return found


def test_gradients_reach_every_parameter(name: str) -> None:
    """Each tensor that learns gets finite gradients that are not all zero."""
    idle = [key for key, g in gradients(name).items() if not g.isfinite().all() or not g.any()]

    assert idle == [], idle


def test_learns_with_every_number(name: str) -> None:
    """Each number of each layer, head, cell and offset gets a gradient."""
    idle = [key for key, grad in gradients(name).items() if not grad.all()]

    assert idle == [], idle


@torch.no_grad()
def test_reads_other_grids(name: str) -> None:
    """Larger, smaller and oblong images, down to a single patch, get finite scores."""
    model = network(name, pool="cls", registers=1)
    sizes = [noise(2, 3, grid.rows * PATCH, grid.cols * PATCH) for grid in GRIDS]
    unread = [grid for grid, image in zip(GRIDS, sizes, strict=True) if not finite(model, image)]

    assert unread == [], unread


def finite(model: ViT, image: Tensor) -> bool:
    """Whether the network has a score for it."""
    scores: Tensor = model(image)
    return bool(scores.isfinite().all())


@torch.no_grad()
def test_what_was_seen_before_changes_nothing(name: str) -> None:
    """After a 6x6 grid, a 4x9 grid (as many cells) is read as if it were the first."""
    asked, fresh = network(name), network(name)
    square, oblong = noise(1, 3, 6 * PATCH, 6 * PATCH), noise(1, 3, 4 * PATCH, 9 * PATCH)
    asked(square)

    assert torch.equal(asked(oblong), fresh(oblong))


@torch.no_grad()
def test_tells_an_oblong_grid_from_its_transpose(name: str) -> None:
    """The same patches, in the same sequence, on a 2x8 and an 8x2 grid are different images."""
    model = network(name)
    patches = noise(1, 3 * PATCH**2, 16)
    wide, tall = (
        F.fold(patches, (rows * PATCH, cols * PATCH), PATCH, stride=PATCH)
        for rows, cols in ((2, 8), (8, 2))
    )
    change = difference(model(wide), model(tall))

    assert change < 1e-5 if silent(model) else change > 1e-5


@torch.no_grad()
def test_comes_back_from_its_state(name: str) -> None:
    """A network of another seed gives the same bits once it has the same state."""
    model = network(name, pool="cls", registers=1)
    other = vit(name, seed=1, pool="cls", registers=1).eval()
    other.load_state_dict(model.state_dict())

    assert torch.equal(other(images()), model(images()))


@on_prefixes
@torch.no_grad()
def test_survives_half_precision(name: str, prefix: dict[str, Any]) -> None:
    """Under autocast to bfloat16, and with all weights in it, scores are close to float32's."""
    model = network(name, **prefix)
    full = model(images())
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model(images())
    half = model.bfloat16()(images().bfloat16())
    rounded = model.float()(images())

    torch.testing.assert_close(mixed.float(), full, atol=0.1, rtol=0.1)
    torch.testing.assert_close(half.float(), rounded, atol=0.2, rtol=0.2)


@pytest.mark.parametrize("way", ["explicit", "tile"])
@torch.no_grad()
def test_all_ways_of_attention_agree(name: str, way: str) -> None:
    """Those with position inside too: all implementations give the same scores."""
    model = network(name, pool="cls", registers=1)
    fused = model(images())
    model.attend_with(way)

    torch.testing.assert_close(model(images()), fused, atol=2e-5, rtol=1e-4)


def test_learns_a_tiny_task(name: str) -> None:
    """A few steps on eight images lower the loss, and all stays finite."""
    torch.manual_seed(0)
    model = vit(name, pool="cls", registers=1).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    inputs, labels = images(8), torch.arange(8)
    losses = []
    for _ in range(8):
        loss = F.cross_entropy(model(inputs), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())

    assert losses[-1] < 0.8 * losses[0]
    assert all(weight.isfinite().all() for weight in model.parameters())
