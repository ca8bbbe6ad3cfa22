"""`vitpos tensorboard` shows exactly the runs that are asked for."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from run_folders import call, folder

from vitpos import board, serve
from vitpos.errors import BadRun

ROOT = Path(__file__).parents[1]


@pytest.fixture
def runs(tmp_path):
    """A run with event files, one without, and one of the same name elsewhere."""
    found = [folder(tmp_path / "a", "training=smoke", seed=seed) for seed in range(2)]
    board.rebuild(found[0])
    return [*found, folder(tmp_path / "b", "training=smoke", seed=1)]


def shown(folder):
    """The runs in a folder for TensorBoard, and whether each has events."""
    return {
        str(path.relative_to(folder)): bool(list(path.glob("events.out.tfevents.*")))
        for path in folder.glob("*/*")
    }


def test_each_run_has_a_place(runs):
    """Linked or rebuilt, by study and name; runs of one name are told apart."""
    first, second = (run.name for run in runs[:2])
    with serve.links(runs, print) as folder:
        found = shown(folder)

        assert found == {
            f"runs/{first}": True,
            f"runs/{second}": True,
            f"runs/{second}-2": True,
        }
        assert (folder / "runs" / first).resolve() == runs[0].resolve()
    assert not folder.exists()


def test_nothing_is_written_into_a_run(runs):
    """Events that are rebuilt lie elsewhere, and go away."""
    before = sorted(runs[1].iterdir())
    with serve.links(runs, print):
        during = sorted(runs[1].iterdir())

    assert before == during == sorted(runs[1].iterdir())


def test_a_run_that_cannot_be_shown_is_told(runs):
    """A note with its own path, while the others are shown."""
    (runs[1] / "metrics.jsonl").write_text("{}\n{}\n")
    said = []
    with serve.links(runs[:2], said.append) as folder:
        assert list(shown(folder)) == [f"runs/{runs[0].name}"]
    assert str(runs[1] / "metrics.jsonl") in said[0]


def test_nothing_to_show_is_an_error(runs):
    """If no run can be shown."""
    (runs[1] / "metrics.jsonl").unlink()

    with pytest.raises(BadRun, match="none of these"), serve.links([runs[1]], [].append):
        pass


@pytest.mark.slow
def test_a_port_in_use_is_told(runs):
    """With what to type instead."""
    with socket.create_server((serve.HOST, 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "vitpos", "tensorboard", *runs, "--port", port],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 2
    assert f"error: port {port} is in use\nhint: `--port 0`" in done.stderr


def test_a_place_without_runs_is_an_error(capsys, tmp_path):
    """Before TensorBoard starts."""
    code, _, errors = call(capsys, "tensorboard", tmp_path)

    assert code == 4
    assert "holds no runs" in errors


def fetch(address):
    """JSON from an address."""
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_serves_until_a_signal(runs, tmp_path, number, code):
    """On 127.0.0.1, exactly these runs; Ctrl-C is the usual end, and leaves nothing behind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vitpos", "tensorboard", *runs, "--port", "0"],
        cwd=ROOT,
        env={"PATH": "", "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process.stdout as output:
        address = re.search(r"http://127\.0\.0\.1:\d+/", output.readline())[0]
        end, found = time.monotonic() + 30, []
        while len(found) < 3 and time.monotonic() < end:
            found = fetch(f"{address}data/runs")
            time.sleep(0.2)
        process.send_signal(number)

    assert found == [
        f"runs/{runs[0].name}",
        f"runs/{runs[1].name}",
        f"runs/{runs[1].name}-2",
    ]
    assert process.wait(timeout=20) == code
    assert list(tmp_path.glob("vitpos-tensorboard-*")) == []
