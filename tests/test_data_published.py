"""Data sets that torchvision reads."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from small_data import bless, cifar10, cifar100, dataset, idx, mnist, old_pickle

from vitpos.data.known import KNOWN
from vitpos.data.sources import load
from vitpos.errors import BadData

torch.set_num_threads(1)


def test_reads_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels and labels are those of the files; validation images come out of the training set."""
    arrays = mnist(tmp_path, monkeypatch)
    data = load(dataset("mnist", root=str(tmp_path), validation=20))

    assert (len(data.train.labels), len(data.validation.labels), len(data.test.labels)) == (
        80,
        20,
        40,
    )
    assert np.array_equal(data.test.pixels[:, 0].numpy(), arrays["t10k-images-idx3-ubyte"])
    assert np.array_equal(data.test.labels.numpy(), arrays["t10k-labels-idx1-ubyte"])
    assert data.validation.labels.bincount().tolist() == [2] * 10
    assert data.classes == tuple("0123456789")


def test_ignores_what_an_old_torchvision_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `processed/training.pt` beside the verified files is not read in their place."""
    mnist(tmp_path, monkeypatch)
    before = load(dataset("mnist", root=str(tmp_path), validation=20)).digest
    (tmp_path / "MNIST/processed").mkdir()
    for name in ("training.pt", "test.pt"):
        (tmp_path / "MNIST/processed" / name).write_bytes(b"not what was verified")

    assert load(dataset("mnist", root=str(tmp_path), validation=20)).digest == before


@pytest.mark.parametrize(
    ("part", "array", "problem"),
    [
        ("train-labels-idx1", np.arange(60) % 10, "100 training images with 60 labels"),
        ("train-labels-idx1", np.arange(100) % 38, "training labels from 0 to 37, not 0..9"),
        ("t10k-images-idx3", np.zeros((40, 32, 32)), "test images of [1, 32, 32], not [1, 28, 28]"),
        ("t10k-images-idx3", np.zeros((40, 28)), "x should have 3 dimension instead of 2"),
        ("train-labels-idx1", np.zeros((100, 1)), "x should have 1 dimension instead of 2"),
    ],
)
def test_refuses_what_cannot_be_mnist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, array: np.ndarray, problem: str
) -> None:
    """Even with the right digests: counts, labels and shapes are checked."""
    mnist(tmp_path, monkeypatch)
    (tmp_path / f"MNIST/raw/{part}-ubyte").write_bytes(idx(array))
    bless("mnist", tmp_path, monkeypatch)

    with pytest.raises(BadData) as caught:
        load(dataset("mnist", root=str(tmp_path), validation=20))
    assert problem in caught.value.message
    assert "vitpos data mnist" in caught.value.hint


def test_counts_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer images than the data set has."""
    mnist(tmp_path, monkeypatch, train=60, labels=60)

    with pytest.raises(BadData, match="60 training images, not 100"):
        load(dataset("mnist", root=str(tmp_path), validation=20))


@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b\x08\x00 zip", b"PNG", b"\0\0\x08\x03" + b"\xff" * 12]
)
def test_refuses_what_is_no_idx_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """Anything at all in place of a file is one line, not a traceback."""
    mnist(tmp_path, monkeypatch)
    (tmp_path / "MNIST/raw/train-images-idx3-ubyte").write_bytes(content)
    bless("mnist", tmp_path, monkeypatch)

    with pytest.raises(BadData, match="MNIST/raw is not in its format"):
        load(dataset("mnist", root=str(tmp_path), validation=20))


def test_reads_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels first, in the order of the batches, with the names of the classes."""
    pixels = cifar10(tmp_path, monkeypatch)
    data = load(dataset("cifar10", root=str(tmp_path), validation=10))

    assert np.array_equal(data.test.pixels.numpy(), pixels["test_batch"].reshape(-1, 3, 32, 32))
    everything = torch.cat([data.train.pixels, data.validation.pixels]).flatten(1)
    assert {bytes(row.tolist()) for row in everything} == {
        bytes(row) for name in pixels if name != "test_batch" for row in pixels[name]
    }
    assert data.test.labels.tolist() == [i % 10 for i in range(20)]
    assert data.classes == tuple("abcdefghij")


def test_reads_cifar100(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fine labels, a hundred of them."""
    cifar100(tmp_path, monkeypatch)
    data = load(dataset("cifar100", root=str(tmp_path), validation=100))

    assert data.test.labels.tolist() == list(range(100))
    assert data.classes[99] == "class 99"


class Bomb:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> object:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
def test_opens_no_pickle_before_its_digest_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A batch that was exchanged is refused unread: nothing in it runs."""
    cifar10(tmp_path, monkeypatch)
    trace = tmp_path / "ran"
    path = tmp_path / "cifar-10-batches-py" / name
    path.write_bytes(pickle.dumps(Bomb(trace)))

    with pytest.raises(BadData, match=f"{path} is damaged: .* with md5 .*, not "):
        load(dataset("cifar10", root=str(tmp_path), validation=10))
    assert not trace.exists()
    pickle.loads(path.read_bytes())
    assert trace.exists(), "the bomb works"


def test_pins_what_torchvision_pins() -> None:
    """The digests of CIFAR here are those of torchvision."""
    from torchvision.datasets import CIFAR10, CIFAR100

    for name, reader in (("cifar10", CIFAR10), ("cifar100", CIFAR100)):
        lists = [
            *reader.train_list,
            *reader.test_list,
            [reader.meta["filename"], reader.meta["md5"]],
        ]
        assert KNOWN[name].files == dict(lists)


@pytest.mark.parametrize(
    ("batch", "problem"),
    [
        ({"labels": [0] * 20}, "KeyError: 'data'"),
        ({"data": np.zeros((20, 3000), np.uint8), "labels": [0] * 20}, "ValueError"),
        (
            {"data": np.zeros((20, 3072), np.uint8), "labels": [0] * 12},
            "20 test images with 12 labels",
        ),
        (
            {"data": np.zeros((20, 3072), np.uint8), "labels": [37] * 20},
            "test labels from 37 to 37, not 0..9",
        ),
        ({"data": np.zeros((19, 3072), np.uint8), "labels": [0] * 19}, "19 test images, not 20"),
        ({"data": np.zeros((20, 3072)), "labels": [0] * 20}, "no array of bytes"),
        ({"data": np.zeros((20, 3072), np.uint8), "labels": [0.5] * 20}, "labels of torch.float32"),
        ([], "is not in its format"),
    ],
)
def test_refuses_what_cannot_be_cifar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: object, problem: str
) -> None:
    """Even with the right digests."""
    cifar10(tmp_path, monkeypatch)
    (tmp_path / "cifar-10-batches-py/test_batch").write_bytes(old_pickle(batch))
    bless("cifar10", tmp_path, monkeypatch)

    with pytest.raises(BadData) as caught:
        load(dataset("cifar10", root=str(tmp_path), validation=10))
    assert problem in caught.value.message
