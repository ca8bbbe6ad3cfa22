"""A mirror on this machine that speaks HTTPS, and lies as it is told to."""

import functools
import gzip
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme
from small_data import mnist

from vitpos.data import known

PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@functools.cache
def authority() -> trustme.CA:
    """Who vouches for this machine, in tests and nowhere else."""
    return trustme.CA()


class Server(ThreadingHTTPServer):
    """Serves what is in `files`; `cut` bytes of a file at most, `asked` tells which were."""

    daemon_threads = True

    def __init__(self, *, secure: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cut: dict[str, int] = {}
        self.asked: list[str] = []
        self.ranges: list[str | None] = []
        self.elsewhere: dict[str, str] = {}  # where a file is said to be
        self.endless = self.deaf = False  # sends for ever; knows no ranges
        self.pause = 0.0  # seconds before each byte
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority().issue_cert("127.0.0.1").configure_cert(context)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"http{'s' * secure}://127.0.0.1:{self.server_port}/"

    def handle_error(self, *_: object) -> None:
        """Who hangs up early is no news."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_HEAD(self) -> None:  # the name is that of the standard library
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        """The file, or as much as the server is allowed to send."""
        name, lies = self.path[1:], self.server
        if name not in lies.files:
            self.send_error(404)
            return
        if body and name in lies.elsewhere:
            self.send_response(302)
            self.send_header("Location", lies.elsewhere[name])
            self.end_headers()
            return
        content, start = lies.files[name], 0
        asked = self.headers.get("Range")
        if asked and not lies.deaf:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        else:
            self.send_response(200)
        if not lies.endless:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if body:
            lies.asked.append(name)
            lies.ranges.append(asked)
            self.send(content[start : lies.cut.get(name, len(content))])

    def send(self, content: bytes) -> None:
        """All at once, slowly, or without an end."""
        while self.server.endless:
            self.wfile.write(bytes(2**16))
        if not self.server.pause:
            self.wfile.write(content)
            return
        for byte in content:
            time.sleep(self.server.pause)
            self.wfile.write(bytes([byte]))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serving(server: Server) -> Iterator[Server]:
    """Until it is not needed any more."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A mirror whose certificate is trusted."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    trusted = tmp_path / "trusted.pem"
    authority().cert_pem.write_to_path(trusted)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    yield from serving(Server())


def publish(name: str, patch: pytest.MonkeyPatch, **facts: Any) -> None:
    """Have something else known of a data set."""
    patch.setitem(known.KNOWN, name, replace(known.KNOWN[name], **facts))


@pytest.fixture
def digits(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server of a small MNIST, which is taken for the real one."""
    mnist(tmp_path / "original", monkeypatch)
    for path in sorted((tmp_path / "original/MNIST/raw").iterdir()):
        server.files[f"{path.name}.gz"] = gzip.compress(path.read_bytes(), mtime=0)
    publish("mnist", monkeypatch, mirrors=(server.url,))
    return server
