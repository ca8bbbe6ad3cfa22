"""`vitpos show` draws what the snapshots of a run hold, in any terminal."""

import json
import re

import numpy as np
import pytest
from run_folders import call, folder

from vitpos import seen, snapshots
from vitpos.snapshots import Snapshot


@pytest.fixture
def run(tmp_path):
    """A run with a table that turned around, and maps of four heads in two blocks."""
    path = folder(tmp_path, "training=smoke")
    rng = np.random.default_rng(0)
    for step, sign in ((0, 1), (8, 1), (24, -1)):
        table = np.eye(12, dtype=np.float32)
        table[0] = sign * table[6]  # the middle of 3 x 4
        maps = rng.standard_normal((2, 4, 3, 4)).astype(np.float32)
        views = {"a/table/layer0": table, "b/map/layer0": maps[0], "b/map/layer1": maps[1]}
        snapshots.keep(path, Snapshot(step, step // 8, views, dict.fromkeys(views, (3, 4))))
    return path


def test_a_table_is_seen_from_its_middle(run):
    """At the start and now: the cosine with each cell."""
    table, _ = seen.seen(run)
    first, now = table["maps"]

    assert table["view"] == "a/table/layer0"
    assert "after step 0 and 24" in table["title"]
    assert (np.array(first).shape, first[1][2]) == ((3, 4), 1.0)
    assert (first[0][0], now[0][0]) == (1.0, -1.0)
    assert now[2][3] == 0.0


def test_maps_are_those_of_the_first_block(run):
    """One for each head, as they are now."""
    _, maps = seen.seen(run)
    kept = snapshots.read(run).snapshots[-1].views["b/map/layer0"]

    assert maps["view"] == "b/map/layer0"
    assert np.array_equal(np.array(maps["maps"], np.float32), kept)


def test_programs_get_the_same(capsys, run):
    """As JSON, where what is not a number is null."""
    table = np.zeros((12, 4), np.float32)
    view = {"table/layer0": table}
    snapshots.keep(run, Snapshot(99, 9, view, {"table/layer0": (3, 4)}))
    _, said, _ = call(capsys, "show", run, "--json")
    facts = json.loads(said)

    assert facts["position"][0]["view"] == "table/layer0"
    assert facts["position"][0]["maps"] == [[[None] * 4] * 3]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("plain", [(), ("--plain",)])
def test_lines_fit(capsys, monkeypatch, run, width, plain):
    """All but those that one may copy; piped there are no colours."""
    monkeypatch.setenv("COLUMNS", str(width))
    code, said, _ = call(capsys, "show", run, *plain)
    lines = [line for line in said.splitlines() if not line.startswith(("run ", "next ", "typed "))]

    assert code == 0
    assert max(map(len, lines)) <= width
    assert "\x1b" not in said
    assert ("█" in said.partition("how alike")[2]) == (not plain)


def test_a_terminal_gets_colours(monkeypatch, capsys, run):
    """Half blocks, two rows in a line."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    _, said, _ = call(capsys, "show", run)

    assert "▀" in said
    assert re.search(r"\x1b\[38;5;\d+;48;5;\d+m▀", said)


def test_what_is_damaged_is_not_drawn(capsys, run):
    """And the run is shown all the same."""
    for path in (run / "positions").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    code, said, _ = call(capsys, "show", run)

    assert code == 0
    assert "how alike" not in said
    assert seen.seen(run) == []
