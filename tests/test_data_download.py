"""Fetching data sets, from a server on this machine."""

import gzip
import hashlib
import io
import socket
import tarfile
import time
from pathlib import Path
from threading import Event

import pytest
from lying_server import Server, digits, publish, server
from small_data import cifar10, dataset, mnist

from vitpos.data import download as downloads
from vitpos.data.download import download
from vitpos.data.known import KNOWN
from vitpos.data.sources import load
from vitpos.errors import BadData, BadInput

__all__ = ["digits", "server"]
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def target(tmp_path: Path) -> object:
    """MNIST, to be put into an empty folder that does not exist yet."""
    return dataset("mnist", root=str(tmp_path / "new" / "data"), validation=20)


def test_downloads_verifies_and_loads(digits: Server, tmp_path: Path) -> None:
    """After the download the data set loads; a second download asks the server for nothing."""
    wanted = target(tmp_path)
    told = []

    assert download(wanted, lambda *words: told.append(words)) == Path(wanted.root)
    assert len(load(wanted).test.labels) == 40
    assert told[0] == (0, 4, "train-images-idx3-ubyte.gz")
    assert told[-1][:2] == (4, 4)
    digits.asked.clear()
    download(wanted)
    assert digits.asked == []


@pytest.mark.parametrize("share", [0, 1, 100])
def test_goes_on_after_an_interruption(digits: Server, tmp_path: Path, share: int) -> None:
    """A connection cut mid-way is one line; the next try fetches what is missing and no more."""
    wanted = target(tmp_path)
    digits.cut["train-images-idx3-ubyte.gz"] = share

    with pytest.raises(BadData, match="the download broke off or is damaged: https") as caught:
        download(wanted)
    assert "vitpos data mnist" in caught.value.hint
    digits.cut.clear()
    digits.asked.clear()
    download(wanted)
    assert digits.asked[0] == "train-images-idx3-ubyte.gz"
    assert len(load(wanted).test.labels) == 40


def test_mends_a_damaged_file(digits: Server, tmp_path: Path) -> None:
    """What `load` calls damaged is put right by the command that its hint names."""
    wanted = target(tmp_path)
    download(wanted)
    damaged = Path(wanted.root) / "MNIST/raw/t10k-images-idx3-ubyte"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(BadData, match="is damaged"):
        load(wanted)
    download(wanted)

    assert len(load(wanted).test.labels) == 40


def test_refuses_what_was_not_published(digits: Server, tmp_path: Path) -> None:
    """A mirror that sends something else is found out before it is unpacked."""
    digits.files["t10k-images-idx3-ubyte.gz"] = gzip.compress(b"something else", mtime=0)

    with pytest.raises(BadData, match="broke off or is damaged"):
        download(target(tmp_path))
    assert not (tmp_path / "new/data/MNIST/raw/t10k-images-idx3-ubyte").exists()


def test_takes_the_mirror_that_answers(
    digits: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One dead mirror of two does no harm."""
    publish("mnist", monkeypatch, mirrors=("https://127.0.0.1:9/", digits.url))
    wanted = target(tmp_path)
    download(wanted)

    assert len(load(wanted).test.labels) == 40


def test_unpacks_archives_given_by_hand_without_network(
    digits: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Archives in their place need no server."""
    wanted = target(tmp_path)
    raw = Path(wanted.root) / "MNIST/raw"
    raw.mkdir(parents=True)
    for name, content in digits.files.items():
        (raw / name).write_bytes(content)
    monkeypatch.setattr(downloads, "reachable", lambda *_: pytest.fail("asked the network"))
    download(wanted)

    assert len(load(wanted).test.labels) == 40


def test_leaves_whole_files_alone(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that are as published need neither archives nor network."""
    mnist(tmp_path, monkeypatch)
    publish("mnist", monkeypatch, mirrors=(server.url,))

    assert download(dataset("mnist", root=str(tmp_path))) == tmp_path


def test_unpacks_cifar(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One archive with all batches."""
    cifar10(tmp_path / "original", monkeypatch)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.add(tmp_path / "original/cifar-10-batches-py", "cifar-10-batches-py")
    server.files["cifar.tar.gz"] = stream.getvalue()
    publish(
        "cifar10",
        monkeypatch,
        mirrors=(server.url,),
        archive="cifar.tar.gz",
        sha256=hashlib.sha256(stream.getvalue()).hexdigest(),
    )
    wanted = dataset("cifar10", root=str(tmp_path / "new"), validation=20)
    download(wanted)

    assert len(load(wanted).test.labels) == 20


def test_offline_is_one_line_at_once(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No name can be resolved: what could not be reached, and how to use files by hand."""

    def offline(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    start = time.monotonic()

    with pytest.raises(BadData, match=r"cannot reach ossci-datasets.*name resolution") as caught:
        download(dataset("mnist", root=str(tmp_path)))
    assert "dataset.root=DIR" in caught.value.hint
    assert time.monotonic() - start < 30


def test_a_silent_network_is_given_up(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name resolution that hangs, which no socket timeout ends, is left alone after a while."""
    monkeypatch.setattr(downloads, "PATIENCE", 0.3)
    enough = Event()

    def hang(*_: object, **__: object) -> None:
        enough.wait(60)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    start = time.monotonic()

    with pytest.raises(BadData, match=r"cannot reach .*: no answer"):
        download(dataset("cifar10", root=str(tmp_path)))
    assert time.monotonic() - start < 30
    enough.set()


def test_a_root_that_cannot_be_written_is_told(digits: Server, tmp_path: Path) -> None:
    """A file in the way of the folder."""
    (tmp_path / "new").write_text("")

    with pytest.raises(BadData, match="cannot write into"):
        download(target(tmp_path))


def test_shipped_data_is_there_already() -> None:
    """Nothing to fetch."""
    assert download(dataset("mnist5k")).name == "mnist5k.npz"


def test_a_folder_of_your_own_cannot_be_downloaded() -> None:
    """The hint says what to type instead."""
    with pytest.raises(BadInput, match="nothing to download") as caught:
        download(dataset("imagefolder"))
    assert "dataset.root=DIR" in caught.value.hint


def test_published_counts_are_those_of_the_papers() -> None:
    """60,000 and 10,000 digits and clothes, 50,000 and 10,000 photographs."""
    assert {name: (facts.train, facts.test) for name, facts in KNOWN.items()} == {
        "mnist": (60_000, 10_000),
        "fashion_mnist": (60_000, 10_000),
        "cifar10": (50_000, 10_000),
        "cifar100": (50_000, 10_000),
    }
