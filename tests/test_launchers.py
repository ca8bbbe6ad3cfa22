"""Launchers are chosen among the words of a sweep; the local one shares out this machine."""

import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from acting import leave
from run_folders import call
from small_studies import BODY

from vitpos import config, frozen, launchers, machine, member, studies
from vitpos import plan as plans
from vitpos.errors import BadInput
from vitpos.launchers import local
from vitpos.launchers.base import Task
from vitpos.plan import Plan
from vitpos.progress import there

GIB = 2**30


@pytest.fixture(scope="module")
def made() -> Plan:
    """Two arms and two seeds, on the CPU."""
    found = studies.study("made", BODY, pytest.fail)
    assert found is not None
    return plans.plan(found, {"device": "cpu"})


@pytest.fixture
def big(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 16 cores with much memory, on which 4 threads are useful."""
    monkeypatch.setattr(machine, "cores", lambda: 16)
    monkeypatch.setattr(machine, "useful_threads", lambda run: 4)
    monkeypatch.setattr(local, "free_memory", lambda: 64 * GIB)


def shared(plan: Plan, *words: str, notes: list[str] | None = None, runs: Any = ()) -> local.Slots:
    """The launcher that these words ask for."""
    options, _ = config.launching(words)
    found = launchers.launch(options, plan, runs, (notes if notes is not None else []).append)
    assert isinstance(found, local.Slots)
    return found


def asking(plan: Plan, **changes: Any) -> Plan:
    """The same plan with other values of all runs."""
    members = [replace(m, run=replace(m.run, **changes)) for m in plan.members]
    return Plan(plan.study, tuple(members))


@pytest.mark.parametrize(
    ("words", "threads", "slots", "each"),
    [
        ((), 0, 4, 4),
        (("launcher.slots_per_device=2",), 0, 2, 4),
        (("launcher.slots_per_device=8",), 0, 8, 2),
        (("launcher.slots_per_device=16",), 0, 16, 1),
        ((), 8, 2, 8),
        ((), 16, 1, 16),
        ((), 99, 1, 99),
        (("launcher.slots_per_device=2",), 8, 2, 8),
    ],
)  # fmt: skip
def test_cores_are_shared_out(made, big, words, threads, slots, each):
    """Slots times threads is never more than the cores, unless one run asks for more alone."""
    found = shared(asking(made, threads=threads), "launcher=local", *words)

    assert (found.slots, found.threads) == (slots, each)


@pytest.mark.parametrize(
    ("words", "threads", "error", "hint"),
    [
        (("launcher.slots_per_device=17",), 0, "16 cores have room for 16", "=16"),
        (("launcher.slots_per_device=3",), 8, "have room for 2 of 8 threads", "=2"),
        (("launcher.slots_per_device=-1",), 0, "must be at least 0", ""),
        (("launcher.slot_per_device=2",), 0, "unknown key launcher.slot", "slots_per_device"),
        (("launcher=lokal",), 0, "there is no such launcher", "did you mean local?"),
        (("launcher.member_seconds=soon",), 0, "launcher.member_seconds = soon", ""),
        (("launcher.devices=[0]",), 0, "the runs are not on GPUs", "null"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_told(made, big, words, threads, error, hint):
    """With what to type instead."""
    with pytest.raises(BadInput, match=error) as found:
        shared(asking(made, threads=threads), *words)

    assert hint in found.value.hint


def test_a_launcher_is_no_part_of_a_run():
    """Its words are taken out; what is left is of the study."""
    options, words = config.launching(["study=x", "launcher.member_seconds=60", "seeds=2"])

    assert (options.member_seconds, words) == (60.0, ["study=x", "seeds=2"])


def test_threads_stay_what_they_were(made, big, tmp_path):
    """A plan goes on with as many as the runs have that are there; if it cannot, it says so."""
    plan, notes = asking(made, outputs=str(tmp_path)), list[str]()
    leave(plan.members[0], "finished")  # with one thread
    runs = [*there(plan).values()]
    alone = shared(plan, runs=runs)
    (runs[0].record["machine"])["threads"] = 8
    more = shared(plan, "launcher.slots_per_device=8", runs=runs, notes=notes)

    assert (alone.slots, alone.threads) == (16, 1)
    assert (more.slots, more.threads) == (8, 2)
    assert notes == ["2 threads and not 8 as before: other bits than runs that are there"]


def test_memory_has_the_last_word(made, big, monkeypatch):
    """Fewer slots where they would not fit, but never none."""
    notes = list[str]()
    monkeypatch.setattr(local, "free_memory", lambda: 3 * GIB)
    some = shared(made, notes=notes)
    monkeypatch.setattr(local, "free_memory", lambda: GIB // 2)

    assert (some.slots, some.threads) == (3, 4)
    assert notes == ["3 of 4 slots: 3.0 GiB of memory are free"]
    assert shared(made).slots == 1


def test_memory_is_known_here():
    """At least as much as these tests have, and less than there is."""
    free = local.free_memory()

    assert sys.platform != "linux" or (free is not None and 2**20 < free < 2**50)


@pytest.mark.parametrize(
    ("words", "visible", "masks"),
    [
        ((), "", ["0", "1", "2", "3"]),
        (("launcher.slots_per_device=2", "launcher.devices=[1,3]"), "", ["1", "1", "3", "3"]),
        ((), "GPU-a, GPU-b,6,7", ["GPU-a", "GPU-b", "6", "7"]),
        (("launcher.devices=[2]",), "4,5,6,7", ["6"]),
    ],
)
def test_gpus_are_shared_out(made, big, monkeypatch, words, visible, masks):
    """A process sees one, as whoever started the sweep sees it; the cores are shared out too."""
    monkeypatch.setattr(machine.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(machine.torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = shared(asking(made, device="auto"), *words)

    assert list(found.masks) == masks
    assert found.threads == 4
    with pytest.raises(BadInput, match="there is no GPU 4"):
        shared(asking(made, device="cuda"), "launcher.devices=[4]")
    assert shared(asking(made, device="cuda:1")).masks == [None]


def test_a_process_is_started_in_its_slot(made, tmp_path, monkeypatch):
    """It is told of its plan, its threads and its GPU; its output goes into the log."""
    script = tmp_path / "words"
    script.write_text("#!/bin/sh\necho $@ gpu $CUDA_VISIBLE_DEVICES of $VITPOS_SWEEP\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    slots, log = local.Slots(["0", "5"], 7), tmp_path / "log"
    job = slots.start(Task(tmp_path / "p.json", 2, log, 0, 4), 1)
    while (code := job.poll()) is None:
        time.sleep(0.01)
    job.send(signal.SIGTERM)  # too late, and no error
    said = log.read_text().splitlines()

    assert code == 3
    assert said[0].startswith("--- ")
    assert said[1].startswith(
        f"-m vitpos.member {tmp_path}/p.json 2 --threads=7 --until=4 gpu 5 of "
    )


def test_a_member_whose_sweep_is_gone_does_not_begin(monkeypatch):
    """It may have died before the member could ask to be told."""
    monkeypatch.setenv(member.PARENT, "1")
    monkeypatch.setattr("ctypes.CDLL", lambda *a, **k: type("C", (), {"prctl": print})())
    monkeypatch.setattr("os.getppid", lambda: 7)
    with pytest.raises(SystemExit) as end:
        member.follow_parent()

    assert end.value.code == 143


def test_a_member_is_known_by_its_number(made, tmp_path, capsys):
    """One that the plan has not is told in a line."""
    plan = asking(made, outputs=str(tmp_path))
    path = frozen.freeze(plan)
    with pytest.raises(BadInput, match="has no member 4: they are 0 to 3"):
        member.work(member.asked([str(path), "4"]))


def test_words_of_a_task_are_read_back(tmp_path):
    """As they were written."""
    words = Task(Path("p.json"), 3, tmp_path, 2, 5).words()

    assert member.asked(words[3:]) == member.Asked(Path("p.json"), 3, 2, 5, [])


def test_a_run_has_no_launcher(capsys, tmp_path):
    """It is a word of a sweep."""
    code, _, errors = call(capsys, "train", "launcher=local", f"outputs={tmp_path}")

    assert code == 2
    assert "unknown key launcher" in errors
