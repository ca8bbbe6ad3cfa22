"""Data that are missing, damaged or not what they should be: rows 27 and 52 to 59."""

import builtins
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from bad_input import Command, acted, acts, refused, vitpos
from small_data import bless, idx, mnist
from small_runs import TINY

__all__ = ["vitpos"]
LATER: dict[str, tuple[Sequence[str], int, Sequence[str]]] = acted({
    "27 batch": (["training.limit=null", "training.batch_size=60000"], 2,
                 ["training.batch_size = 60000", "3500 training images"]),
    "52 missing": (["dataset=cifar10", "dataset.root=nowhere"], 3,
                   ["cifar10", "not found in nowhere", "`vitpos data cifar10", "dataset.root=DIR"]),
    "56 pixels": (["dataset.size=32", "patch.size=8"], 3, ["dataset.size = 32", "28"]),
    "57 channels": (["dataset.channels=3", "dataset.mean=null", "dataset.std=null"], 3,
                    ["dataset.channels = 3", "1"]),
    "58 a file": (["dataset=cifar10", "dataset.root=file"], 3, ["file is a file"]),
    "a long name": (["dataset=cifar10", f"dataset.root={'x' * 300}"], 3, ["cannot be read"]),
    "a long name of a folder of images": (
        ["dataset=imagefolder", f"dataset.root={'x' * 300}"], 3, ["cannot be read"]
    ),
})  # fmt: skip


@pytest.mark.parametrize("row", LATER)
def test_refuses_before_the_first_step(
    row: str, vitpos: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only the files can tell, before a folder is made and without asking a network."""
    words, code, expected = LATER[row]
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(socket, "socket", None)

    refused(vitpos("train", *TINY, *words), code, *expected)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


IMAGES = "train-images-idx3-ubyte"
DAMAGES: dict[str, Callable[[bytes], bytes]] = acted(
    {
        "53 cut": lambda old: old[:-1],
        "54 flipped": lambda old: old[:-1] + bytes([old[-1] ^ 1]),
    }
)


@pytest.mark.parametrize("row", DAMAGES)
def test_names_the_damaged_file(
    row: str, vitpos: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found and expected digest, and how to get it again."""
    mnist(tmp_path / "data", monkeypatch)
    path = tmp_path / "data" / "MNIST" / "raw" / IMAGES
    path.write_bytes(DAMAGES[row](path.read_bytes()))

    refused(
        vitpos("train", "--quiet", *TINY, "dataset=mnist", f"dataset.root={tmp_path}/data"),
        3, f"{path} is damaged: ", "sha256", ", not ", "vitpos data mnist dataset.root=",
    )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@acts("55 labels", "55 count")
@pytest.mark.parametrize(("labels", "said"), [([11] * 100, "label"), ([1] * 60, "60")])
def test_tells_what_the_published_files_cannot_be(
    labels: list[int],
    said: str,
    vitpos: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Classes that there are not, fewer labels than images: also if the digest is right."""
    root = tmp_path / "data"
    mnist(root, monkeypatch)
    (root / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(idx(np.array(labels)))
    bless("mnist", root, monkeypatch)

    refused(
        vitpos("train", "--quiet", *TINY, "dataset=mnist", f"dataset.root={root}"), 3, "mnist", said
    )
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@acts("59 closed")
def test_names_a_file_that_may_not_be_read(
    vitpos: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A superuser may read any, so it is acted."""
    mnist(tmp_path / "data", monkeypatch)
    whole = open

    def open_(path: Path, *args: object, **options: object) -> object:
        if Path(path).name == IMAGES:
            raise PermissionError(13, os.strerror(13), str(path))
        return whole(path, *args, **options)

    monkeypatch.setattr(builtins, "open", open_)

    refused(
        vitpos("train", "--quiet", *TINY, "dataset=mnist", f"dataset.root={tmp_path}/data"),
        3, f"{IMAGES} cannot be read: Permission denied", "ls -lL",
    )  # fmt: skip
