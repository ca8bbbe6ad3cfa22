"""Fetch the files of a data set: the one place that uses the network, and only when asked to."""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from vitpos.data import files, mnist5k
from vitpos.data.known import Known, known
from vitpos.data.samples import Report, silent
from vitpos.data.vision import torchvision
from vitpos.errors import BadData, BadInput, NoResources
from vitpos.schema import Dataset

PATIENCE = 4.0  # seconds until a server that says nothing counts as out of reach
STALL = 20.0  # seconds without a byte, once it has spoken


class Archive(NamedTuple):
    """A file to fetch and unpack: from the first address that works."""

    urls: list[str]
    folder: Path
    name: str
    md5: str


def download(dataset: Dataset, report: Report = silent) -> Path:
    """Bring the files of a data set into its root, verified; returns the root.

    Files that are whole already are left alone, so an interrupted download goes on where it was;
    archives put there by hand are unpacked without network. Raises `BadData` if no server can be
    reached, within 5 seconds, or if what came is not what was published.
    """
    if dataset.source == "embedded":
        mnist5k.read()
        return mnist5k.FILE
    if dataset.source == "folder":
        raise BadInput(
            f"{dataset.name} is a folder of your own: nothing to download", "`dataset.root=DIR`"
        )
    facts, where = known(dataset.name), files.root(dataset)
    if intact(dataset, where):
        return where
    wanted = archives(facts, where)
    try:
        for done, archive in enumerate(wanted):
            report(done, len(wanted), archive.name)
            fetch(dataset.name, facts, archive)
        report(len(wanted), len(wanted), archive.name)
    except OSError as error:
        kind = NoResources if error.errno in (errno.ENOSPC, errno.EDQUOT) else BadData
        raise kind(
            f"{dataset.name}: cannot write into {where}: {error}",
            "another folder: `dataset.root=DIR`",
        ) from error
    files.locate(dataset)
    files.verify(dataset.name, where)
    return where


def intact(dataset: Dataset, where: Path) -> bool:
    """Whether every file is there and whole."""
    try:
        files.locate(dataset)
        files.verify(dataset.name, where)
    except BadData:
        return False
    return True


def archives(facts: Known, where: Path) -> list[Archive]:
    """What torchvision would fetch, and from where."""
    reader = getattr(torchvision().datasets, facts.reader)
    if hasattr(reader, "mirrors"):
        return [
            Archive([mirror + name for mirror in reader.mirrors], where / facts.folder, name, md5)
            for name, md5 in reader.resources
        ]
    return [Archive([reader.url], where, reader.filename, reader.tgz_md5)]


def fetch(name: str, facts: Known, archive: Archive) -> None:
    """Download one archive, unless it is there, and unpack it over what the last try left."""
    tools = torchvision().datasets.utils
    archive.folder.mkdir(parents=True, exist_ok=True)
    path = archive.folder / archive.name
    if tools.check_integrity(str(path), archive.md5):
        tools.extract_archive(str(path), str(archive.folder))
        return
    reasons = []
    for url in reachable(archive, name, facts):
        try:
            with patience(STALL):
                tools.download_and_extract_archive(
                    url, str(archive.folder), filename=archive.name, md5=archive.md5
                )
        except (OSError, RuntimeError, HTTPException, EOFError) as error:
            if isinstance(error, OSError) and error.errno in (
                errno.ENOSPC,
                errno.EDQUOT,
                errno.EACCES,
            ):
                raise
            reasons.append(f"{url}: {error}")
        else:
            return
    raise BadData(
        f"{name}: the download broke off or is damaged: {reasons[0]}",
        f"try again: {files.fetch(name)}; {files.by_hand(facts)}",
    )


def reachable(archive: Archive, name: str, facts: Known) -> list[str]:
    """The addresses, one that answers first; raises `BadData` if none does within `PATIENCE`."""
    answers: SimpleQueue[tuple[str, str]] = SimpleQueue()
    for url in archive.urls:
        Thread(target=ask, args=(url, answers), daemon=True).start()
    end, reason = time.monotonic() + PATIENCE, "no answer"
    for _ in archive.urls:
        try:
            url, problem = answers.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            break
        if not problem:
            return [url, *(other for other in archive.urls if other != url)]
        reason = problem
    hosts = " and ".join(urlsplit(url).netloc for url in archive.urls)
    raise BadData(f"{name}: cannot reach {hosts}: {reason}", files.by_hand(facts))


def ask(url: str, answers: "SimpleQueue[tuple[str, str]]") -> None:
    """Knock at an address; answers with the address and what is wrong with it, if anything."""
    try:
        with urlopen(Request(url, method="HEAD"), timeout=PATIENCE):
            answers.put((url, ""))
    except (OSError, HTTPException, ValueError) as error:
        answers.put((url, str(getattr(error, "reason", error)) or type(error).__name__))


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Give up on a silent server: torchvision sets no time limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
