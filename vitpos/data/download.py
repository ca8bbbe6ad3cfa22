"""Fetch the files of a data set: the one place that uses the network, and only when asked to."""

import errno
import time
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlsplit

from vitpos.data import fetching, files, mnist5k, unpacking
from vitpos.data.known import Known, known
from vitpos.data.samples import Report, silent
from vitpos.errors import BadData, BadInput, NoResources
from vitpos.schema import Dataset

PATIENCE = 4.0  # seconds until a server that says nothing counts as out of reach
OURS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)  # no fault of a server


class Archive(NamedTuple):
    """A file to fetch and unpack: from the first address that works."""

    urls: list[str]
    path: Path
    file: str  # that is in it; empty for all of them


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
            report(done, len(wanted), archive.path.name)
            fetch(dataset.name, facts, archive)
        report(len(wanted), len(wanted), archive.path.name)
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
    """What there is to fetch, from where, and where it is put."""
    names = {f"{name}.gz": name for name in facts.files}
    folder = where / facts.folder
    if facts.archive:
        names, folder = {facts.archive: ""}, where
    return [
        Archive([mirror + name for mirror in facts.mirrors], folder / name, file)
        for name, file in names.items()
    ]


def fetch(name: str, facts: Known, archive: Archive) -> None:
    """Download one archive, unless it is there, and unpack it over what the last try left."""
    archive.path.parent.mkdir(parents=True, exist_ok=True)
    if archive.path.is_file() and not unpack(facts, archive):
        return
    longest = facts.largest(archive.file)
    reasons = []
    for url in reachable(archive.urls, name, facts):
        try:
            fetching.fetch(url, archive.path, longest + longest // 1000 + 2**12)
            problem = unpack(facts, archive)
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, OSError) and error.errno in OURS:
                raise
            problem = str(getattr(error, "reason", error)) or type(error).__name__
        if not problem:
            return
        reasons.append(f"{url}: {problem}")
    raise BadData(
        f"{name}: the download broke off or is damaged: {reasons[0]}",
        f"try again: {files.fetch(name)}; {files.by_hand(facts)}",
    )


def unpack(facts: Known, archive: Archive) -> str:
    """Take out of an archive what is published; what is wrong with it, which is then deleted."""
    folder = archive.path.parent / (facts.folder if facts.archive else "")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if archive.file:
            unpacking.alone(archive.path, facts, archive.file, folder)
        elif unpacking.digest(archive.path) == facts.sha256:
            unpacking.together(archive.path, facts, folder)
        else:
            raise ValueError("not the sha256 that was published")
    except unpacking.ODD as error:
        archive.path.unlink()
        return str(error) or type(error).__name__
    return ""


def reachable(urls: Sequence[str], name: str, facts: Known) -> list[str]:
    """The addresses, one that answers first; raises `BadData` if none does within `PATIENCE`."""
    answers: SimpleQueue[tuple[str, str]] = SimpleQueue()
    for url in urls:
        Thread(target=ask, args=(url, answers), daemon=True).start()
    end, reason = time.monotonic() + PATIENCE, "no answer"
    for _ in urls:
        try:
            url, problem = answers.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            break
        if not problem:
            return [url, *(other for other in urls if other != url)]
        reason = problem
    hosts = " and ".join(urlsplit(url).netloc for url in urls)
    raise BadData(f"{name}: cannot reach {hosts}: {reason}", files.by_hand(facts))


def ask(url: str, answers: "SimpleQueue[tuple[str, str]]") -> None:
    """Knock at an address; answers with the address and what is wrong with it, if anything."""
    try:
        fetching.ask(url, PATIENCE)
        answers.put((url, ""))
    except (OSError, HTTPException, ValueError) as error:
        answers.put((url, str(getattr(error, "reason", error)) or type(error).__name__))
