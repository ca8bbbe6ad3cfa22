"""What goes wrong is told in a line, with the exit code that is documented."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from run_folders import call, folder

from vitpos import cli, outcome, overview, plain
from vitpos.errors import BadData, BadInput, BadRun, Diverged, Interrupted, Locked, NoResources

ROOT = Path(__file__).parents[1]


def run(words, **changes):
    """Type `vitpos ...` in a process of its own, with another environment."""
    environment = {key: value for key, value in {**os.environ, **changes}.items() if value}
    return subprocess.run(
        [sys.executable, "-m", "vitpos", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("a"), 2),
        (BadData("a"), 3),
        (BadRun("a"), 4),
        (NoResources("a"), 5),
        (Diverged("a"), 6),
        (Locked("a"), 8),
        (Interrupted("a", signal=15), 143),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_code(capsys, error, code):
    """The codes of the README; the message goes to standard error."""

    def fail():
        raise error

    assert outcome.of(fail) == code
    assert capsys.readouterr() == ("", "error: a\n")


@pytest.mark.parametrize("words", [["nosuch"], ["show"], ["compare", "x", "--format", "pdf"]])
def test_wrong_use_is_2(capsys, words):
    """Unknown commands, missing arguments and wrong choices."""
    code, said, errors = call(capsys, *words)

    assert (code, said) == (2, "")
    assert "Usage: vitpos" in errors


def test_a_bug_is_one_line(capsys, monkeypatch, tmp_path):
    """The error, and in a file the traceback; the code is 1."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(overview, "facts", lambda _: {}["no such\nkey"])
    code, _, errors = call(capsys, "show", tmp_path)
    (line,) = errors.splitlines()
    where = Path(re.search(r"the traceback is in (\S+)$", line)[1])

    assert code == 1
    assert line.startswith("error: KeyError: ")
    assert "this is a bug" in line
    assert "Traceback (most recent call last)" in where.read_text()


BROKEN = """
from vitpos import cli, experiment
experiment.finish = lambda *_: 1 / 0
cli.main()
"""


@pytest.mark.slow
def test_a_bug_in_a_run_is_told_in_its_folder(capsys, tmp_path):
    """A run that a bug ends has the traceback as `error.txt`, and its record says failed."""
    words = ["training=smoke", "training.limit=128", "backbone.depth=1", "threads=1"]
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, "train", "--quiet", *words, f"outputs={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    (place,) = (tmp_path / "runs").iterdir()

    assert done.returncode == 1
    assert f"the traceback is in {place / 'error.txt'}" in done.stderr
    assert "ZeroDivisionError" in (place / "error.txt").read_text()
    assert "status    failed" in call(capsys, "show", place)[1]


def test_a_bug_without_room_for_its_traceback_is_shown(capsys, monkeypatch):
    """If no file can be written, the traceback goes to standard error."""
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: os.open("/nowhere/file", os.O_RDONLY))

    assert outcome.of(lambda: {}["x"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_130(capsys):
    """Wherever it comes, without a traceback."""
    code = outcome.of(lambda: signal.raise_signal(signal.SIGINT))

    assert code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_code_of_typer_is_kept():
    """`typer.Exit` ends with its code, and no code is 0."""
    small = typer.Typer()

    @small.command()
    def leave(code: int) -> None:
        raise typer.Exit(code)

    assert outcome.of(lambda: small(args=["7"])) == 7
    assert outcome.of(lambda: None) == 0
    assert outcome.of(lambda: sys.exit("said")) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [("list embeddings", 141), ("list runs {top}", 141), ("compare {top}", 141), ("--help", 1)],
)
def test_a_closed_pipe_is_quiet(tmp_path, words, code):
    """`vitpos ... | head -1` says nothing about the pipe."""
    for seed in range(3):
        folder(tmp_path, "training=smoke", seed=seed)
    words = words.format(top=tmp_path).split()
    process = subprocess.Popen(
        [sys.executable, "-m", "vitpos", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    with process.stderr:
        errors = process.stderr.read()

    assert errors == b""
    assert process.wait() == code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("words", ["list embeddings", "--version", "--help"])
def test_a_full_disk_under_the_output_is_5(words):
    """One line, and the code for resources."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "vitpos", *words.split()],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 5
    assert re.fullmatch(r"(error: cannot write.*: [Nn]o space left.*\n)+", done.stderr)


@pytest.mark.parametrize("coding", ["ascii", "latin-1", "utf-8"])
def test_other_locales_are_written_too(tmp_path, coding):
    """Curves become digits and file names keep their bytes where there is no Unicode."""
    path = folder(tmp_path / "stürm", "training=smoke")
    done = run(["show", str(path)], PYTHONIOENCODING=coding)
    (curve,) = re.findall(
        r"^val +(\S+)", done.stdout.decode(coding, "surrogateescape"), flags=re.MULTILINE
    )

    assert done.returncode == 0
    assert done.stderr == b""
    assert curve == ("▁▅█" if coding == "utf-8" else "158")


def test_a_bare_locale_is_written_too(tmp_path):
    """LC_ALL=C and no UTF-8 mode, tables included."""
    folder(tmp_path, "training=smoke")
    done = run(
        ["compare", str(tmp_path)],
        **{"LC_ALL": "C", "LANG": "", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )

    assert done.returncode == 0
    assert b"mnist5k-rope2d" in done.stdout


def test_no_colour_is_none(tmp_path):
    """NO_COLOR, also where colours are forced: no escape sequence with a colour."""
    folder(tmp_path, "training=smoke")
    done = run(["compare", str(tmp_path)], NO_COLOR="1", FORCE_COLOR="1")

    assert not re.search(rb"\x1b\[[0-9;]*3[0-7]", done.stdout)


def test_messages_move_no_cursor(capsys):
    """Control characters in what was typed are shown, not obeyed."""
    code, _, errors = call(capsys, "list", "\x1b[2Jrunz")

    assert code == 2
    assert "\x1b" not in errors


def test_replaces_what_cannot_be_written():
    """Like characters for like, file names byte by byte, else a question mark."""
    plain.tolerate()
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="vitpos")
    stream.write("3 × 4 · ▁█ … ü ø 字 \udcff; q·k/√d, a = θ², Σ α Δ")
    stream.flush()

    plainly = b"3 x 4 . 18 ... u o ? \xff; q.k/sqrt d, a = theta^2, sum alpha d"
    assert stream.buffer.getvalue() == plainly


@pytest.mark.slow
def test_a_run_that_is_interrupted_can_be_shown(capsys, tmp_path):
    """A signal to a process of its own: exit code, record and what to type next."""
    words = ["train", "--quiet", "training=smoke", "training.epochs=500", "threads=1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "vitpos", *words, f"outputs={tmp_path}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 60
    while not list(tmp_path.glob("*/*/metrics.jsonl")) and time.monotonic() < end:
        time.sleep(0.1)
    (place,) = (tmp_path / "runs").iterdir()
    running = call(capsys, "show", place)[1]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    interrupted = call(capsys, "show", place)[1]

    assert process.returncode == 143
    assert "status    running" in running
    assert "status    interrupted" in interrupted
    assert f"vitpos resume {place}" in interrupted


def test_main_ends_with_the_code(monkeypatch):
    """`main` is what the installed command runs."""
    monkeypatch.setattr("sys.argv", ["vitpos", "list", "nosuch"])

    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
