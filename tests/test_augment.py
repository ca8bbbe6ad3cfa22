"""Augmentation as a whole: a function of seed, epoch and sample, the same in any batch."""

from typing import Any

import pytest
import torch
from augmenting import MEAN, STD, augmenter, images
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms.functional import normalize

from vitpos.data import policies
from vitpos.data.augment import Augmenter, normalise

torch.set_num_threads(1)
CROP = {"shift": 3, "flip": True}
WARP = {"shift": 2, "rotate": 20.0, "scale": 0.2, "flip": True, "fill": "reflect"}
ALONE: list[dict[str, Any]] = [
    {"moves": CROP},
    {"moves": WARP},
    {"moves": WARP, "channels": 1, "policy": "trivial"},
    {"policy": "trivial"},
    {"policy": "rand", "policy_ops": 3},
    {"moves": CROP, "policy": "trivial", "erase": 0.5},
]
EVERYTHING = {"moves": WARP, "policy": "trivial", "erase": 0.5, "mixup": 0.8, "cutmix": 1.0}


def run(ours: Augmenter, ids: list[int], epoch: int = 0, channels: int = 3) -> torch.Tensor:
    """The images of these samples after augmentation."""
    return both(ours, ids, epoch, channels)[0]


def both(ours: Augmenter, ids: list[int], epoch: int = 0, channels: int = 3) -> Any:
    """Their images and targets."""
    chosen = torch.tensor(ids)
    pixels = images(64, channels)[chosen]
    return ours(pixels, chosen % 5, chosen, ours.tables(epoch))


@pytest.mark.parametrize("changes", ALONE)
@settings(deadline=None, max_examples=15)
@given(ids=st.lists(st.integers(0, 63), min_size=1, max_size=40))
def test_a_sample_is_changed_alike_in_any_batch(changes: dict[str, Any], ids: list[int]):
    """The row of a sample alone decides its pixels: not its place, not its neighbours."""
    ours, channels = augmenter(**changes), changes.get("channels", 3)
    everyone = run(ours, list(range(64)), channels=channels)

    assert torch.equal(run(ours, ids, channels=channels), everyone[ids])


def test_same_bits_again():
    """The same seed and epoch give the same bits; nothing else counts."""
    first = both(augmenter(**EVERYTHING), list(range(64)))
    torch.rand(17)
    second = both(augmenter(**EVERYTHING), list(range(64)))

    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


@pytest.mark.parametrize("changes", [*ALONE, EVERYTHING])
def test_seeds_and_epochs_differ(changes: dict[str, Any]):
    """Another epoch or another seed changes images in another way."""
    ids, channels = list(range(64)), changes.get("channels", 3)
    first = run(augmenter(**changes), ids, channels=channels)

    assert not torch.equal(first, run(augmenter(**changes), ids, epoch=1, channels=channels))
    assert not torch.equal(first, run(augmenter(**changes, seed=1), ids, channels=channels))


def test_what_is_switched_on_leaves_other_draws_alone():
    """Each purpose has draws of its own: adding a change moves no table of the others."""
    everything = augmenter(**EVERYTHING).tables(3)
    only = {
        "warp": augmenter(moves=WARP),
        "policy": augmenter(policy="trivial"),
        "erase": augmenter(erase=0.5),
        "blend": augmenter(mixup=0.8, cutmix=1.0),
    }

    for name, ours in only.items():
        assert torch.equal(ours.tables(3)[name], everything[name])


def test_tables_have_a_row_for_each_sample():
    """The tables of an epoch cover the whole data set."""
    tables = augmenter(**EVERYTHING, samples=50).tables(0)

    assert tables
    assert all(len(table) == 50 for table in tables.values())


@pytest.mark.parametrize("moves", [{}, CROP])
def test_nothing_on_is_evaluation(moves: dict[str, Any]):
    """With no change asked for, training sees the pixels of evaluation, bit for bit."""
    ours = augmenter(moves=moves, geometry=not moves)
    pixels, ids = images(64), torch.arange(64)
    seen, soft = ours(pixels, ids % 5, ids, ours.tables(0))

    assert ours.tables(0) == {}
    assert torch.equal(seen, normalise(pixels, MEAN, STD))
    assert torch.equal(soft, torch.eye(5)[ids % 5])


def test_everything_at_once_stays_in_range():
    """All changes together give images of pixels of 0..255 and targets that sum to one."""
    seen, soft = both(augmenter(**EVERYTHING), list(range(64)))
    black, white = (normalise(torch.full((1, 3, 1, 1), v).byte(), MEAN, STD) for v in (0, 255))

    assert (seen >= black - 1e-5).all()
    assert (seen <= white + 1e-5).all()
    torch.testing.assert_close(soft.sum(1), torch.ones(64))


@pytest.mark.parametrize("channels", [1, 3])
def test_normalise_is_torchvisions(channels: int):
    """Pixels become what `ToTensor` and `Normalize` make of them, to a float's precision."""
    pixels = images(4, channels)
    expected = normalize(pixels.float() / 255, MEAN[:channels], STD[:channels])

    torch.testing.assert_close(normalise(pixels, MEAN[:channels], STD[:channels]), expected)


def test_pixels_of_the_caller_stay():
    """Stored images are never written to."""
    ours, pixels, ids = augmenter(**EVERYTHING), images(64), torch.arange(64)
    ours(pixels, ids % 5, ids, ours.tables(0))

    assert torch.equal(pixels, images(64))


class NoWaiting(TorchDispatchMode):
    """Refuse what would make a host wait for a device, or have a shape that depends on data."""

    refused = ("nonzero", "_local_scalar_dense", "masked_select", "unique", "bincount", "item")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().removeprefix("aten::").split(".")[0]
        if name in self.refused or (name == "index" and args[1][0].dtype == torch.bool):
            raise AssertionError(f"{name} would wait for the device")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("changes", [*ALONE, EVERYTHING])
def test_a_batch_never_waits(changes: dict[str, Any]):
    """As it runs on an accelerator, a batch has fixed shapes and reads nothing back."""
    ours = augmenter(**changes)
    for move in ours.moves:
        if isinstance(move, policies.Policy):
            move.change = policies.masked
    tables, ids = ours.tables(0), torch.arange(8)
    pixels = images(8, changes.get("channels", 3))

    with NoWaiting():
        ours(pixels, ids % 5, ids, tables)


def test_waiting_is_noticed():
    """The guard of the test above works: choosing by kind does read back."""
    ours = augmenter(policy="trivial")
    tables, ids = ours.tables(0), torch.arange(8)

    with pytest.raises(AssertionError, match="nonzero"), NoWaiting():
        ours(images(8), ids % 5, ids, tables)
