"""A claim on a run is held by one process at a time, and goes with it."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vitpos.errors import Locked
from vitpos.sweeps import claims

NAME = "0123456789abcdef" * 4


def test_one_at_a_time(tmp_path: Path) -> None:
    """The second is told who has it; afterwards nothing of it is left."""
    with claims.claimed(tmp_path, NAME) as claim:
        claim.tell(path="there", step=3)
        with pytest.raises(Locked, match=f"process {os.getpid()} on .* has this run: there"):
            claims.taken(claims.place(tmp_path, NAME))

        assert claims.held(tmp_path, NAME)
        assert not claims.held(tmp_path, "another")
        assert claims.told(tmp_path, NAME)["step"] == 3

    assert not claims.held(tmp_path, NAME)
    assert claims.told(tmp_path, NAME) == {}
    assert list((tmp_path / claims.FOLDER).iterdir()) == []


def test_many_take_turns(tmp_path: Path) -> None:
    """However they race for it, and though each takes the file away."""
    inside, seen = list[int](), list[int]()

    def turn(number: int) -> None:
        while number not in seen:
            try:
                with claims.claimed(tmp_path, NAME):
                    inside.append(number)
                    seen.append(number)
                    assert inside == [number]
                    inside.remove(number)
            except Locked:
                pass

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(turn, range(40))) == [None] * 40

    assert sorted(seen) == list(range(40))


def test_it_goes_with_the_process(tmp_path: Path) -> None:
    """Also with one that is killed; what it said stays, and says nothing to who comes next."""
    words = f"""
import time
from pathlib import Path
from vitpos.sweeps import claims
with claims.claimed(Path({str(tmp_path)!r}), {NAME!r}):
    print("held", flush=True)
    time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout:
        child.stdout.readline()
        held = claims.held(tmp_path, NAME)
        child.send_signal(signal.SIGKILL)
        child.wait()

    assert held
    assert not claims.held(tmp_path, NAME)
    with claims.claimed(tmp_path, NAME):
        assert claims.told(tmp_path, NAME)["process"] == os.getpid()


def test_who_only_looks_keeps_nobody_out(tmp_path: Path) -> None:
    """For longer than a moment."""
    path = claims.place(tmp_path, NAME)
    with claims.claimed(tmp_path, "other"):
        path.touch()
    looking = path.open("rb")
    import fcntl
    import threading

    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.05, looking.close).start()
    with claims.claimed(tmp_path, NAME):
        assert claims.held(tmp_path, NAME)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\0" * 99, json.dumps({"a": "b" * 2**15})])
def test_what_cannot_be_read_says_nothing(text: str, tmp_path: Path) -> None:
    """It may be half written, or somebody else's."""
    path = claims.place(tmp_path, NAME)
    path.parent.mkdir()
    path.write_text(text)

    assert claims.told(tmp_path, NAME) == {}


def test_what_killed_processes_left_is_taken_away(tmp_path: Path) -> None:
    """Of the runs that are named; who is still at work keeps his."""
    alive, other = f"{1:064x}", f"{2:064x}"
    with claims.claimed(tmp_path, alive):
        for identity in (NAME, other):
            claims.place(tmp_path, identity).write_text("{}")
        claims.tidy(tmp_path, [NAME, alive, f"{3:064x}"])
        left = {path.name for path in (tmp_path / claims.FOLDER).iterdir()}

        assert left == {alive, other}
        assert claims.told(tmp_path, alive)["process"] == os.getpid()


def test_writes_through_no_link(tmp_path: Path) -> None:
    """A link that somebody laid where a claim will be leads nowhere."""
    path = claims.place(tmp_path, NAME)
    path.parent.mkdir()
    (tmp_path / "precious").write_text("mine")
    path.symlink_to(tmp_path / "precious")
    with pytest.raises(Exception, match="cannot write"), claims.claimed(tmp_path, NAME):
        pass

    assert (tmp_path / "precious").read_text() == "mine"


def test_goes_on_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network disk that has none, unguarded is better than not at all."""

    def none(*anything: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", none)
    with claims.claimed(tmp_path, NAME), claims.claimed(tmp_path, NAME) as second:
        second.tell(step=1)

        assert claims.told(tmp_path, NAME)["step"] == 1
        assert not claims.held(tmp_path, NAME)
