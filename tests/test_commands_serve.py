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
from urllib.parse import urlencode

import pytest
from run_folders import call, folder

from vitpos.boards import board, serve

ROOT = Path(__file__).parents[1]


@pytest.fixture
def runs(tmp_path):
    """Two arms of three seeds, one with event files."""
    rope, none = (("training=smoke", f"embedding={name}") for name in ("rope2d", "none"))
    found = []
    for seed, accuracy in enumerate((0.5, 0.625, 0.75)):
        found.append(folder(tmp_path / "a", *rope, seed=seed, accuracy=accuracy))
        board.rebuild(found[-1])
        found.append(folder(tmp_path / "a", *none, seed=seed, accuracy=accuracy))
    return found


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


class Page:
    """TensorBoard as it is started by the command, and asked by its page."""

    def __init__(self, tmp_path, *words):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vitpos", "tensorboard", *words, "--port", "0"],
            cwd=ROOT,
            env={"PATH": "", "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.said = self.process.stdout.readline()
        self.address = re.search(r"http://127\.0\.0\.1:\d+/", self.said)[0]

    def ask(self, question, message=None, **words):
        """JSON, about something in the address or in a message."""
        data = None if message is None else json.dumps(message).encode()
        url = f"{self.address}data/{question}" + (f"?{urlencode(words)}" if words else "")
        asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)

    def wait(self, number):
        """All runs, once there are so many."""
        end, found = time.monotonic() + 40, []
        while len(found) < number and time.monotonic() < end:
            found = self.ask("runs")
            time.sleep(0.2)
        return found

    def end(self, number=signal.SIGINT):
        """The exit code."""
        self.process.send_signal(number)
        self.process.stdout.close()
        return self.process.wait(timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_serves_until_a_signal(runs, tmp_path, number, code):
    """On 127.0.0.1, exactly these runs; Ctrl-C is the usual end, and leaves nothing behind."""
    page = Page(tmp_path, *runs[:2])
    found = page.wait(5)

    assert page.end(number) == code
    assert "TensorBoard on 2 runs of 2 arms" in page.said
    assert found == [
        ".",
        "runs/mnist5k-none/mean",
        "runs/mnist5k-none/s00",
        "runs/mnist5k-rope2d/mean",
        "runs/mnist5k-rope2d/s00",
    ]
    assert list(tmp_path.glob("vitpos-tensorboard-*")) == []


@pytest.mark.slow
def test_the_pages_compare_arms(runs, tmp_path):
    """A row per arm, a chart with bands, and a text: as the page itself asks for them."""
    page = Page(tmp_path, tmp_path / "a", "--where", "embedding=rope*")
    page.wait(5)
    wish = {"sliceSize": 9, "allowedStatuses": ["STATUS_SUCCESS", "STATUS_UNKNOWN"]}
    table = page.ask("plugin/hparams/session_groups", wish | {"startIndex": 0, "colParams": []})
    columns = page.ask("plugin/hparams/experiment", {})
    layout = page.ask("plugin/custom_scalars/layout")
    (series,) = layout["category"][0]["chart"][0]["margin"]["series"]
    tags = "|".join(f"({tag})" for tag in series.values())
    mean = "runs/mnist5k-rope2d/mean"
    band = page.ask("plugin/custom_scalars/scalars", run=mean, tag=tags)
    curve = page.ask("plugin/scalars/scalars", run=mean, tag="val/accuracy")
    (text,) = page.ask("plugin/text/text", run=".", tag="about")
    page.end()
    (row,) = table["sessionGroups"]
    values = {value["name"]["tag"]: value["value"] for value in row["metricValues"]}

    assert (row["name"], len(row["sessions"])) == ("runs/mnist5k-rope2d", 3)
    assert values["test/accuracy"] == 0.625
    assert values["arm/finished runs"] == 3
    assert values["arm/test accuracy low"] < 0.5
    assert row["hparams"] == {"embedding": "rope2d"}
    assert [info["domainDiscrete"] for info in columns["hparamInfos"]] == [["rope2d"]]
    assert columns["metricInfos"][0]["displayName"] == "test accuracy"
    assert set(band["tag_to_events"]) == set(series.values())
    assert [point[1:] for point in curve] == [[4, 0.125], [8, 0.25], [12, 0.375]]
    assert "<td>62.50%</td>" in text["text"]


def listening(process):
    """The addresses on which a process listens, as the system has them."""
    owned = {str(file.readlink()) for file in Path(f"/proc/{process}/fd").iterdir()}
    found = []
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{name}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in owned:
                found.append(words[1].partition(":")[0])
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="asks Linux")
def test_listens_to_this_machine_only(runs, tmp_path):
    """The socket itself is bound to 127.0.0.1: there is no password, so nobody else may come in."""
    page = Page(tmp_path, *runs)
    found = listening(page.process.pid)
    page.end()

    assert found == ["0100007F"]


@pytest.mark.parametrize("words", [["--host", "0.0.0.0"], ["--bind_all"], ["--bind-all"]])
def test_nobody_else_can_be_let_in(capsys, runs, words):
    """There is no option for it; a tunnel asks for a login."""
    code, _, errors = call(capsys, "tensorboard", *runs, *words)

    assert code == 2
    assert "No such option" in errors
