"""Sweeps of tiny runs through submitit and through a Ray cluster, with real processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import processes
import pytest
import yaml
from small_studies import BODY, TINY

from vitpos import config, records
from vitpos.durable import Lines

HERE = Path(__file__).parent
SUBMITIT = ("launcher=slurm", "launcher.cpus=1", "launcher.gpus=0", "launcher.timeout_minutes=10")
pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for runs, and configs that a test may change."""
    shutil.copytree(config.folder(), tmp_path / "configs")
    monkeypatch.setenv("VITPOS_CONFIGS", str(tmp_path / "configs"))
    monkeypatch.setenv("FAULTY_MENDED", str(tmp_path / "mended"))
    monkeypatch.chdir(HERE)  # where the plugin is found
    study(tmp_path)
    return tmp_path


def study(place: Path, **changes: object) -> None:
    """Write the file of a study."""
    (place / "configs" / "study" / "made.yaml").write_text(yaml.safe_dump(BODY | changes))


def words(place: Path, *more: str) -> list[str]:
    """What is typed to run it."""
    return ["sweep", "study=made", f"outputs={place}", *TINY, *more, "--plugin", "faulty"]


def journal(place: Path) -> list[tuple[str, int]]:
    """The arm and the exit code of every attempt."""
    rows = Lines(place / "made" / "journal.jsonl").read()
    return sorted((row["arm"], row["code"]) for row in rows)


def statuses(place: Path) -> list[str]:
    """Of all runs."""
    return sorted(records.read(path).status for path in records.find([place]))


@pytest.fixture(params=["local", "slurm"])
def cluster(request: pytest.FixtureRequest) -> str:
    """Submitit's own, and Slurm where it is."""
    pytest.importorskip("submitit")
    if request.param == "slurm" and not shutil.which("sbatch"):
        pytest.skip("there is no Slurm here")
    return f"launcher.cluster={request.param}"


def test_a_sweep_through_submitit(place, cluster):
    """It runs to its end, and a second time nothing; what fails is recorded, the others kept."""
    done = processes.run(*words(place, *SUBMITIT, cluster))
    first, found = journal(place), statuses(place)
    again = processes.run(*words(place, *SUBMITIT, cluster))
    second = journal(place)
    bad = {"embedding": "fault", "embedding.fault.kind": "raises"}
    study(place, arms=BODY["arms"] | {"bad": bad}, seeds=1)
    failed = processes.run(*words(place, *SUBMITIT, cluster))

    assert (done.returncode, again.returncode, failed.returncode) == (0, 0, 7), done.stderr
    assert found == ["finished"] * 4
    assert first == second == [("a", 0), ("a", 0), ("b", 0), ("b", 0)]
    assert journal(place) == [*first[:2], *first[2:], ("bad", 1)]
    assert "error: 1 of 3 runs failed: bad, seed 0: ValueError: in the middle" in failed.stderr


def test_ctrl_c_saves_what_submitit_runs(place, cluster):
    """The members end in order, and go on from there."""
    process = processes.spawn(*words(place, *SUBMITIT, cluster, "training.epochs=500"))
    processes.wait_for("made/b-s0-*/checkpoints/*.safetensors", place, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    found = [records.read(path) for path in records.find([place])]

    assert process.returncode == 130, said
    assert {run.status for run in found} == {"interrupted"}
    assert not list((place / ".claims").iterdir())


@pytest.fixture
def nodes() -> Iterator["subprocess.Popen[str]"]:
    """A cluster of two."""
    pytest.importorskip("ray")
    own = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}
    process = subprocess.Popen(
        [sys.executable, str(HERE / "two_nodes.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | own,
    )
    with process:
        yield process
        process.communicate("\n", timeout=60)


def workers(place: Path) -> dict[int, int]:
    """The parent of each process that runs a member now."""
    found = {}
    for path in (place / "made" / "jobs").glob("*/state"):
        told = json.loads(path.read_text() or "{}")
        if told and "code" not in told:
            status = Path(f"/proc/{told['process']}/stat").read_text()
            found[told["process"]] = int(status.rpartition(")")[2].split()[1])
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc where a member runs")
def test_a_sweep_on_two_nodes_of_which_one_dies(place, nodes):
    """Members run on both; those of the dead one go on elsewhere, and nothing is missing."""
    address, *raylets = nodes.stdout.readline().split()
    more = ("launcher=ray", f"launcher.address={address}", "training.epochs=60")
    process = processes.spawn(*words(place, *more))
    for arm in "ab":
        processes.wait_for(f"made/{arm}-s0-*/checkpoints/*.safetensors", place, process)
    parents = workers(place)
    nodes.stdin.write("kill\n")
    nodes.stdin.flush()
    _, said = process.communicate(timeout=120)
    attempts = [len(records.read(path).record["attempts"]) for path in records.find([place])]

    assert set(parents.values()) == set(map(int, raylets))
    assert process.returncode == 0, said
    assert statuses(place) == ["finished"] * 4
    assert sorted(attempts) == [1, 1, 1, 2]
