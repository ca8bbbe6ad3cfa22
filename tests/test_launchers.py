"""What is asked of Slurm and Ray, and what is said where they cannot be had."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_studies import BODY

from vitpos import config, machine
from vitpos.errors import BadInput, NoResources
from vitpos.records import Record
from vitpos.schema import Slurm
from vitpos.sweeps import launchers, studies
from vitpos.sweeps import plan as plans
from vitpos.sweeps.launchers import disk, distant, far, local
from vitpos.sweeps.launchers.base import Launcher
from vitpos.sweeps.plan import Plan

PROGRAMS = {
    "sbatch": 'if [ -e refuse ]; then echo "sbatch: error: invalid partition" >&2; exit 1; fi\n'
    'cp "$1" script; env > env; echo "Submitted batch job 12"',
    "srun": "",
    "squeue": "[ -e jobs ] && cat jobs",
    "scancel": 'echo "$@" >> cancelled',
}


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, with programs of Slurm that leave what they are told in the folder."""
    found = pytest.importorskip("vitpos.sweeps.launchers.slurm", exc_type=ImportError)
    for name, text in PROGRAMS.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return found


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Two arms and two seeds."""
    found = studies.study("made", BODY, pytest.fail)
    assert found is not None
    members = plans.plan(found, {}).members
    return Plan(
        found, tuple(replace(m, run=replace(m.run, outputs=str(tmp_path))) for m in members)
    )


@pytest.mark.parametrize(
    ("cores", "words", "slots", "threads"),
    [
        (2, (), 2, 1),
        (4, (), 4, 1),
        (16, (), 4, 4),  # four members: each has its share
        (16, ("launcher.slots_per_device=2",), 2, 8),
        (3, ("launcher.slots_per_device=1",), 1, 3),
    ],
)
def test_cores_that_can_have_a_member_each_share_none(
    plan, monkeypatch, cores, words, slots, threads
):
    """However much a member has to do: it is done sooner beside others than with more threads."""
    monkeypatch.setattr(machine, "cores", lambda: cores)
    monkeypatch.setattr(machine, "useful_threads", lambda run: cores)
    monkeypatch.setattr(local, "free_memory", lambda: None)
    asked, _ = config.launching(["launcher.import_once=false", *words])
    found = local.launch(asked, plan, [], pytest.fail)

    assert (found.slots, found.threads) == (slots, threads)


def test_threads_stay_those_of_the_sweep(plan, monkeypatch, tmp_path):
    """Of its own runs; one that was trained alone, with more threads, does not count."""
    monkeypatch.setattr(machine, "cores", lambda: 4)
    monkeypatch.setattr(local, "free_memory", lambda: None)
    asked, _ = config.launching(["launcher.import_once=false"])
    facts = {"machine": {"threads": 2}}

    def slots(folder: Path) -> tuple[int, int]:
        there = [Record(folder / "a-s0-12345678", "finished", facts, {}, ())]
        found = local.launch(asked, plan, there, pytest.fail)
        return found.slots, found.threads

    assert slots(tmp_path / "runs") == (4, 1)
    assert slots(tmp_path / plan.study.name) == (2, 2)


def options(*words: str) -> Any:
    """Of `launcher=slurm`."""
    return config.launching(["launcher=slurm", *words])[0]


def test_the_batch_script_asks_for_what_was_asked_for(slurm, tmp_path, monkeypatch):
    """And requeues nothing by itself; its job finds this package and forgets the one around it."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_CONF", "/etc/own.conf")
    asked = options(
        "launcher.partition=gpu", "launcher.account=lab", "launcher.qos=low", "launcher.gpus=2",
        "launcher.constraint='a100|h100'", "launcher.cpus=8", "launcher.memory_gb=12.5",
        "launcher.timeout_minutes=90", "launcher.signal_seconds=60",
        "launcher.setup=['module load cuda']",
    )  # fmt: skip
    ticket = slurm.Jobs(asked).submit("vitpos-name", tmp_path / "job", ["a", ["b"], "c", "d", {}])
    script = (tmp_path / "script").read_text().splitlines()
    environment = (tmp_path / "env").read_text().splitlines()

    assert ticket == "12"
    assert {
        "#SBATCH --partition=gpu", "#SBATCH --account=lab", "#SBATCH --qos=low",
        "#SBATCH --constraint='a100|h100'", "#SBATCH --gpus-per-node=2", "#SBATCH --time=90",
        "#SBATCH --cpus-per-task=8", "#SBATCH --mem=12800MB", "#SBATCH --signal=USR2@60",
        "#SBATCH --no-requeue", "#SBATCH --nodes=1", "#SBATCH --ntasks-per-node=1",
        "#SBATCH --job-name=vitpos-name", "module load cuda",
    } <= set(script)  # fmt: skip
    assert script.index("module load cuda") < len(script) - 1
    assert f"PYTHONPATH={distant.search_path()}" in environment
    assert "SLURM_CONF=/etc/own.conf" in environment
    assert "SLURM_JOB_ID=7" not in environment
    assert os.environ["SLURM_JOB_ID"] == "7"


def test_what_is_not_asked_for_is_left_to_the_cluster(slurm, tmp_path):
    """No partition, no memory, no GPU."""
    slurm.Jobs(options("launcher.gpus=0")).submit("x", tmp_path / "job", ["a", [], "c", "d", {}])
    script = (tmp_path / "script").read_text()

    for word in ("partition", "account", "qos", "constraint", "gpus", "mem", "gres"):
        assert f"--{word}" not in script


@pytest.mark.parametrize("name", ["partition", "account", "qos", "constraint"])
@pytest.mark.parametrize("text", ["a\nrm -rf ~", "", "\x1b[2J"])
def test_an_option_is_no_line_of_shell(slurm, plan, name, text):
    """It would be run on the cluster."""
    with pytest.raises(BadInput, match=rf"launcher\.{name} = "):
        slurm.launch(replace(options(), **{name: text}), plan, [], pytest.fail)


def test_what_sbatch_refuses_is_told(slurm, tmp_path):
    """As bad input at first; later it may be the queue that is full."""
    queue = slurm.Jobs(options())
    (tmp_path / "refuse").touch()
    with pytest.raises(BadInput, match="Slurm refuses the job: invalid partition"):
        queue.submit("x", tmp_path / "job", ["a", [], "c", "d", {}])
    (tmp_path / "refuse").unlink()
    queue.submit("x", tmp_path / "job", ["a", [], "c", "d", {}])
    (tmp_path / "refuse").touch()

    with pytest.raises(NoResources):
        queue.submit("x", tmp_path / "job", ["a", [], "c", "d", {}])


@pytest.mark.parametrize(
    ("said", "fate"),
    [
        ("12|RUNNING|None|x\n", None),
        ("12|COMPLETING|None|x\n", None),
        ("12|PENDING|Resources|a|b\n", None),
        ("12|PREEMPTED|None|x\n", "PREEMPTED"),
        ("12|CANCELLED|None|x\n", distant.CANCELLED),
        ("12|OUT_OF_MEMORY|OutOfMemory|x\n", distant.MEMORY),
        ("12|FAILED|NonZeroExitCode|x\n", distant.ENDED),
        ("12|COMPLETED|None|x\n", distant.ENDED),
        ("3|RUNNING|None|x\n", distant.ENDED),
        ("", distant.ENDED),
        (None, None),  # squeue fails: the controller has a rest
    ],
)  # fmt: skip
def test_what_became_of_a_job(slurm, tmp_path, said, fate):
    """As squeue says, which forgets jobs after a while."""
    queue = slurm.Jobs(options())
    ticket = queue.submit("x", tmp_path / "job", ["a", [], "c", "d", {}])
    if said is not None:
        (tmp_path / "jobs").write_text(said)

    assert queue.fate(ticket, now=True) == fate


def test_what_would_wait_forever_is_told(slurm, tmp_path):
    """A partition has limits, and Slurm itself would say nothing."""
    queue = slurm.Jobs(options())
    ticket = queue.submit("x", tmp_path / "job", ["a", [], "c", "d", {}])
    (tmp_path / "jobs").write_text("12|PENDING|PartitionTimeLimit|x\n")
    with pytest.raises(BadInput, match="will never start job 12: PartitionTimeLimit"):
        queue.fate(ticket, now=True)


def test_squeue_is_not_asked_all_the_time(slurm, tmp_path, monkeypatch):
    """Once for all jobs; a little sooner if somebody waits."""
    calls = []
    monkeypatch.setattr(slurm, "listed", lambda: calls.append(1) or [])
    monkeypatch.setattr(slurm, "ASK_NOW", 0.0)
    queue = slurm.Jobs(options())
    for _ in range(5):
        queue.fate("12", now=False)
    queue.fate("12", now=True)

    assert len(calls) == 2


def test_scancel_spares_what_runs(slurm, tmp_path):
    """Until it is to be killed."""
    queue = slurm.Jobs(options())
    queue.cancel("12", kill=False)
    queue.cancel("12", kill=True)

    assert (tmp_path / "cancelled").read_text().splitlines() == ["--state=PENDING 12", "12"]


def test_jobs_that_wait_from_before_are_found(slurm, tmp_path):
    """By their names, those of this plan that have a folder here."""
    names = ["abc-0-00000001", "abc-1-00000002", "abc-2-00000003", "abd-3-00000004"]
    for name in [*names[:2], names[3]]:
        (tmp_path / name).mkdir()
        far.prepare(tmp_path / name)
    states = ["PENDING", "RUNNING", "PENDING", "PENDING"]
    lines = [
        f"{n}|{s}|None|vitpos-{name}" for n, (s, name) in enumerate(zip(states, names, strict=True))
    ]
    (tmp_path / "jobs").write_text("\n".join([*lines, "9|PENDING|None|vitpos-abc-../x", "damaged"]))

    assert slurm.standing("abc", tmp_path) == {0: ("0", tmp_path / names[0])}


def test_slurm_is_a_launcher(slurm, plan):
    """With as many slots as jobs may be in the queue; without Slurm, as many as there are cores."""
    found = slurm.launch(options("launcher.cluster=slurm"), plan, [], pytest.fail)
    here = slurm.launch(options("launcher.cluster=local", "launcher.cpus=1"), plan, [], pytest.fail)

    assert isinstance(found, Launcher)
    assert isinstance(here.queue, slurm.Processes)
    assert (found.slots, isinstance(found.queue, slurm.Jobs)) == (50, True)
    assert 1 <= here.slots <= (os.cpu_count() or 1)


def test_slurm_that_is_not_there_is_told(slurm, plan, monkeypatch):
    """With what would do."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BadInput) as told:
        slurm.launch(options("launcher.cluster=slurm"), plan, [], pytest.fail)

    assert told.value.hint == "launcher.cluster=local"


@pytest.mark.parametrize(("kind", "package"), [("slurm", "submitit"), ("ray", "ray")])
def test_a_missing_package_is_told(plan, monkeypatch, kind, package):
    """In one line, with what to type."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"vitpos.sweeps.launchers.{kind}", raising=False)
    monkeypatch.delattr(launchers, kind, raising=False)
    chosen, _ = config.launching([f"launcher={kind}"])
    with pytest.raises(BadInput, match=f"launcher={kind} needs the package {package}") as told:
        launchers.launch(chosen, plan, [], pytest.fail)

    assert told.value.hint == f"pip install 'vitpos[{kind}]'"


@pytest.mark.parametrize(
    "word",
    ["launcher.max_jobs=0", "launcher.cpus=0", "launcher.cluster=moon", "launcher.setup=true",
     "launcher.memory_gb=0", "launcher.partition=[a]", "launcher.resubmit=-1"],
)  # fmt: skip
def test_options_have_ranges(word):
    """Told before anything is submitted."""
    with pytest.raises(BadInput, match=word.partition("=")[0].replace(".", r"\.")):
        options(word)


def test_options_are_typed():
    """By the dataclass of their kind."""
    assert isinstance(options(), Slurm)
    assert options("launcher.setup=['a b', c]").setup == ["a b", "c"]


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw,vers=4.2,local_lock=none 0 0
server:/old /old nfs rw,vers=3,nolock,local_lock=all 0 0
fs@tcp:/project /project lustre rw,flock 0 0
fs@tcp:/scratch /my\\040scratch lustre rw,lazystatfs 0 0
fs@tcp:/alone /alone lustre rw,localflock 0 0
"""


@pytest.mark.parametrize(
    ("path", "deaf"),
    [
        ("/home/me/outputs", ""),
        ("/tmp", ""),
        ("/old/outputs", "locks in /old do not reach other machines (local_lock=all)"),
        ("/project/outputs", ""),
        ("/my scratch/outputs", "locks in /my scratch do not reach other machines (no flock)"),
        ("/alone/outputs", "locks in /alone do not reach other machines (localflock)"),
    ],
)  # fmt: skip
def test_disks_whose_locks_stay_on_one_machine(path, deaf):
    """As their mounts tell."""
    assert disk.deaf(Path(path), MOUNTS) == deaf


def test_signals_stay_ours(slurm, tmp_path):
    """What is started here does not hear the Ctrl-C of the terminal, and we still do."""
    before = signal.getsignal(signal.SIGINT)
    queue = slurm.Processes(options("launcher.gpus=0"))
    (tmp_path / "job").mkdir()
    far.prepare(tmp_path / "job")
    far.say(tmp_path / "job", far.END)
    words = [str(tmp_path / "job"), ["false"], str(tmp_path), str(tmp_path / "log"), {}]
    job = queue.submit("x", tmp_path / "job", words)
    job._process.send_signal(signal.SIGINT)
    job._process.wait(60)

    assert signal.getsignal(signal.SIGINT) == before
    assert queue.fate(job, now=True) == distant.ENDED
    assert far.told(tmp_path / "job")["code"] == 143
