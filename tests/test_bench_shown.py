"""What is shown of a bench: tables, goals, the command's exit code, and costs in lists."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from run_folders import call
from small_benches import Clock

from vitpos import catalogue
from vitpos.bench import cells, costs, peers, record, running
from vitpos.bench.goals import judge
from vitpos.terminal import benches

CHIP = {"gpu": "H100", "cpu": "Abacus 2000", "cores": 2, "date": "2026-11-22T03:17:16+00:00"}
CHIP |= {
    "versions": {"torch": "2.15.0"},
    "commit": "0123456789ab",
    "device": "cuda",
    "extensions": [],
}


def spread(median):
    """A median with extremes."""
    return {"median": median, "min": 0.9 * median, "max": 1.1 * median, "n": 5}


def row(name, seconds=0.005, **more):
    """Something that was measured."""
    usual = {"name": name, "state": "measured", "why": "", "seconds": spread(seconds)}
    return usual | {"images_per_second": spread(1 / seconds), "flops_per_image": 4e8} | more


def table(*rows, kind="cost", state="measured", why="", **more):
    """A table of a part."""
    usual = {"table": "embeddings", "kind": kind, "reference": "none", "reference_spread": 0.05}
    usual |= {"clock": "device", "rounds": 5, "forced": False, "state": state, "why": why}
    return usual | {"others": 0.0, "facts": {"batch": 512, "threads": 2}, "rows": rows} | more


def part(*tables):
    """A part of a record."""
    load = {"load_before": [0.1, 0, 0], "load_after": [1.0, 0, 0], "seconds": 61.0}
    asked = {"state": "done", "why": "", "asked": {"words": []}}
    return asked | load | {"circumstances": CHIP, "tables": tables}


NONE = row("none", peak_memory_bytes=2**30, params_embedding=0)
ROPE = row("rope2d", 0.0055, peak_memory_bytes=3 * 2**29, params_embedding=0, ratio=spread(1.1))
SHAW = {"name": "shaw", "state": "failed", "why": "out of memory"}


@pytest.fixture
def file(tmp_path):
    """A bench with costs."""
    path = tmp_path / "bench.json"
    parts = {"embeddings": part(table(NONE, ROPE, SHAW))}
    record.save(record.empty() | {"parts": parts}, path)
    return path


def test_costs_are_shares_of_none(file):
    """Time with its extremes, memory, operations, parameters; why there is none."""
    found = costs.read(file).by_name

    assert found["rope2d"].time == 1.1
    assert found["rope2d"].memory == 1.5
    assert found["rope2d"].flops == 1
    assert found["none"].time == 1
    assert (found["shaw"].time, found["shaw"].why) == (None, "out of memory")


def test_costs_stand_in_lists(capsys, monkeypatch, file):
    """In columns beside the names; as numbers for programs; where they were measured, above."""
    monkeypatch.setenv("COLUMNS", "100")
    code, text, _ = call(capsys, "list", "embeddings", "--bench", str(file))
    _, listed, _ = call(capsys, "list", "embeddings", "--bench", str(file), "--json")
    lines = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    data = {entry["name"]: entry["cost"] for entry in json.loads(listed)}

    assert code == 0
    assert text.splitlines()[0].endswith("none: H100, batch 512, 2026-11-22")
    assert text.splitlines()[1].split() == ["time", "memory", "FLOPs"]
    assert lines["rope2d"][:3] == ["1.10", "1.50", "1.00"]
    assert lines["learned1d"][0] == "–"
    assert data["rope2d"]["time"] == 1.1
    assert data["learned1d"] is None
    assert len(data) == len(catalogue.entries("embedding"))


@pytest.mark.parametrize("columns", [40, 80, 100, 120])
def test_lists_with_costs_are_readable_in_any_terminal(capsys, monkeypatch, file, columns):
    """Lines fit; in a narrow terminal costs have a line of their own."""
    monkeypatch.setenv("COLUMNS", str(columns))
    _, text, _ = call(capsys, "list", "embeddings", "--bench", str(file))
    wide = [line for line in text.splitlines()[1:] if len(line.rstrip()) > max(60, columns)]

    assert [line for line in wide if len(line.split()) > 1] == []
    assert ("cost: 1.10 1.50 1.00" in text) == (columns < 100)


def test_newest_bench_of_this_machine_is_taken(capsys, monkeypatch, file):
    """The newest with costs of embeddings; damaged files and others are passed over."""
    folder = file.parent / "kept"
    folder.mkdir()
    monkeypatch.setattr(record, "kept", lambda: folder)

    assert costs.newest() is None

    (folder / "20261122T010000-cpu.json").write_text(file.read_text())
    (folder / "20261123T010000-cpu.json").write_text(file.read_text())
    (folder / "20261124T010000-cpu.json").write_text("{")
    record.save(record.empty(), folder / "20261125T010000-cpu.json")

    assert costs.newest().path.name == "20261123T010000-cpu.json"
    assert call(capsys, "list", "embeddings")[1].startswith("time, memory and FLOPs")


@pytest.mark.parametrize(("words", "code", "said"), [
    (("list", "datasets", "--bench", "x.json"), 2, "only embeddings have costs"),
    (("list", "embeddings", "--bench", "x.json"), 4, "x.json is not there"),
    (("bench", "embedings"), 2, "there is no part embedings"),
    (("bench", "step", "--budget", "soon"), 2, "not a time"),
    (("bench", "step", "--device", "cuda:77"), 2, "cuda:77"),
])  # fmt: skip
def test_bad_words_are_told_in_a_line(capsys, monkeypatch, tmp_path, words, code, said):
    """With the exit code that goes with them."""
    monkeypatch.chdir(tmp_path)
    found, _, errors = call(capsys, *words)

    assert found == code
    assert said in errors
    assert errors.count("\n") <= 2


def test_files_of_the_format_before_are_refused(tmp_path):
    """They are no bench of this version."""
    old = tmp_path / "old.json"
    old.write_text('{"records": []}')

    with pytest.raises(record.BadRun, match="no bench of this version"):
        record.read(old)


@pytest.mark.parametrize(("state", "code"), [
    ("measured", 0), ("refused", 1), ("missing", 0), ("no time", 0),
])  # fmt: skip
def test_refusal_is_an_exit_code(capsys, monkeypatch, state, code):
    """1 where the machine was too restless, and the table says so in place of numbers."""
    refused = state != "measured"
    rows = [{"name": r["name"], "state": state, "why": "x"} if refused else r for r in (NONE, ROPE)]
    made = table(*rows, state=state, why="none itself varied by 41%" * refused)
    monkeypatch.setattr(peers, "tables", lambda maker: iter([made]))
    found, text, _ = call(capsys, "bench", "peers", "--device", "cpu")

    assert found == code
    assert ("1.10 (0.99-1.21)" in text) == (not refused)
    assert (f"{state}: none itself varied by 41%" in text) == refused


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_number_is_cut(monkeypatch, capsys, width):
    """Columns go before numbers are broken, and a line says which."""
    monkeypatch.setenv("COLUMNS", str(width))
    more = {"of_bf16_ceiling": spread(0.351), "of_copy_ceiling": spread(0.82),
            "cpu_seconds": spread(0.0123), "kept_bytes_per_image": 70000.0}  # fmt: skip
    full = table(NONE, ROPE | more, SHAW)
    with benches.watching(quiet=False) as watcher:
        watcher.done("embeddings", part(full))
    text = capsys.readouterr().out
    lines = text.splitlines()

    assert max(map(len, lines[2:])) <= max(width, 100)
    assert "1.10 (0.99-1.21)" in text
    assert "5.5 ms" in text
    assert "35%" in text
    assert "shaw: failed, out of memory" in text
    assert ("left out at this width" in text) == (width < 200)


def test_goals_are_shown_for_the_parts_that_were_asked_for(capsys):
    """Found, wanted, reached or not, and why that is unknown."""
    found = {"goals": judge({"embeddings": part(table(NONE, ROPE))})}
    benches.show_goals(found, ["embeddings"])
    text = " ".join(capsys.readouterr().out.split())

    assert "G3" in text
    assert "not reached: only 1 of" in text
    assert "is about CPUs" in text
    assert "P1" not in text


def test_how_far_it_is_is_told_aside(capsys):
    """On standard error, a line for each thing that is made; nothing if it is to be quiet."""
    with benches.watching(quiet=False) as watcher:
        watcher.say("step (1 of 1): some: vitpos")
        watcher.say("step (1 of 1): some: round 2 of 5, 3 s left")
    with benches.watching(quiet=True) as watcher:
        watcher.say("step (1 of 1): some: vitpos")
    said = capsys.readouterr()

    assert said.out == ""
    assert said.err == "step (1 of 1): some: vitpos\n"


@pytest.mark.parametrize(("words", "names"), [
    ((), [n for n, p in running.PARTS.items() if p.in_all]),
    (("all", "compile"), [*(n for n, p in running.PARTS.items() if p.in_all), "compile"]),
    (("peers", "step", "peers"), ["peers", "step"]),
])  # fmt: skip
def test_parts_are_done_once_each(words, names):
    """Words with a `=` are what networks should be."""
    assert running.chosen([*words, "backbone.depth=2"]) == (names, ["backbone.depth=2"])


def test_all_of_it_gets_less_than_eight_minutes(monkeypatch):
    """On a GPU; every part begins with time to spare, and the last ends in time."""
    clock, lefts = Clock(), []

    def perform(name, maker, command, keep):
        lefts.append(maker.left())
        clock.now += lefts[-1]
        return part()

    monkeypatch.setattr(running, "perform", perform)
    monkeypatch.setattr(running, "Bench", lambda **how: type("Made", (), how | {
        "device": type("Device", (), {"type": "cuda"})}))  # fmt: skip
    names, _ = running.chosen([])
    with benches.watching(quiet=True) as watcher:
        running.bench(names, running.Asked(), watcher, clock=clock)

    assert len(lefts) == len(names) == 7
    assert min(lefts) > 20
    assert clock.now == pytest.approx(450)


def test_numbers_are_three_figures():
    """In the unit that they have most sense in."""
    assert [cells.duration(s) for s in (12.34, 0.01234, 1.234e-5, 5e-9)] == [
        "12.3 s", "12.3 ms", "12.3 µs", "5 ns",
    ]  # fmt: skip


@pytest.mark.parametrize("words", ["bench --help", "list embeddings"])
def test_asking_what_there_is_needs_no_torch(words):
    """Not for the options of a bench, and not for costs."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "vitpos", *words.split()],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "Options:" in told.stdout or "none" in told.stdout
    assert "torch" not in {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}


def test_what_went_wrong_on_the_way_is_told():
    """A step that was to be compiled and was not is no step of a compiled network."""
    slow = row("rope2d", trouble=["not compiled: out of luck"], ratio=spread(1.1))

    assert "rope2d: not compiled: out of luck" in cells.below(table(NONE, slow))


def test_first_steps_are_told():
    """How long the first step takes to come, compiled for the first time and again."""
    facts = {"first_step_eager_seconds": 1.24, "first_step_cold_seconds": 53.4}

    assert "first step: eager 1.24 s, cold 53.4 s" in cells.below(table(NONE, facts=facts))
