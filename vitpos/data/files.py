"""Where the files of a data set are, and whether they are the ones that were published.

Standard library only: `locate` tells within milliseconds, before torch is loaded, that files are
missing. `verify` reads them through once and compares them with the digests in `known`.
"""

import hashlib
import os
from pathlib import Path

from vitpos.data import folder
from vitpos.data.known import Known, known
from vitpos.errors import BadData, BadInput
from vitpos.hints import command
from vitpos.received import opened
from vitpos.schema import Dataset


def cache() -> Path:
    """What can be made or fetched again: `$XDG_CACHE_HOME/vitpos`, else `~/.cache/vitpos`.

    For a user without a home it is a place in which no file can be.
    """
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(given or Path.home() / ".cache") / "vitpos"
    except RuntimeError:
        return Path(os.devnull, "vitpos")


def root(dataset: Dataset) -> Path:
    """`dataset.root`, else `$VITPOS_DATA`, else `~/.cache/vitpos/data`.

    In the two shared places a folder of images is looked for below, under the data set's name.
    """
    if dataset.root:
        return Path(dataset.root).expanduser()
    shared = Path(os.environ.get("VITPOS_DATA") or cache() / "data").expanduser()
    return shared / dataset.name if dataset.source == "folder" else shared


def locate(dataset: Dataset) -> Path | None:
    """Find the folder of the files without reading them; None for data inside the package.

    Raises `BadData` if it is missing, not a folder, incomplete or unreadable, or if the images are
    not what the configuration says; `BadInput` if the configuration contradicts itself.
    """
    plausible(dataset)
    where = root(dataset)
    if dataset.source == "embedded":
        return None
    if dataset.source == "folder":
        folder.layout(where)
    else:
        present(dataset.name, known(dataset.name), where)
    return where


def plausible(dataset: Dataset) -> None:
    """Raise an error where the configuration contradicts itself or what is known of the files."""
    if dataset.source == "torchvision":
        facts = known(dataset.name)
        agree(dataset, size=facts.size, channels=facts.channels, classes=facts.classes)
    elif dataset.source == "embedded":
        if dataset.name not in ("mnist5k", f"mnist5k_{dataset.moved}"):
            raise BadInput(f"no data set `{dataset.name}` in the package", "there is `mnist5k`")
        agree(dataset, size=28, channels=1, classes=10, validation=500)
    for field in ("mean", "std"):
        values = getattr(dataset, field)
        if values is not None and len(values) != dataset.channels:
            raise BadInput(
                f"dataset.{field} has {len(values)} values for {dataset.channels} channels",
                f"`dataset.{field}=null` measures it",
            )


def agree(dataset: Dataset, **facts: int) -> None:
    """Raise `BadData` where the configuration says something else than is true of the files."""
    for field, fact in facts.items():
        said = getattr(dataset, field)
        if said is not None and said != fact:
            raise BadData(
                f"{dataset.name}: dataset.{field} = {said}, but its files have {fact}",
                f"leave it at `dataset.{field}={fact}`",
            )


def present(name: str, facts: Known, where: Path) -> None:
    """Raise `BadData` unless each file is there and can be opened."""
    home = where / facts.folder
    for place in (where, home.parent, home):
        try:
            is_file = place.exists() and not place.is_dir()
        except OSError as error:
            raise unreadable(name, place, error) from error
        if is_file:
            raise BadData(f"{name}: {place} is a file, not a folder", remedy(name, facts))
    missing = [file for file in facts.files if not os.path.lexists(home / file)]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise BadData(f"{name}: not found in {home}: {missing[0]}{more}", remedy(name, facts))
    for file in facts.files:
        try:
            opened(home / file).close()
        except OSError as error:
            raise unreadable(name, home / file, error) from error


def verify(name: str, where: Path) -> None:
    """Compare each file with its digest; raises `BadData` for the first that differs."""
    facts = known(name)
    for file, expected in facts.files.items():
        path = where / facts.folder / file
        found = fingerprint(name, path, facts.algorithm)
        if found != expected:
            raise BadData(
                f"{name}: {path} is damaged: {path.stat().st_size:,} bytes with "
                f"{facts.algorithm} {found[:12]}, not {expected[:12]}",
                f"fetch it again: {fetch(name, where)}",
            )


def fingerprint(name: str, path: Path, algorithm: str) -> str:
    """The digest of one file, in hexadecimal."""
    try:
        with opened(path) as file:
            return hashlib.file_digest(
                file, lambda: hashlib.new(algorithm, usedforsecurity=False)
            ).hexdigest()
    except OSError as error:
        raise unreadable(name, path, error) from error


def unreadable(name: str, path: Path, error: OSError) -> BadData:
    """A file that is there and cannot be opened."""
    return BadData(
        f"{name}: {path} cannot be read: {error.strerror or error}",
        f"check who may read it: `ls -lL {path}`",
    )


def fetch(name: str, where: Path | None = None) -> str:
    """The command that downloads a data set."""
    return f"`{command('data', name, *([f'dataset.root={where}'] if where else []))}`"


def remedy(name: str, facts: Known) -> str:
    """How to get the files of a data set."""
    return f"{fetch(name)} downloads it; {by_hand(facts)}"


def by_hand(facts: Known) -> str:
    """How to use files that one has already."""
    first = next(iter(facts.files))
    return f"files that you have: `dataset.root=DIR`, with {first} in DIR/{facts.folder}/"
