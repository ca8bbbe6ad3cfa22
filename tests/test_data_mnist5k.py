"""The digits that ship with the package."""

import socket
from pathlib import Path

import pytest
import torch
from small_data import dataset

from vitpos.data import mnist5k
from vitpos.data.sources import load
from vitpos.errors import BadData, BadInput

torch.set_num_threads(1)


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the file, to be spoilt."""
    copy = tmp_path / "mnist5k.npz"
    copy.write_bytes(mnist5k.FILE.read_bytes())
    monkeypatch.setattr(mnist5k, "FILE", copy)
    return copy


def test_splits_every_class_alike() -> None:
    """350 images to learn from, 50 to choose by and 100 to be tested on, of each digit."""
    data = load(dataset("mnist5k"))

    for samples, count in ((data.train, 350), (data.validation, 50), (data.test, 100)):
        assert samples.labels.bincount().tolist() == [count] * 10
        assert samples.pixels.shape == (10 * count, 1, 28, 28)
        assert samples.pixels.dtype == torch.uint8
    assert data.classes == tuple("0123456789")


def test_no_digit_is_in_two_splits() -> None:
    """All 5,000 images differ."""
    parts = mnist5k.read()
    images = {bytes(image.flatten().tolist()) for part in parts for image in part.pixels}

    assert len(images) == 5000


def test_has_the_digest_that_results_are_recorded_with() -> None:
    """The data that figures are published for is this, on every machine."""
    digest = "f4592928b25f"

    assert load(dataset("mnist5k")).digest.startswith(digest)


def test_measures_what_the_config_leaves_open() -> None:
    """Mean and deviation come from the training pixels where the config says null."""
    data = load(dataset("mnist5k", mean=None, std=None))
    values = data.train.pixels.double() / 255

    assert data.mean == pytest.approx((float(values.mean()),))
    assert data.std == pytest.approx((float(values.std(correction=0)),))
    assert load(dataset("mnist5k")).mean == (0.1307,)


def test_loads_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket is opened."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert len(load(dataset("mnist5k")).train.labels) == 3500


@pytest.mark.parametrize("place", [0, 100, 400_000, -1])
def test_finds_a_flipped_bit(damaged: Path, place: int) -> None:
    """Any changed byte is found before anything is used."""
    content = bytearray(damaged.read_bytes())
    content[place] ^= 1
    damaged.write_bytes(content)

    with pytest.raises(BadData, match=f"{damaged} is damaged.*sha256 .*, not 8b27dd167de4"):
        load(dataset("mnist5k"))


def test_says_how_to_mend_a_missing_file(damaged: Path) -> None:
    """The hint is to install again."""
    damaged.unlink()

    with pytest.raises(BadData, match="No such file") as caught:
        load(dataset("mnist5k"))
    assert "pip install" in caught.value.hint


def test_keeps_to_its_own_split() -> None:
    """Another number of validation images is refused: the split is part of the file."""
    with pytest.raises(BadData, match=r"dataset\.validation = 400, but its files have 500"):
        load(dataset("mnist5k", validation=400))


def test_knows_no_other_name_in_the_package() -> None:
    """A config that names what does not ship is told what does."""
    with pytest.raises(BadInput, match="no data set `digits`") as caught:
        load(dataset("mnist5k", name="digits"))
    assert "mnist5k" in caught.value.hint


def test_mean_has_a_value_for_each_channel() -> None:
    """Three means for grey images are refused."""
    with pytest.raises(BadInput, match=r"dataset\.mean has 3 values for 1 channels"):
        load(dataset("mnist5k", mean=[0.1, 0.2, 0.3]))
