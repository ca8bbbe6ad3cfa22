"""Ctrl-C, termination, hang-up, kill: what is left, and that going on has the same bits."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import processes
import pytest
from processes import spawn, wait_for
from small_runs import results

from vitpos.errors import Interrupted
from vitpos.signals import Stop

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_where_nothing_is_lost_ends_the_work_at_once(number: signal.Signals) -> None:
    """Before there is a folder; what was set before is set again afterwards."""
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=f"stopped by {number.name}") as caught, Stop():
        signal.raise_signal(number)

    assert caught.value.code == 128 + number
    assert signal.getsignal(number) == before


def test_the_first_signal_is_noted_and_the_second_leaves() -> None:
    """No library that catches every `Exception` keeps the second one."""
    noted = []

    def work() -> None:
        with Stop() as stop:
            stop.patient = True
            signal.raise_signal(signal.SIGTERM)
            noted.append(stop.signal)
            with suppress(Exception):  # as libraries do
                signal.raise_signal(signal.SIGINT)
            noted.append("still here")

    with pytest.raises(Interrupted, match="SIGINT"):
        work()
    assert noted == [signal.SIGTERM]


def test_a_process_that_outlives_its_terminal_still_does() -> None:
    """`nohup` lets a process ignore hang-ups, and so it stays."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            signal.raise_signal(signal.SIGHUP)

        assert stop.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_threads_get_no_signals() -> None:
    """A run in a thread leaves the handlers of the main one alone."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with Stop():
                pass
        except ValueError as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert not failed


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the run is without any signal."""
    outputs = tmp_path_factory.mktemp("whole")
    done = processes.run("train", *processes.TINY, f"outputs={outputs}", "--quiet")
    assert done.returncode == 0, done.stderr
    return results(Path(done.stdout.strip()))


def resumed(path: Path) -> dict[str, object]:
    """What the run is after `vitpos resume`."""
    done = processes.run("resume", str(path), "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(path)
    return results(path)


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_ends_in_order_and_goes_on(
    number: signal.Signals, tmp_path: Path, undisturbed: dict[str, object]
) -> None:
    """The code, the command to type, within seconds; then the same bits as without the signal."""
    process = spawn("train", *processes.TINY, f"outputs={tmp_path}")
    path = wait_for("runs/*/timings.jsonl", tmp_path, process).parent
    time.sleep(0.2 * SIGNALS.index(number))
    started = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 128 + number, err
    assert time.monotonic() - started < 30
    assert err.splitlines()[0].startswith("error: stopped after step ")
    assert err.splitlines()[1:] == [f"hint: vitpos resume {path}"]
    assert (path / "checkpoints" / "index.jsonl").exists()
    assert resumed(path) == undisturbed


@pytest.mark.slow
def test_a_signal_before_the_first_step_leaves_nothing(tmp_path: Path) -> None:
    """At any moment of the start: the code of the signal, no traceback, no folder."""
    for seconds in (0.5, 1.0, 1.5, 2.0):
        process = spawn("train", *processes.TINY, f"outputs={tmp_path}/o")
        time.sleep(seconds)
        made = any((tmp_path / "o").glob("runs/*"))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)

        assert process.returncode in (143, -signal.SIGTERM), err
        assert "Traceback" not in err
        if not made and not any((tmp_path / "o").glob("runs/*/checkpoints")):
            assert not (tmp_path / "o").exists()


def test_a_signal_in_a_destructor_is_not_lost() -> None:
    """Where no exception gets out, it is raised again a little later."""

    class Dying:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def work() -> None:
        Dying()
        time.sleep(5)

    with pytest.raises(Interrupted, match="SIGTERM"), Stop():
        work()


def test_an_error_that_a_signal_led_to_is_none() -> None:
    """An import that was cut short cannot always be done again."""

    def work() -> None:
        with suppress(BaseException):  # as some do around what they import
            signal.raise_signal(signal.SIGTERM)
        raise ImportError("cannot load module more than once per process")

    with pytest.raises(Interrupted, match="SIGTERM"), Stop():
        work()


@pytest.mark.slow
def test_a_second_signal_leaves_at_once(tmp_path: Path, undisturbed: dict[str, object]) -> None:
    """Also in the middle of a step that would take long; the checkpoint before is whole."""
    process = spawn(
        "train", *processes.TINY, f"outputs={tmp_path}", "training.checkpoint_seconds=0"
    )
    index = wait_for("runs/*/checkpoints/index.jsonl", tmp_path, process)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)

    assert time.monotonic() - started < 30
    assert process.returncode in (130, 143), err
    assert "Traceback" not in err
    assert f"vitpos resume {index.parents[1]}" in err
    assert resumed(index.parents[1]) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.15, 0.4])
def test_a_kill_costs_no_bit(
    seconds: float, tmp_path: Path, undisturbed: dict[str, object]
) -> None:
    """Killed at some moment after the folder was made, again after that, and then left alone."""
    process = spawn(
        "train", *processes.TINY, f"outputs={tmp_path}", "training.checkpoint_seconds=0"
    )
    path = wait_for("runs/*/config.yaml", tmp_path, process).parent
    time.sleep(seconds)
    process.kill()
    process.communicate()
    lines = path / "metrics.jsonl"
    before = lines.stat().st_size if lines.exists() else 0
    process = spawn("resume", str(path))
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        if lines.exists() and lines.stat().st_size > before:
            break
        time.sleep(0.01)
    process.kill()
    process.communicate()

    assert resumed(path) == undisturbed


@pytest.mark.slow
def test_a_stopped_process_goes_on(tmp_path: Path, undisturbed: dict[str, object]) -> None:
    """A laptop that sleeps: SIGSTOP and SIGCONT change nothing."""
    process = spawn("train", *processes.TINY, f"outputs={tmp_path}", "--quiet")
    wait_for("runs/*/timings.jsonl", tmp_path, process)
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert results(Path(out.strip())) == undisturbed
