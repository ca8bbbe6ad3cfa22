"""Every part of a bench on a tiny network, and what is said of what is not there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_benches import TINY, bench

from vitpos import experiment
from vitpos.bench import (
    composing,
    embeddings,
    folders,
    kernels,
    lanes,
    peers,
    reliability,
    startup,
    step,
    sweeps,
)
from vitpos.bench.ceilings import Ceilings, bytes_of_step
from vitpos.bench.composing import compose
from vitpos.machine import find_device

CPU = find_device("cpu")
STATES = {"measured", "missing", "failed", "no time", "refused"}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Small probes, and few images of noise."""
    monkeypatch.setattr("vitpos.bench.ceilings.SIDES", {"cpu": 64})
    monkeypatch.setattr("vitpos.bench.ceilings.COPIED", {"cpu": 2**16})
    monkeypatch.setattr("vitpos.bench.subjects.IMAGES", 64)
    monkeypatch.setattr("vitpos.machine.commit", lambda: "0123456789ab")


def rows(table):
    """By name."""
    return {row["name"]: row for row in table["rows"]}


def state(table):
    """Of each row, or why it is not there."""
    return {n: r["why"].split(":")[0] or r["state"] for n, r in rows(table).items()}


def test_step_is_measured_against_what_the_device_could_do():
    """Images a second, operations, bytes that are kept, and shares of both ceilings."""
    [table] = step.tables(bench())
    ours = rows(table)["vitpos"]

    assert state(table) == {"vitpos": "measured", "vitpos, fp32": "measured"}
    assert table["table"] == "step, cifar, batch 4"
    assert ours["images_per_second"]["median"] > 0
    assert ours["kept_bytes_per_image"] > 64 * 24
    assert {"of_bf16_ceiling", "of_fp32_ceiling", "of_copy_ceiling"} <= ours.keys()
    assert "ratio" not in ours
    assert rows(table)["vitpos, fp32"]["ratio"]["n"] == 3


def test_fp32_keeps_twice_the_bytes_of_bf16():
    """What a step keeps for its backward pass is counted, not guessed."""
    found = {}
    for precision in ("fp32", "bf16"):
        [table] = step.tables(bench(f"precision={precision}"))
        found[precision] = rows(table)["vitpos"]["kept_bytes_per_image"]

    assert 1.3 < found["fp32"] / found["bf16"] < 2.1


def test_peers_learn_from_the_same_images():
    """The usual script, timm on resident data, and ours; then the assembly of a batch."""
    found = list(peers.tables(bench()))

    assert [table["reference"] for table in found] == ["usual script"] * 2
    assert set(state(found[0]).values()) == {"measured"}
    assert "timm, resident, AMP" in rows(found[0])
    assert rows(found[1])["vitpos"]["ratio"]["median"] > 1


def test_embeddings_are_measured_beside_none(monkeypatch):
    """A few at a time; what the network is too small for says so."""
    monkeypatch.setattr(embeddings, "FIRST", ("learned1d", "rope2d", "peg"))
    monkeypatch.setattr(embeddings, "TOGETHER", 2)
    found = list(embeddings.tables(bench()))
    names = [row["name"] for table in found for row in table["rows"] if row["name"] != "none"]

    assert sorted(names) == sorted(embeddings.FIRST)
    assert all(table["reference"] == "none" and table["kind"] == "cost" for table in found)
    assert state(found[0]) == dict.fromkeys(("none", "learned1d", "rope2d"), "measured")
    assert state(found[1]) == {
        "none": "measured",
        "peg": "embedding=peg needs another backbone.depth = 1",
    }


def test_all_embeddings_come_after_those():
    """Each once, but for `none`."""
    names = embeddings.wanted(bench(quick=False))

    assert names[: len(embeddings.FIRST)] == list(embeddings.FIRST)
    assert len(set(names)) == len(names) > 60


def test_kernels_say_what_is_not_here():
    """Ours need a GPU, others are not installed: a line each, and the rest is measured."""
    found = list(kernels.tables(bench(left=lambda: 30.0)))
    rotary, attention = map(state, found)

    assert rotary["plain"] == rotary["timm"] == "measured"
    assert rotary["flash-attn"] == "not installed"
    assert rotary["Liger"] == "not installed"
    assert rotary["vitpos"] != "measured"
    assert rotary["compiled"].startswith("no time")
    assert attention["plain"] == attention["torch"] == "measured"


def test_lanes_are_measured_where_there_are_some():
    """Else a row says that there are none."""
    [table] = lanes.tables(bench("training.batch_size=8"))

    assert state(table)["one run"] == "measured"
    assert state(table)["eight lanes"] in ("measured", "vitpos has no lanes here")


@pytest.mark.slow
def test_start_of_processes_is_measured(monkeypatch):
    """CPU time is that of the processes; those that cannot start say why."""
    nowhere = ("-c", "import nowhere")
    few = {name: startup.START[name] for name in ("import torch", "vitpos --help")}
    monkeypatch.setattr(startup, "START", few | {"nowhere": nowhere})
    monkeypatch.setattr(startup, "mnist", missing)
    first, second = startup.tables(bench())

    assert state(first)["vitpos --help"] == "measured"
    assert rows(first)["vitpos --help"]["cpu_seconds"]["median"] > 0.01
    assert rows(first)["nowhere"]["why"] == "ModuleNotFoundError: No module named 'nowhere'"
    assert rows(second)["vitpos"]["why"] == "no MNIST here"


def missing():
    """As `startup.mnist` where there are no files."""
    raise startup.Missing("no MNIST here")


def test_without_mnist_a_sweep_is_not_timed(monkeypatch):
    """The table says why."""
    monkeypatch.setattr(sweeps, "mnist", missing)
    monkeypatch.setattr(startup, "mnist", missing)
    [table] = sweeps.tables(bench())

    assert table["state"] == "missing"
    assert rows(table)["vitpos sweep"]["why"] == "no MNIST here"


@pytest.mark.slow
def test_comparisons_are_timed_on_runs_that_never_ran(monkeypatch):
    """As many as there was time for, and the table is made of all of them."""
    monkeypatch.setattr(folders, "ARMS", 20)
    monkeypatch.setattr(folders, "SEEDS", 3)
    [table] = folders.tables(bench())

    assert table["table"] == "compare, 6 runs"
    assert set(state(table).values()) == {"measured"}


def test_what_lasts_is_timed_within_a_run():
    """Seconds inside what is synced, a run without them, and a step that need not repeat."""
    words = ("training=smoke", "training.limit=64", "embedding=learned1d")
    first, second = reliability.tables(bench(*words))
    ours = rows(first)["vitpos"]

    assert state(first) == {"nothing lasts": "measured", "vitpos": "measured"}
    assert 0 < ours["lasting_share"]["median"] < 1
    assert ours["lasting_writes"] > 10
    assert state(second) == {"not deterministic": "measured", "vitpos": "measured"}


def test_a_run_of_which_nothing_lasts_is_the_same_run(tmp_path, monkeypatch):
    """The same lines and summary, without a sync; afterwards everything lasts again."""
    words = ("training=smoke", "training.limit=64", "training.epochs=2", *TINY, "device=cpu")
    run = compose((*words, "embedding=learned1d", f"outputs={tmp_path}"))
    synced = []
    monkeypatch.setattr("os.fsync", synced.append)
    with reliability.patched(reliability.plainly):
        light = experiment.start(run, (), reliability.Unseen())
    none, whole = len(synced), experiment.start(run, (), reliability.Unseen())

    assert none == 0 < len(synced)
    assert (light / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    assert not (light / "checkpoints").exists()


def test_run_folders_are_made_while_there_is_time(tmp_path):
    """Two arms at least, for one is no comparison."""
    made = folders.fill(tmp_path, 5, 2, lambda: 0.0)

    assert made == 4
    assert len(list(tmp_path.glob("*/*/record.json"))) == 4


def test_bytes_of_a_step_are_those_of_the_notes():
    """Seventy tensors a block where the perceptron is four times as wide."""
    sizes = {"tokens": 1000, "dim": 10, "depth": 1, "mlp_ratio": 4.0, "width": 2}

    assert bytes_of_step(**sizes, params=0) == 70 * 1000 * 10 * 2


def test_ceilings_are_of_the_best_try():
    """Operations of a product, bytes read and written of a copy."""
    found = Ceilings(CPU, ("bf16", "fp32"))()

    assert found.keys() == {"bf16", "fp32", "copy"}
    assert all(1e6 < by["wall"] < 1e16 and by["cpu"] > 1e5 for by in found.values())


WORDS = [
    (),
    ("dataset=cifar10", "backbone.depth=6", "embedding=learned1d+rope2d", "training.lr=1e-3"),
    ("dataset=mnist", "patch.size=14", "precision=bf16", "deterministic=false", "threads=2"),
    ("training=full", "training.limit=null", "training.warmup_epochs=0", "device=cpu"),
]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_runs_are_the_same_without_hydra(words):
    """From the same files, with the same values."""
    assert composing.plainly(words) == composing.compose(words)


@pytest.mark.parametrize("words", [("backbone.deep=3",), ("embedding=rope9",), ("threads=-1",)])
def test_bad_words_are_refused_without_hydra(words):
    """In one line, as with it."""
    with pytest.raises(composing.BadInput):
        composing.plainly(words)


def test_says_that_hydra_is_missing(monkeypatch):
    """In one line, which names both packages."""
    monkeypatch.setitem(sys.modules, "hydra", None)
    monkeypatch.setitem(sys.modules, "omegaconf", None)

    assert composing.lacking().startswith("not installed: hydra-core and omegaconf;")
    assert [table["state"] for table in folders.tables(bench())] == ["missing"]
    assert [table["state"] for table in sweeps.tables(bench())] == ["missing"]


def test_says_that_timm_is_missing(monkeypatch):
    """Rows that need it say so, and the table that is measured against it."""
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.delitem(sys.modules, "vitpos.bench.usual_script", raising=False)
    monkeypatch.setitem(sys.modules, "timm.models.vision_transformer", None)
    table = next(peers.tables(bench()))

    assert table["state"] == "missing"
    assert rows(table)["timm, resident"]["why"].startswith("not installed: timm")
    assert rows(table)["vitpos"]["state"] == "missing"


NO_HYDRA = """
import sys
sys.modules["hydra"] = sys.modules["omegaconf"] = None
sys.modules["timm"] = sys.modules["torchvision"] = None
sys.argv = ["vitpos", *sys.argv[1:]]
from vitpos.cli import main
main()
"""


@pytest.mark.slow
def test_whole_command_runs_on_a_bare_machine(tmp_path):
    """Without Hydra, timm and torchvision: a note, and rows that say so."""
    file = tmp_path / "bench.json"
    words = ["bench", "step", "peers", *TINY, "--quick", "--force", "--threads=1", "--device=cpu"]
    done = subprocess.run(
        [sys.executable, "-c", NO_HYDRA, *words, "--json", str(file)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    said = json.loads(file.read_text())

    assert done.returncode == 0, done.stderr
    assert "note: not installed: hydra-core and omegaconf" in done.stderr
    assert said["parts"]["step"]["tables"][0]["rows"][0]["state"] == "measured"
    assert "not installed: " in said["parts"]["peers"]["tables"][0]["rows"][0]["why"]
