"""Mirrors that lie, and archives that reach out: nothing comes of it but an error."""

import gzip
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lying_server import Server, digits, publish, server, serving
from small_data import bless, cifar10, dataset

from vitpos.data import fetching
from vitpos.data.download import download
from vitpos.data.known import KNOWN
from vitpos.data.sources import load
from vitpos.errors import BadData

__all__ = ["digits", "server"]
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
FIRST = "train-images-idx3-ubyte.gz"


@pytest.fixture
def plain() -> Iterator[Server]:
    """A server without encryption."""
    yield from serving(Server(secure=False))


def raw(tmp_path: Path) -> Path:
    """Where the files would lie."""
    return tmp_path / "new/MNIST/raw"


def refused(tmp_path: Path, *words: str) -> None:
    """A download ends with these words, and nothing that was not published lies there."""
    with pytest.raises(BadData) as caught:
        download(dataset("mnist", root=str(tmp_path / "new"), validation=20))
    for word in words:
        assert word in str(caught.value)
    assert not (raw(tmp_path) / FIRST.removesuffix(".gz")).exists()
    assert not list(raw(tmp_path).glob(".*")), "temporary files"


def test_says_nothing_without_encryption(
    digits: Server, plain: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that is plain HTTP is not even asked, though it has the right files."""
    plain.files = digits.files
    publish("mnist", monkeypatch, mirrors=(plain.url,))

    refused(tmp_path, "cannot reach", "unknown url type: http")
    assert plain.asked == []


def test_is_not_sent_on_to_plain_http(digits: Server, plain: Server, tmp_path: Path) -> None:
    """A redirection to plain HTTP is refused, though the right files lie there."""
    plain.files = digits.files
    digits.elsewhere[FIRST] = plain.url + FIRST

    refused(tmp_path, "not HTTPS")
    assert plain.asked == []


@pytest.mark.parametrize("where", ["file:///etc/hostname", "ftp://127.0.0.1/x", "//[::bad"])
def test_is_not_sent_on_to_files(digits: Server, tmp_path: Path, where: str) -> None:
    """Nor to a file of this machine, or anything else."""
    digits.elsewhere[FIRST] = where

    refused(tmp_path, "the download broke off or is damaged")


def test_follows_to_another_https_address(digits: Server, tmp_path: Path) -> None:
    """As mirrors do."""
    digits.files["there"] = digits.files[FIRST]
    digits.elsewhere[FIRST] = digits.url + "there"
    wanted = dataset("mnist", root=str(tmp_path / "new"), validation=20)
    download(wanted)

    assert len(load(wanted).test.labels) == 40


def test_does_not_follow_for_ever(digits: Server, tmp_path: Path) -> None:
    """A ring of addresses has an end."""
    digits.elsewhere[FIRST] = digits.url + FIRST

    refused(tmp_path, "infinite loop")


def test_asks_for_a_certificate(
    digits: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody in between, whom no authority vouches for, is not listened to."""
    monkeypatch.delenv("SSL_CERT_FILE")

    refused(tmp_path, "CERTIFICATE_VERIFY_FAILED")
    assert digits.asked == []


def test_an_endless_file_ends(digits: Server, tmp_path: Path) -> None:
    """At the size that the largest archive of it could have, and nothing of it is kept."""
    digits.endless = True

    refused(tmp_path, "more than the 8", "bytes that it can have")
    assert (raw(tmp_path) / f"{FIRST}.part").stat().st_size == 0


def test_larger_than_it_can_be(digits: Server, tmp_path: Path) -> None:
    """A gigabyte of zeros in a megabyte is not unpacked."""
    digits.files[FIRST] = gzip.compress(bytes(2**22), mtime=0)

    refused(tmp_path, "larger than it can be")


def test_a_crawling_server_is_given_up(
    digits: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte now and then keeps no socket waiting, but takes for ever."""
    monkeypatch.setattr(fetching, "SLOW", 0.2)
    digits.pause = 0.02

    refused(tmp_path, "too slow")


def test_a_silent_server_is_given_up(
    digits: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knocks, is let in, and hears nothing."""
    monkeypatch.setattr(fetching, "STALL", 0.3)
    digits.pause = 30.0

    refused(tmp_path, "timed out")


def test_goes_on_where_it_was_cut_off(digits: Server, tmp_path: Path) -> None:
    """The second try asks for the rest only; both together are the file."""
    digits.cut[FIRST] = 1000
    refused(tmp_path, "broke off after 1,000 of")
    digits.cut.clear()
    digits.ranges.clear()
    wanted = dataset("mnist", root=str(tmp_path / "new"), validation=20)
    download(wanted)

    assert digits.ranges[0] == "bytes=1000-"
    assert len(load(wanted).test.labels) == 40


@pytest.mark.parametrize("deaf", [True, False])
def test_what_came_before_may_be_a_lie(digits: Server, tmp_path: Path, deaf: bool) -> None:
    """Other bytes in the part are found out, and the try after that is right."""
    raw(tmp_path).mkdir(parents=True)
    (raw(tmp_path) / f"{FIRST}.part").write_bytes(b"\0" * 1000)
    digits.deaf = deaf
    wanted = dataset("mnist", root=str(tmp_path / "new"), validation=20)
    if not deaf:
        refused(tmp_path, "the download broke off or is damaged")
    download(wanted)

    assert len(load(wanted).test.labels) == 40


def test_a_part_that_is_too_long_begins_anew(digits: Server, tmp_path: Path) -> None:
    """A server that has no such range says so; the next try asks for all of it."""
    raw(tmp_path).mkdir(parents=True)
    (raw(tmp_path) / f"{FIRST}.part").write_bytes(b"\0" * 200_000)
    wanted = dataset("mnist", root=str(tmp_path / "new"), validation=20)
    download(wanted)

    assert len(load(wanted).test.labels) == 40


def test_a_part_that_is_a_link_is_taken_away(digits: Server, tmp_path: Path) -> None:
    """Where others may write, one may lie there: nothing is written through it."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    raw(tmp_path).mkdir(parents=True)
    (raw(tmp_path) / f"{FIRST}.part").symlink_to(victim)
    (raw(tmp_path) / FIRST.removesuffix(".gz")).symlink_to(victim)
    wanted = dataset("mnist", root=str(tmp_path / "new"), validation=20)
    download(wanted)

    assert victim.read_text() == "mine"
    assert len(load(wanted).test.labels) == 40


def entry(name: str, content: bytes = b"x", **facts: object) -> tuple[tarfile.TarInfo, bytes]:
    """A member of an archive, whatever it says of itself."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in facts.items():
        setattr(member, key, value)
    return member, content


TOP = "cifar-10-batches-py"
ONE = f"{TOP}/test_batch"
REACHING: dict[str, Callable[[Path], tuple[tarfile.TarInfo, bytes]]] = {
    "up": lambda victim: entry("../victim"),
    "far up": lambda victim: entry(f"{TOP}/../../../victim"),
    "absolute": lambda victim: entry(str(victim)),
    "link": lambda victim: entry(ONE, b"", type=tarfile.SYMTYPE, linkname=str(victim)),
    "hard link": lambda victim: entry(ONE, b"", type=tarfile.LNKTYPE, linkname=str(victim)),
    "folder": lambda victim: entry(TOP, b"", type=tarfile.SYMTYPE, linkname=str(victim.parent)),
    "device": lambda victim: entry(ONE, b"", type=tarfile.CHRTYPE, devmajor=1, devminor=8),
    "pipe": lambda victim: entry(ONE, b"", type=tarfile.FIFOTYPE),
    "run by all": lambda victim: entry(f"{TOP}/../run", b"#!/bin/sh\n", mode=0o4777),
    "other file": lambda victim: entry(f"{TOP}/sitecustomize.py", b"import os"),
    "below": lambda victim: entry(f"{TOP}/x/test_batch"),
    "escape": lambda victim: entry("\x1b]0;owned\x07"),
}  # fmt: skip


def tarred(folder: Path, *others: tuple[tarfile.TarInfo, bytes], leave_out: str = "") -> bytes:
    """An archive of a small CIFAR, after these members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for member, content in others:
            archive.addfile(member, io.BytesIO(content))
        for path in sorted(folder.iterdir()):
            if path.name != leave_out:
                archive.add(path, f"{TOP}/{path.name}")
    return stream.getvalue()


@pytest.mark.parametrize("kind", REACHING)
def test_an_archive_reaches_nowhere(
    kind: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with the right digest: only files of the right names, in their place, are written."""
    cifar10(tmp_path / "original", monkeypatch)
    (tmp_path / "around/new").mkdir(parents=True)
    victim = tmp_path / "around/victim"
    victim.write_text("mine")
    content = tarred(tmp_path / "original" / TOP, REACHING[kind](victim))
    server.files["a.tar.gz"] = content
    facts = {"mirrors": (server.url,), "archive": "a.tar.gz"}
    publish("cifar10", monkeypatch, **facts, sha256=hashlib.sha256(content).hexdigest())
    wanted = dataset("cifar10", root=str(tmp_path / "around/new"), validation=20)
    download(wanted)

    assert len(load(wanted).test.labels) == 20
    found = {str(p.relative_to(tmp_path / "around")) for p in (tmp_path / "around").rglob("*")}
    files = {f"new/{TOP}/{name}" for name in KNOWN["cifar10"].files}
    assert found == {"victim", "new", "new/a.tar.gz", f"new/{TOP}", *files}
    assert victim.read_text() == "mine"


def test_an_archive_without_a_file_is_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link of its name does not stand in for it."""
    cifar10(tmp_path / "original", monkeypatch)
    member = REACHING["link"](tmp_path / "victim")
    content = tarred(tmp_path / "original" / TOP, member, leave_out="test_batch")
    server.files["a.tar.gz"] = content
    facts = {"mirrors": (server.url,), "archive": "a.tar.gz"}
    publish("cifar10", monkeypatch, **facts, sha256=hashlib.sha256(content).hexdigest())

    with pytest.raises(BadData, match=r"no test_batch in a\.tar\.gz"):
        download(dataset("cifar10", root=str(tmp_path / "new"), validation=20))


def test_a_huge_member_is_not_passed_over(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To skip 10^12 bytes would take an hour: its header is enough to refuse it."""
    cifar10(tmp_path / "original", monkeypatch)
    member = tarfile.TarInfo("huge")
    member.size = 10**12
    content = gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(2**16), mtime=0)
    server.files["a.tar.gz"] = content
    facts = {"mirrors": (server.url,), "archive": "a.tar.gz"}
    publish("cifar10", monkeypatch, **facts, sha256=hashlib.sha256(content).hexdigest())
    start = time.process_time()

    with pytest.raises(BadData, match="has 1,000,000,000,000 bytes"):
        download(dataset("cifar10", root=str(tmp_path / "new"), validation=20))
    assert time.process_time() - start < 30  # of an hour


def test_another_archive_is_not_opened(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sha256 is ours, not one that the server tells."""
    cifar10(tmp_path / "original", monkeypatch)
    server.files["a.tar.gz"] = tarred(tmp_path / "original" / TOP)
    publish("cifar10", monkeypatch, mirrors=(server.url,), archive="a.tar.gz")

    with pytest.raises(BadData, match="not the sha256 that was published"):
        download(dataset("cifar10", root=str(tmp_path / "new"), validation=20))
    assert not (tmp_path / f"new/{TOP}/test_batch").exists()


OLD = (  # as Python 2 wrote it, which is how CIFAR was published
    b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x04testq\x03U\x06labelsq\x04]q\x05(K\x06K\x09e"
    b"U\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85q\t"
    b"U\x01bq\n\x87q\x0bRq\x0c(K\x01K\x02M\x00\x0c\x86q\rcnumpy\ndtype\nq\x0eU\x02u1q\x0fK\x00K\x01"
    b"\x87q\x10Rq\x11(K\x03U\x01|q\x12NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x13b\x89"
    b"T\x00\x18\x00\x00" + bytes(range(256)) * 24
    + b"q\x14tq\x15bU\tfilenamesq\x16]q\x17(U\x01aU\x01beu."
)  # fmt: skip
PROGRAMS = {
    "a call": b"\x80\x02cos\nsystem\nU\x0ctouch effectq\x01\x85R.",
    "posix": b"cposix\nsystem\n(S'touch effect'\ntR.",
    "an instance": b"(S'touch effect'\nios\nsystem\n.",
    "a new object": b"\x80\x02cbuiltins\nopen\nU\x06effectU\x01w\x86\x81.",
    "by stack": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch effect\x85R.",
    "a name of ours": b"\x80\x02cnumpy\nload\nU\x06effect\x85R.",
    "from outside": b"\x80\x02U\x06effectQ.",
    "an extension": b"\x80\x02\x82\x01.",
    "a deep memo": b"\x80\x02]q\x01" + b"(h\x01h\x01eq\x01" * 40 + b".",
    "a mapping of lists": b"\x80\x02}q\x01(]]u.",
    "nothing": b".",
    "no end": b"\x80\x02",
    "a long promise": b"\x80\x02T\xff\xff\xff\x7f.",
}


def test_reads_what_python_2_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published files are of that kind: numbers, words and one array of bytes."""
    from vitpos.data import batches

    cifar10(tmp_path, monkeypatch)
    (tmp_path / "old").write_bytes(OLD)
    found = batches.read(tmp_path / "old", KNOWN["cifar10"])

    assert batches.labels(found["labels"]) == [6, 9]
    assert found["filenames"] == ["a", "b"]
    assert batches.array(found["data"]).tobytes() == bytes(range(256)) * 24


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_pickle_is_no_program(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with the right digest: what is not data is refused, and nothing is called."""
    cifar10(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / TOP / "test_batch").write_bytes(PROGRAMS[kind])
    bless("cifar10", tmp_path, monkeypatch)
    called: list[object] = []
    monkeypatch.setattr(os, "system", called.append)

    with pytest.raises(BadData, match="is not in its format"):
        load(dataset("cifar10", root=str(tmp_path), validation=20))
    assert called == []
    assert not (tmp_path / "effect").exists()
