"""Who is told of a sweep: a terminal, a log, or a program."""

import io
import os
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml
from processes import TINY
from rich.live import Live as Redrawn
from small_plans import OUTPUTS, failed, finished, going, made, planned, tell
from small_studies import BODY

import vitpos
from vitpos import config
from vitpos.sweeps.states import State
from vitpos.terminal import watches
from vitpos.terminal.bulletins import log_of
from vitpos.terminal.screen import Terminal
from vitpos.terminal.watches import Live, Plain, Quiet, watching


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def process_time(self) -> float:
        """Drawing takes no time here."""
        return 0.0

    def time(self) -> float:
        """Seconds since 1970."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still."""
    found = Clock()
    monkeypatch.setattr(watches, "time", found)
    return found


def screened(watch: Live) -> io.StringIO:
    """Give a board a terminal of 80 columns that keeps what is written."""
    file = io.StringIO()
    watch.console = Terminal(
        file=file, width=80, height=24, force_terminal=True, markup=False, highlight=False
    )
    watch.live = Redrawn(console=watch.console, auto_refresh=False)
    return file


def test_a_log_has_a_line_for_each_start_and_end(clock, capsys):
    """With value, time, how many are left and how long that takes; a failure with its reason."""
    tell(Plain(), made(), [finished(0.8123, 12.0), failed()])
    said = [re.sub(", until.*", "", line) for line in capsys.readouterr().out.splitlines()]

    assert said[0] == "made: Which?"
    assert re.fullmatch(
        r"plan [0-9a-f]{12}: 6 runs of 2 arms, 2 at a time; nothing there yet", said[1]
    )
    assert said[2:] == [
        "a, seed 0: started",
        "a, seed 0: finished, test/accuracy 81.23%, 12 s; 5 to go, about 36 s left",
        "b, seed 0: started",
        "b, seed 0: failed, 4 s: killed (SIGKILL); 4 to go, about 24 s left",
    ]


def test_a_log_names_that_of_the_member_that_failed(tmp_path, capsys, monkeypatch):
    """Where there is one."""
    monkeypatch.chdir(tmp_path)
    of = made()
    log = log_of(of.members[0])
    log.parent.mkdir(parents=True)
    log.touch()
    watch = Plain()
    tell(watch, of, [failed()])
    watch.end()
    said = capsys.readouterr().out.splitlines()

    assert f"failed: a, seed 0: killed (SIGKILL) ({log})" in said
    assert any(
        line.startswith("a, seed 0: failed, 4 s: killed") and str(log) in line for line in said
    )


def test_a_long_silence_is_broken(clock, capsys):
    """By a line after half a minute, and not before."""
    watch = Plain()
    tell(watch, made(), [finished(0.5)], running=2)
    before = len(capsys.readouterr().out.splitlines())
    for _ in range(70):
        clock.now += 1
        watch.tick()
    said = capsys.readouterr().out.splitlines()

    assert before == 6
    assert len(said) == 2
    assert said[0].startswith("1 finished, 2 running (b, seed 0 50%, a, seed 1 50%); about ")


def test_the_end_tells_what_there_is_and_what_to_type(capsys):
    """Counts, what was lost and why, the next command."""
    watch = Plain()
    tell(watch, made(), [finished(0.5), failed("no\x1b[2Jmemory"), failed("", "diverged")])
    capsys.readouterr()
    watch.end()

    assert capsys.readouterr().out.splitlines() == [
        "1 finished, 1 failed, 1 diverged of 6 runs",
        "failed: b, seed 0: no\\x1b[2Jmemory",
        "diverged: a, seed 1",
        f"vitpos compare {OUTPUTS}/made",
    ]


def test_all_is_there(capsys):
    """Nothing else is said then but where; the plan there tells of runs that lie elsewhere."""
    watch = Plain()
    of = made(seeds=1)
    away = Path("elsewhere/made/a")
    watch.begin(of, [finished(0.5), finished(0.5)], 1)
    watch.begin(of, [State("finished", away), State("finished")], 1)
    capsys.readouterr()
    watch.end()

    said = capsys.readouterr().out.splitlines()
    assert said[0] == "2 runs are there"
    assert said[1] == f"vitpos compare {OUTPUTS}/made"


def test_quiet_says_only_where(capsys):
    """On standard output; notes go beside it."""
    watch = Quiet()
    tell(watch, made(), [finished(0.5), failed()])
    watch.note("look out\x1b")
    watch.end()
    found = capsys.readouterr()

    assert found.out == f"{OUTPUTS}/made\n"
    assert found.err == "note: look out\\x1b\n"


def test_a_board_is_drawn_below_what_is_kept(clock):
    """Failures and notes are lines of their own; others only change the board."""
    watch = Live()
    file = screened(watch)
    tell(watch, made(), [finished(0.5), failed()])
    watch.note("hello")
    watch.tick()
    watch.end()
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue()).splitlines()

    assert said.count("note: hello") == 1
    assert sum("b, seed 0: failed, 4 s: killed (SIGKILL)" in line for line in said) == 1
    assert not any("a, seed 0: finished" in line for line in said)
    assert any(re.match(r"a +✓", line) for line in said)
    assert said[-1] == f"vitpos compare {OUTPUTS}/made"
    assert file.getvalue().endswith("made\n")
    assert "\x1b[?25h" in file.getvalue()


def test_a_board_is_not_drawn_more_often_than_four_times_a_second(clock):
    """However often it is told that time passed."""
    watch = Live()
    file = screened(watch)
    watch.begin(made(), planned(made()), 2)
    size = len(file.getvalue())
    drawn = 0
    for _ in range(100):
        clock.now += 0.01
        watch.change(0, going(1))
        watch.tick()
        drawn += len(file.getvalue()) > size
        size = len(file.getvalue())
    watch.close()

    assert drawn in (3, 4)


def test_drawing_takes_a_small_share_of_a_core(clock, monkeypatch):
    """A board that takes long to draw is drawn seldom."""
    watch = Live()
    screened(watch)
    spent = iter(range(1000))
    monkeypatch.setattr(clock, "process_time", lambda: next(spent) * 0.3, raising=False)
    watch.begin(made(), planned(made()), 2)
    watch.close()

    assert watch.next - clock.now >= 0.3 / 0.02


def test_no_colours_where_none_are_wanted(clock, monkeypatch):
    """`NO_COLOR` is heard: the marks differ without."""
    monkeypatch.setenv("NO_COLOR", "1")
    watch = Live()
    file = screened(watch)
    tell(watch, made(), [finished(0.5), failed()])
    watch.close()

    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", file.getvalue())


@pytest.mark.parametrize(
    ("tty", "term", "columns", "kind"),
    [
        (True, "xterm", 80, Live),
        (True, "dumb", 80, Plain),
        (True, "xterm", 30, Plain),
        (False, "xterm", 80, Plain),
    ],
)
def test_who_watches_gets_what_fits(monkeypatch, tty, term, columns, kind):
    """A board only where it can be drawn."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: tty)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", "24")
    with watching(quiet=False) as found:
        assert type(found) is kind
    with watching(quiet=True) as found:
        assert type(found) is Quiet


@pytest.mark.slow
def test_a_real_sweep_on_a_real_terminal(tmp_path: Path) -> None:
    """The board comes and is resized; Ctrl-C stops the sweep and leaves a whole terminal."""
    configs = tmp_path / "configs"
    shutil.copytree(config.folder(), configs)
    body: dict[str, Any] = BODY | {"base": {"dataset": "mnist5k"}, "seeds": 1}
    (configs / "study" / "made.yaml").write_text(yaml.safe_dump(body))
    place = {"PYTHONPATH": str(Path(vitpos.__file__).parents[1]), "TERM": "xterm"}
    words = [w for w in TINY if not w.startswith("embedding=")]
    words = ["-m", "vitpos", "sweep", "study=made", f"outputs={tmp_path / 'outputs'}", *words]
    child = pexpect.spawn(
        sys.executable,
        words,
        env=os.environ | place | {"VITPOS_CONFIGS": str(configs)},
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=60,
    )
    child.expect(r"\d+/436  .* img/s")
    child.setwinsize(40, 60)
    child.expect(r"\d+/436  .* img/s")
    child.kill(signal.SIGINT)
    child.expect(r"\x1b\[\?25h")
    child.expect("hint: vitpos sweep study=made")
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 130
