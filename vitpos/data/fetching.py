"""One file over HTTPS and nothing else, as large as it may be; what was cut off goes on.

::

    NAME.part    what came so far, which the next try asks for the rest of
    NAME         all of it, still to be held against its digest
"""

import os
import time
from contextlib import suppress
from http.client import HTTPMessage, HTTPResponse
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from vitpos import __version__

STALL = 20.0  # seconds without a byte, once a server has spoken
SLOW = 60.0  # seconds after which it must have sent so many bytes a second
SLOWEST = 1024
CHUNK = 2**16
NOT_THERE = 416  # of a range that a file does not have


class OnlyHTTPS(HTTPRedirectHandler):
    """Follows a server to another address only if that is as safe."""

    def redirect_request(
        self,
        req: Request,
        fp: Any,
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Request | None:
        """Refuse all that is not HTTPS."""
        if urlsplit(newurl).scheme != "https":
            raise URLError(f"sent on to {newurl}, which is not HTTPS")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener() -> OpenerDirector:
    """Who speaks HTTPS, checks certificates, and knows no other way to open anything."""
    made = OpenerDirector()
    for handler in (ProxyHandler(), HTTPSHandler(), OnlyHTTPS()):
        made.add_handler(handler)
    for ending in (HTTPDefaultErrorHandler(), HTTPErrorProcessor(), UnknownHandler()):
        made.add_handler(ending)
    return made


def ask(url: str, patience: float) -> None:
    """Knock at an address; raises `OSError` for whatever is wrong with it."""
    opener().open(Request(url, method="HEAD"), timeout=patience).close()


def fetch(url: str, path: Path, longest: int) -> None:
    """Bring a file of at most so many bytes to `path`; raises `OSError`, and keeps what came."""
    part = path.with_name(f"{path.name}.part")
    have = begun(part, longest)
    headers = {"User-Agent": f"vitpos/{__version__}"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        answer = opener().open(Request(url, headers=headers), timeout=STALL)
    except HTTPError as error:
        if have and error.code == NOT_THERE:
            part.unlink()
        raise
    with answer, writing(part, goes_on(answer, have)) as file:
        copy(answer, file, longest)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def begun(part: Path, longest: int) -> int:
    """Bytes that are there already, of a file that can still become what is wanted."""
    if part.is_symlink() or not part.is_file():
        with suppress(FileNotFoundError):
            part.unlink()
        return 0
    have = part.stat().st_size
    return have if have < longest else 0


def goes_on(answer: HTTPResponse, have: int) -> bool:
    """Whether a server sends the rest, and not all of it."""
    return answer.status == 206 and answer.headers.get("Content-Range", "").startswith(
        f"bytes {have}-"
    )


def writing(part: Path, onward: bool) -> BinaryIO:
    """The file, at its end or empty; never what a link leads to."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(part, flags | (os.O_APPEND if onward else os.O_TRUNC), 0o666)
    return os.fdopen(descriptor, "wb")


def copy(answer: HTTPResponse, file: BinaryIO, longest: int) -> None:
    """What a server sends, until it ends or is caught lying."""
    before = os.fstat(file.fileno()).st_size
    came, wanted, start = 0, answer.length, time.monotonic()
    while data := answer.read1(CHUNK):
        came += len(data)
        if before + came > longest:
            file.truncate(0)
            raise OSError(f"more than the {longest:,} bytes that it can have")
        file.write(data)
        seconds = time.monotonic() - start
        if seconds > SLOW and came < SLOWEST * seconds:
            raise OSError(f"{came / seconds:.0f} bytes a second are too slow")
    if wanted is not None and came < wanted:
        raise OSError(f"broke off after {came:,} of {wanted:,} bytes")
