"""The folder of a run: whole or not there, one process at a time, and honest about its end."""

import errno
import fcntl
import json
import math
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import TINY as LONGER
from processes import run, spawn, wait_for
from small_runs import STEPS, Watch, _quick, compose, few, results, resume, train

from vitpos import checkpoints, experiment, identities, machine, seals
from vitpos.durable import Lines, write
from vitpos.errors import BadData, BadRun, Diverged, Interrupted, Locked, NoResources
from vitpos.runs import RunFolder
from vitpos.sweeps import failures

__all__ = ["_quick"]


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its content and when it was written."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_leaves_what_a_reader_needs(tmp_path: Path) -> None:
    """All files of the folder, and in the record where the numbers come from."""
    path = train(tmp_path, "seed=3", "notes=hello")
    folder = RunFolder(path)
    record, summary = folder.record(), folder.summary()
    assert summary is not None

    assert path.parent == tmp_path / "runs"
    assert path.name == f"mnist5k-rope2d-s3-{record['identity'][:8]}"
    assert {p.name for p in path.iterdir()} == {
        *("checkpoints", "config.yaml", "lock", "metrics.jsonl", "overrides.txt", "positions"),
        *("predictions.npz", "record.json", "summary.json", "timings.jsonl"),
    }
    assert folder.run() == compose(tmp_path, "seed=3", "notes=hello")
    assert (path / "overrides.txt").read_text() == "seed=3\nnotes=hello\n"
    assert [row["epoch"] for row in folder.metrics.read()] == [1, 2, 3]
    assert record["status"] == summary["status"] == "finished"
    assert record["identity"] == summary["identity"] == identities.identity(folder.run())
    assert (record["arm"], record["seed"], record["data"]["test"]) == ("mnist5k-rope2d", 3, 40)
    assert len(record["data"]["digest"]) == 64
    assert record["machine"]["versions"]["torch"]
    assert record["machine"]["threads"] == 1
    (attempt,) = record["attempts"]
    assert (attempt["from_step"], attempt["to_step"], attempt["status"]) == (0, STEPS, "finished")
    assert summary["steps"] == STEPS
    assert summary["perf"]["train_seconds"] > 0


def test_predictions_agree_with_the_accuracy(tmp_path: Path) -> None:
    """The share of right bits is the test accuracy, exactly."""
    path = train(tmp_path)
    summary = RunFolder(path).summary()
    assert summary is not None
    with np.load(path / "predictions.npz") as file:
        right = file["predicted"] == file["labels"]

        assert (np.unpackbits(file["correct"])[: len(right)] == right).all()
    assert summary["metrics"]["test/accuracy"] == right.mean()


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    """Resuming it says so and writes nothing."""
    path = train(tmp_path)
    before = snapshot(path)
    watch = resume(path)

    assert snapshot(path) == before
    assert watch.steps == []
    assert "is already finished: test accuracy" in watch.notes[0]


def test_a_run_killed_before_its_record_was_closed(tmp_path: Path) -> None:
    """The result is there and the record does not know yet: it is closed, with the same result."""
    path = train(tmp_path)
    folder, before = RunFolder(path), results(path)
    folder.update(status="running")
    resume(path)

    assert folder.record()["status"] == "finished"
    assert results(path) == before


def test_a_run_killed_before_its_record_was_made(tmp_path: Path) -> None:
    """A folder with nothing but a config is begun."""
    whole = train(tmp_path / "a")
    folder = RunFolder.create(compose(tmp_path / "b"), [])
    assert resume(folder.path).steps == list(range(1, STEPS + 1))

    assert results(folder.path) == results(whole)
    assert folder.record()["identity"] == RunFolder(whole).record()["identity"]


def test_every_attempt_is_told(tmp_path: Path) -> None:
    """From where, how far, and how it ended."""
    path = train(tmp_path, show=Watch(after=5))
    record = RunFolder(path).record()
    assert record["status"] == "interrupted"
    resume(path)
    attempts = RunFolder(path).record()["attempts"]

    told = [(a["from_step"], a["to_step"], a["status"]) for a in attempts]
    assert told == [(0, 5, "interrupted"), (5, STEPS, "finished")]


def test_a_folder_may_be_moved(tmp_path: Path) -> None:
    """Nothing in it says where it lies."""
    expected = results(train(tmp_path / "whole"))
    path = train(tmp_path / "before", show=Watch(after=5))
    moved = tmp_path / "some where else"
    shutil.move(path, moved)
    watch = Watch(after=8)
    with pytest.raises(Interrupted) as caught:
        experiment.resume(moved, watch)

    assert caught.value.problems[0].hint == f"vitpos resume '{moved}'"
    resume(moved)
    assert results(moved) == expected


def test_another_machine_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run goes on, and its record keeps that its bits may differ."""
    path = train(tmp_path, show=Watch(after=5))
    here = machine.describe
    monkeypatch.setattr(machine, "describe", lambda m: here(m) | {"cpu": "abacus", "cores": 99})
    watch = resume(path)

    assert watch.notes == ["not the same bits as without the break: other cpu"]
    assert RunFolder(path).record()["resumed_exactly"] is False


def test_other_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is of one set of images."""
    path = train(tmp_path, show=Watch(after=5))
    record = RunFolder(path).record()
    RunFolder(path).update(data=record["data"] | {"digest": "0" * 64})

    with pytest.raises(BadData, match="not the data this run began with"):
        resume(path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """The second is told who is there; the lock goes when its holder does."""
    path = train(tmp_path, show=Watch(after=5))
    with (
        RunFolder(path).locked(),
        pytest.raises(Locked, match=r"in use by process \d+ on ") as caught,
    ):
        resume(path)

    assert caught.value.code == 8
    assert resume(path).steps[-1] == STEPS


def test_who_only_looks_is_waited_for(tmp_path: Path) -> None:
    """It has the lock for an instant; a run that starts then is not turned away."""
    folder = RunFolder.create(compose(tmp_path), [])
    with (folder.path / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        timer = threading.Timer(0.05, fcntl.flock, (file, fcntl.LOCK_UN))
        timer.start()
        with folder.locked():
            timer.join()


def test_work_is_not_blamed_on_the_lock(tmp_path: Path) -> None:
    """An error of the system inside the lock stays what it is."""
    folder = RunFolder.create(compose(tmp_path), [])

    with pytest.raises(ConnectionError), folder.locked():
        raise ConnectionError(errno.ECONNREFUSED, "refused")


def test_simultaneous_starts_get_folders_of_their_own(tmp_path: Path) -> None:
    """Twenty at once: twenty folders, each with its config."""
    run_, barrier = compose(tmp_path), threading.Barrier(20)

    def create(_: int) -> Path:
        barrier.wait()
        return RunFolder.create(run_, []).path

    with ThreadPoolExecutor(20) as pool:
        paths = set(pool.map(create, range(20)))

    assert len(paths) == 20
    assert all(RunFolder(path).run() == run_ for path in paths)
    assert len({path.name.split("-s0-")[1][:8] for path in paths}) == 1


def test_a_folder_without_a_config_is_nobodys(tmp_path: Path) -> None:
    """A process that is killed so early leaves a name that the next one of the run takes."""
    first = RunFolder.create(compose(tmp_path), ["seed=0"]).path
    (first / "config.yaml").rename(first / ".config.yaml.1.tmp")
    second = RunFolder.create(compose(tmp_path), []).path

    assert second == first
    assert {path.name for path in first.iterdir()} == {"config.yaml", "overrides.txt", "lock"}
    assert (first / "overrides.txt").read_text() == ""


def test_a_folder_with_anything_else_is_somebodys(tmp_path: Path) -> None:
    """Neither what people put there nor a folder in use is taken."""
    first = RunFolder.create(compose(tmp_path), []).path
    (first / "config.yaml").rename(first / "notes.txt")
    second = RunFolder.create(compose(tmp_path), []).path
    (second / "config.yaml").unlink()
    with RunFolder(second).locked():
        third = RunFolder.create(compose(tmp_path), []).path

    assert [path.name for path in (second, third)] == [f"{first.name}-{n}" for n in (2, 3)]
    assert not (first / "config.yaml").exists()


def test_a_sweep_closes_the_record_of_a_killed_member(tmp_path: Path) -> None:
    """One that has its summary; another process that has the run closes it by itself."""
    folder = RunFolder(train(tmp_path))
    started = {"started": "then", "from_step": 0}
    folder.update(status="running", attempts=[started])
    with folder.locked():
        failures.settle(folder.path)
        assert folder.record()["status"] == "running"
    failures.settle(folder.path)
    closed = folder.record()
    failures.settle(folder.path)

    assert closed["status"] == "finished"
    assert [(a["from_step"], a["status"]) for a in closed["attempts"]] == [(0, "finished")]
    assert folder.record() == closed


def test_leftovers_of_a_kill_are_swept(tmp_path: Path) -> None:
    """Half-written files of the run and of its checkpoints."""
    path = train(tmp_path, show=Watch(after=5))
    left = [path / ".summary.json.1.tmp", path / "checkpoints" / ".step-00000008.safetensors.1.tmp"]
    for file in left:
        file.write_bytes(b"half")
    resume(path)

    assert not any(file.exists() for file in left)


def test_a_damaged_line_of_metrics_is_told(tmp_path: Path) -> None:
    """With file and line; only a cut last line is nothing to speak of."""
    path = train(tmp_path, show=Watch(after=10))
    lines = path / "metrics.jsonl"
    lines.write_bytes(lines.read_bytes().replace(b'"epoch": 1', b'"epoch": 7'))
    with pytest.raises(BadRun, match=r"metrics\.jsonl is damaged at line 1") as caught:
        resume(path)

    assert caught.value.code == 4


def test_a_cut_line_makes_no_damage_in_the_middle(tmp_path: Path) -> None:
    """The next line is not added to half of one."""
    lines = Lines(tmp_path / "lines")
    for number in range(2):
        lines.append({"a": number})
    content = lines.path.read_bytes()
    for cut in range(len(content) // 2 + 1, len(content)):
        lines.path.write_bytes(content[:cut])
        lines.append({"a": 2})

        kept = [1] * (cut == len(content) - 1)  # only its end was missing
        assert [row["a"] for row in lines.read()] == [0, *kept, 2]
    lines.path.write_bytes(b"half a line and no other")
    lines.append({"a": 3})
    assert lines.read() == [{"a": 3}]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3), st.booleans())
def test_no_damage_to_lines_goes_unnoticed(
    tmp_path: Path, place: int, other: bytes, insert: bool
) -> None:
    """What is read after any change is the beginning of what was written, or an error."""
    rows = [{"epoch": n, "loss": 1 / (n + 1), "word": "ü"} for n in range(5)]
    content = b"".join(map(seals.line, rows))
    place %= len(content)
    lines = Lines(tmp_path / "lines")
    write(lines.path, content[:place] + other + content[place + (0 if insert else len(other)) :])
    with suppress(BadRun):
        found = lines.read()

        assert found == rows[: len(found)]
        assert len(found) >= 4


def test_lines_may_be_anything(tmp_path: Path) -> None:
    """Deep brackets, other values than objects, and bytes that are no text."""
    lines = Lines(tmp_path / "lines")
    for odd in (b"[" * 100_000, b"1", b'"a"', b"null", b"\xff\xfe", b"9" * 5000):
        lines.path.write_bytes(odd + b"\n" + seals.line({}))
        with pytest.raises(BadRun, match="at line 1"):
            lines.read()


@pytest.mark.parametrize(
    "options", [("training.lr=1e30", "training.clip_grad=0"), ("training.lr=1e38",)]
)
def test_a_diverged_run_has_no_accuracy(options: tuple[str, ...], tmp_path: Path) -> None:
    """Code 6, where and at what rate; no state that is not a number, and a summary that says so."""
    show = Watch()
    with pytest.raises(Diverged, match="not finite") as caught:
        experiment.start(compose(tmp_path, "training.warmup_epochs=0", *options), [], show)
    folder = RunFolder(show.folder)
    summary = folder.summary()
    assert summary is not None

    assert caught.value.code == 6
    assert str(show.folder) in caught.value.problems[0].message
    assert caught.value.problems[0].hint.startswith("training.lr=")
    assert (summary["status"], summary["metrics"]) == ("diverged", {})
    assert (summary["seed"], summary["arm"]) == (0, "mnist5k-rope2d")
    assert folder.record()["status"] == "diverged"
    assert not (show.folder / "predictions.npz").exists()
    assert all(math.isfinite(v) for row in folder.metrics.read() for v in row.values())
    saved = checkpoints.load(folder.checkpoints, pytest.fail)
    assert saved is None or all(t.isfinite().all() for t in saved[1].values())


@pytest.mark.parametrize("at", [1, 4, 5, STEPS])
def test_weights_that_are_no_numbers_are_not_saved(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever a weight turns NaN, also in the last step of an epoch or of the run."""
    from vitpos.train import Loop

    whole = Loop.learn

    def spoil(self: Loop) -> None:
        whole(self)
        if self.step == at - 1:
            with torch.no_grad():
                self.model.head.weight[0, 0] = torch.nan

    monkeypatch.setattr(Loop, "learn", spoil)
    show = Watch(after=at)  # a signal would save the state of just this step
    with pytest.raises(Diverged):
        experiment.start(compose(tmp_path), [], show)
    saved = checkpoints.load(RunFolder(show.folder).checkpoints, pytest.fail)

    assert saved is None or saved[0] < at
    assert RunFolder(show.folder).record()["status"] == "diverged"


@pytest.mark.parametrize("name", ["step-00000008.safetensors", "metrics.jsonl", "summary.json"])
def test_a_full_disk_costs_no_result(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code 5, one line with the path; what was saved before is gone on from, to the same bits."""
    expected = results(train(tmp_path / "whole"))
    with monkeypatch.context() as patch:
        fill(patch, name, after=1 if name == "metrics.jsonl" else 0)
        show = Watch()
        with pytest.raises(NoResources, match=rf"cannot write .*{name}: no space left") as caught:
            experiment.start(compose(tmp_path / "full"), [], show)

    assert caught.value.code == 5
    assert RunFolder(show.folder).record()["status"] == "interrupted"
    resume(show.folder)
    assert results(show.folder) == expected


def test_a_disk_that_stays_full_is_told_by_its_first_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the record cannot be written either does not hide the checkpoint that could not be."""
    with monkeypatch.context() as patch:
        fill(patch, "step-00000004.safetensors", for_good=True)
        show = Watch()
        with pytest.raises(NoResources, match="step-00000004"):
            experiment.start(compose(tmp_path), [], show)

    assert resume(show.folder).steps == list(range(1, STEPS + 1))


def test_a_view_that_cannot_be_written_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorBoard's file is a view: without room for it the run goes on, and says so."""
    expected = results(train(tmp_path / "whole"))
    with monkeypatch.context() as patch:
        fill(patch, "tfevents")
        show = Watch()
        path = train(tmp_path / "full", "tensorboard=true", show=show)

    assert len(show.notes) == 1
    assert "no more TensorBoard events" in show.notes[0]
    assert results(path)["tensors"] == expected["tensors"]


def fill(patch: pytest.MonkeyPatch, name: str, *, after: int = 0, for_good: bool = False) -> None:
    """No room for the file of this name, from its n-th opening for writing on."""
    whole, seen, full = Path.open, [0], [False]

    def open_(self: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        if name in self.name and "r" not in mode:
            seen[0] += 1
            full[0] |= seen[0] > after
        if "r" not in mode and full[0] and (for_good or name in self.name):
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(self, mode, *args, **options)

    patch.setattr(Path, "open", open_)


def test_out_of_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code 5, the batch, and what to type; the run can go on."""
    from vitpos.train import Loop

    def burst(self: Loop) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore\nlines")

    show = Watch()
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "learn", burst)
        with pytest.raises(NoResources, match="out of memory at batch 16") as caught:
            experiment.start(compose(tmp_path), [], show)

    assert caught.value.problems[0].hint == "training.micro_batch=8"
    assert resume(show.folder).steps[-1] == STEPS


def test_a_clock_that_runs_backwards_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Order is by steps, never by times."""
    expected = results(train(tmp_path / "a"))
    times = iter(range(10**9, 0, -1000))
    monkeypatch.setattr("time.time", lambda: float(next(times)))
    path = train(tmp_path / "b", show=Watch(after=6))
    resume(path)

    assert results(path) == expected


def test_evaluates_few_images_in_these_tests(tmp_path: Path) -> None:
    """The data set is the one that ships, but for its validation and test images."""
    data = few(compose(tmp_path).dataset)

    assert [len(s.labels) for s in (data.train, data.validation, data.test)] == [3500, 40, 40]


@pytest.mark.slow
def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """Code 8 for who comes second, while the first goes on."""
    first = spawn("train", *LONGER, f"outputs={tmp_path}", "training.epochs=500")
    path = wait_for("runs/*/timings.jsonl", tmp_path, first).parent
    second = run("resume", str(path))
    first.terminate()
    first.communicate(timeout=60)

    assert second.returncode == 8, second.stderr
    assert second.stderr.startswith(f"error: {path} is in use by process {first.pid} on ")
    assert first.returncode == 143


@pytest.mark.slow
def test_output_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    """The reader of a pipe leaves after a line, as `head` does."""
    process = spawn("train", *LONGER, f"outputs={tmp_path}")
    with process:
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()

    assert process.returncode == 0, err
    assert err == ""
    (summary,) = tmp_path.glob("runs/*/summary.json")
    assert json.loads(summary.read_text())["status"] == "finished"
