"""The far end of a member: it runs the member's command, and is told to stop through a file."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from vitpos.sweeps.launchers import far

WAITS = """
import os, signal, sys, time
from pathlib import Path
heard = []
def hear(number, frame):
    heard.append(signal.Signals(number).name)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2):
    signal.signal(number, hear)
Path("ready").write_text(str(os.getpid()))
end = time.monotonic() + 20
while not heard and time.monotonic() < end:
    time.sleep(0.01)
time.sleep(0.2)
print(*heard)
sys.exit(130)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a job, looked at often."""
    monkeypatch.setattr(far, "PAUSE", 0.02)
    far.prepare(tmp_path)
    return tmp_path


def run(here: Path, program: str, **settings: str) -> int:
    """Have a program run at the far end."""
    return far.run(
        str(here), [sys.executable, "-c", program], str(here), str(here / "log"), settings
    )


def when_ready(here: Path, action) -> threading.Thread:
    """Do something once the member is there."""

    def wait() -> None:
        while not (here / "ready").exists() or not (here / "ready").read_text():
            time.sleep(0.005)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_tells_where_it_is_and_how_it_ended(here):
    """With the words, the folder and the settings that it was given."""
    code = run(
        here, "import os; print(os.getcwd(), os.environ['COLOUR']); os._exit(6)", COLOUR="red"
    )

    assert code == 6
    assert far.told(here)["code"] == 6
    assert far.told(here)["process"] == os.getpid()
    assert (here / "log").read_text().splitlines()[-1] == f"{here} red"


def test_a_killed_member_is_told_as_such(here):
    """By the signal, as a parent sees it."""
    assert run(here, "import os; os.kill(os.getpid(), 9)") == -signal.SIGKILL


@pytest.mark.parametrize("how", ["word", "SIGTERM", "SIGUSR2", "SIGINT"])
def test_a_stop_reaches_the_member_once(here, how):
    """Also a signal that a scheduler sends to all processes of a job, this one and the member."""

    def stop() -> None:
        if how == "word":
            far.say(here, far.END)
            return
        if how != "SIGINT":  # Ctrl-C goes to the processes of a terminal, and that it is not
            os.kill(int((here / "ready").read_text()), getattr(signal, how))
        os.kill(os.getpid(), getattr(signal, how))

    before = signal.getsignal(signal.SIGTERM)
    thread = when_ready(here, stop)
    code = run(here, WAITS)
    thread.join()

    assert code == 130
    assert (here / "log").read_text().splitlines()[-1] == "SIGINT"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_deaf_member_can_be_killed(here):
    """By another word."""
    thread = when_ready(here, lambda: far.say(here, far.DIE))
    program = "import time; open('ready', 'w').write('1'); time.sleep(20)"
    code = run(here, program)
    thread.join()

    assert code == -signal.SIGKILL


def test_what_was_called_off_does_not_begin(here):
    """A job that leaves the queue too late does nothing."""
    far.say(here, far.END)

    assert run(here, "open('ready', 'w')") == 143
    assert not (here / "ready").exists()


def test_a_command_that_cannot_be_run_is_told(here):
    """In the log, as an error."""
    code = far.run(str(here), ["/nowhere/python"], str(here), str(here / "log"), {})

    assert code == 1
    assert "error: cannot start a process" in (here / "log").read_text()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"code"', "[" * 4000, "\xff"])
def test_what_is_half_written_is_no_news(here, content):
    """Whatever lies there."""
    (here / far.STATE).write_text(content, "latin-1")

    assert far.told(here) == {}


def test_what_is_told_is_shorter_or_longer_than_before(here):
    """Written in place, without remains."""
    far.tell(here, host="h" * 100)
    far.tell(here, code=1)

    assert json.loads((here / far.STATE).read_text()) == {"code": 1}
