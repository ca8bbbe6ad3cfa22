"""What a position embedding looked like on the way: kept, read back, and never in the way."""

import json
from itertools import pairwise

import networks
import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_runs import Watch, _quick, compose, results, resume, train

from vitpos import build, checkpoints, durable, machine, snapshots, views
from vitpos.errors import NoResources
from vitpos.evaluate import restore
from vitpos.lanes import group
from vitpos.lanes.lane import Asked
from vitpos.records import read as record_of
from vitpos.runs import RunFolder

__all__ = ["_quick"]
TABLE = ("embedding=learned1d", "training.ema=0.9")


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch):
    """Folders that need not outlive a power cut."""
    monkeypatch.setattr(durable.os, "fsync", lambda _: None)


def now(path):
    """What the network that a run ended with shows, from its checkpoint."""
    folder = RunFolder(path)
    run = folder.run()
    _, tensors = checkpoints.load(folder.checkpoints, pytest.fail)
    model = restore(build.network(run, 10), tensors, machine.prepare(run))
    return views.taken(model.position, 12, 3, 3)


def same(one, other):
    """Whether two snapshots have the same bits."""
    arrays = one.views.keys() == other.views.keys() and all(
        np.array_equal(one.views[name], other.views[name], equal_nan=True) for name in one.views
    )
    facts = [(s.step, s.epoch, dict(s.grids), s.left_out, list(s.views)) for s in (one, other)]
    return arrays and facts[0] == facts[1]


def header(content):
    """The JSON at the start of a file."""
    return content[8 : 8 + int.from_bytes(content[:8], "little")]


def test_a_run_keeps_a_few(tmp_path):
    """Before the first step, after epochs 1, 2, 4 ... and at the end."""
    found, notes = snapshots.read(train(tmp_path, *TABLE))

    assert notes == ()
    assert [(one.step, one.epoch) for one in found] == [(0, 0), (4, 1), (8, 2), (12, 3)]
    assert all(one.views["table/layer0"].shape == (16, 16) for one in found)
    assert all(one.grids == {"table/layer0": (4, 4)} for one in found)
    assert not np.array_equal(found[0].views["table/layer0"], found[3].views["table/layer0"])


@given(st.integers(1, 5000))
def test_few_even_of_a_long_training(epochs):
    """Powers of two between the first and the last, each once and in order."""
    kept = snapshots.epochs_kept(epochs)

    assert kept[0] == 0
    assert kept[-1] == epochs
    assert kept == sorted(set(kept))
    assert all(n & (n - 1) == 0 for n in kept[1:-1])
    assert all(later <= 2 * sooner for sooner, later in pairwise(kept[1:]))


@pytest.mark.parametrize("words", [TABLE, ("embedding=rope_mixed",)], ids=["averaged", "plain"])
def test_the_last_is_of_the_weights_that_count(tmp_path, words):
    """The averaged ones where there are any: those that were evaluated."""
    path = train(tmp_path, *words)

    assert same(snapshots.read(path).snapshots[-1], now(path))


@pytest.mark.parametrize("stop", [{"after": 6}, {"at_epoch": 1}, {"after": 2}])
def test_a_run_that_goes_on_keeps_the_same_bytes(tmp_path, stop):
    """Wherever it was interrupted."""
    whole = train(tmp_path / "whole", *TABLE)
    broken = train(tmp_path / "broken", *TABLE, show=Watch(**stop))
    resume(broken)

    assert results(broken)["positions"] == results(whole)["positions"]
    assert len(results(whole)["positions"]) == 4


def test_what_is_later_than_the_checkpoint_is_forgotten(tmp_path):
    """As lines of metrics are: it comes again."""
    path = train(tmp_path, *TABLE, show=Watch(after=6))
    (path / "positions/step000012.safetensors").write_bytes(b"of another time")
    resume(path, Watch(after=7))

    assert not (path / "positions/step000012.safetensors").exists()
    assert (path / "positions/step000004.safetensors").exists()


def test_each_lane_keeps_its_own(tmp_path):
    """Of its own weights, as its checkpoint has them."""
    asked = [Asked(compose(tmp_path, *TABLE, f"seed={seed}"), [], Watch()) for seed in (0, 1)]
    first, second = group.train(asked)

    assert same(snapshots.read(first).snapshots[-1], now(first))
    assert same(snapshots.read(second).snapshots[-1], now(second))
    assert results(first)["positions"] != results(second)["positions"]


def test_nothing_to_see_makes_no_file(tmp_path):
    """A network without position has no pictures of it."""
    path = train(tmp_path, "embedding=none")

    assert snapshots.read(path) == ((), ())
    assert not (path / "positions").exists()


def test_a_full_disk_costs_only_the_snapshot(tmp_path, monkeypatch):
    """The run ends as it would have, and says it."""
    whole = train(tmp_path / "whole", *TABLE)

    def full(run, snapshot):
        raise NoResources("cannot write: no space left")

    monkeypatch.setattr(snapshots, "keep", full)
    show = Watch()
    path = train(tmp_path / "full", *TABLE, show=show)

    assert record_of(path).status == "finished"
    assert results(path)["tensors"] == results(whole)["tensors"]
    assert any("no snapshot" in note for note in show.notes)


def test_every_strategy_comes_back_bit_for_bit(tmp_path, name):
    """What is read is what was seen; and looking moves neither weights nor random numbers."""
    model = networks.vit(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    taken = views.taken(model.position, 7, 2, 9)
    snapshots.keep(tmp_path, taken)
    found, notes = snapshots.read(tmp_path)

    assert notes == ()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert [same(one, taken) for one in found] == [True] * bool(taken.views)


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 400))
def test_layers_that_fit_are_kept(sizes, room):
    """Never more than there is room for; all if they fit; some if any fits; in order."""
    chosen = views.fitting(sizes, room)

    assert sum(sizes[number] for number in chosen) <= room
    assert chosen == sorted(set(chosen))
    assert sum(sizes) > room or chosen == list(range(len(sizes)))
    assert bool(chosen) == any(size <= room for size in sizes)


def test_large_tables_are_left_out(tmp_path):
    """A file stays within its share of what a run may take, and names what it lacks."""
    run = compose(tmp_path, "embedding=learned1d", "embedding.learned1d.inject=every_layer",
                  "backbone.depth=8", "backbone.dim=768", "backbone.heads=4")  # fmt: skip
    taken = views.taken(build.network(run, 10).position, 0, 0, 300)
    snapshots.keep(tmp_path, taken)
    (file,) = (tmp_path / "positions").iterdir()
    names = [f"table/layer{number}" for number in range(8)]

    assert file.stat().st_size <= snapshots.ALL // 11
    assert list(taken.views) == ["table/layer0", "table/layer4", "table/layer7"] or taken.left_out
    assert sorted([*taken.views, *taken.left_out]) == names
    assert snapshots.read(tmp_path).snapshots[0].left_out == taken.left_out


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Two snapshots in a folder, the second of them, and its bytes."""
    folder = tmp_path_factory.mktemp("kept")
    rng = np.random.default_rng(0)
    for step in (0, 5):
        arrays = {"map/layer0": rng.standard_normal((2, 3, 3)).astype(np.float32)}
        made = snapshots.Snapshot(step, step // 5, arrays, {"map/layer0": (3, 3)})
        snapshots.keep(folder, made)
    return folder, made, (folder / "positions/step000005.safetensors").read_bytes()


@given(st.data())
def test_damage_is_said_and_nothing_else(kept, data):
    """A file with any other byte, or without its end, is left out; the others are read."""
    folder, whole, content = kept
    at = data.draw(st.integers(0, len(content) - 1))
    torn = content[:at]
    other = bytes([content[at] ^ data.draw(st.integers(1, 255))])
    flipped = content[:at] + other + content[at + 1 :]
    file = folder / "positions/step000005.safetensors"
    file.write_bytes(data.draw(st.sampled_from([torn, flipped])))
    found, notes = snapshots.read(folder)

    assert found[0].step == 0
    assert len(found) + len(notes) == 2
    assert len(found) == 1 or same(found[1], whole)  # what pads the header stands for nothing


@pytest.mark.parametrize("said", ["[]", "7", '{"format": 2}', '{"format": 1}', "{", "null"])
def test_a_stranger_is_no_snapshot(tmp_path, said):
    """Whatever stands where its facts should."""
    (tmp_path / "positions").mkdir()
    content = safetensors.numpy.save({"map/layer0": np.zeros((1, 2, 2))}, {snapshots.KEY: said})
    (tmp_path / "positions/step000001.safetensors").write_bytes(content)
    (tmp_path / "positions/step000002.safetensors").mkdir()
    found, notes = snapshots.read(tmp_path)

    assert found == ()
    assert len(notes) == 2


def test_the_same_snapshot_is_the_same_bytes(tmp_path):
    """Facts stand under one key, as the order of several is not fixed."""
    view = {"map/layer0": np.ones((1, 2, 2), np.float32)}
    made = snapshots.Snapshot(3, 1, view, {"map/layer0": (2, 2)})
    contents: set[bytes] = set()
    for number in range(5):
        snapshots.keep(tmp_path / str(number), made)
        contents.add((tmp_path / str(number) / "positions/step000003.safetensors").read_bytes())

    assert len(contents) == 1
    assert list(json.loads(header(contents.pop()))["__metadata__"]) == [snapshots.KEY]


def test_an_old_run_has_none(tmp_path):
    """Runs of before have no such folder, and nothing is said of it."""
    assert snapshots.read(tmp_path) == ((), ())
