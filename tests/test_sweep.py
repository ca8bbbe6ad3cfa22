"""`vitpos sweep study=NAME` brings every member of a study to its end, whatever happens to some."""

import json
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import processes
import pytest
import yaml
from run_folders import call, folder
from small_studies import BODY

from vitpos import config, records, runs, sweep
from vitpos.durable import Lines
from vitpos.plan import Member, Plan, planned
from vitpos.signals import Stop

STUDY = BODY | {"then": {"image_size": [35]}}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for runs, and configs with a study of two arms and two seeds."""
    configs = tmp_path / "configs"
    shutil.copytree(config.folder(), configs)
    (configs / "study" / "made.yaml").write_text(yaml.safe_dump(STUDY))
    monkeypatch.setenv("VITPOS_CONFIGS", str(configs))
    return tmp_path / "outputs"


class Trained:
    """Stands in for the processes: leaves the folders that they would, and remembers."""

    def __init__(self, plan: Plan, codes: dict[str, int] | None = None) -> None:
        self.codes, self.words, self.stop_after = codes or {}, list[list[str]](), 0
        self.members = {member.words: member for member in plan.members}

    def __call__(self, words: Sequence[str], stop: Stop) -> int:
        self.words.append(list(words))
        if len(self.words) == self.stop_after:
            signal.raise_signal(signal.SIGINT)
            return 130
        command, *rest = words
        if command == "train":
            return self.train(self.members[tuple(rest)])
        path = Path(rest[0])
        if command == "resume":
            (path / "summary.json").write_text('{"status": "finished"}')
            return 0
        row = {"dataset": "mnist5k", "split": "test", "image_size": int(rest[1][11:])}
        Lines(path / "evaluations.jsonl").append(row)
        return 0

    def train(self, member: Member) -> int:
        """A run that ended as it was told to."""
        code = self.codes.get(member.title, 0)
        status = {0: "finished", 6: "diverged"}.get(code, "failed")
        words = [w for w in member.words if w.partition("=")[0] not in ("study", "seed", "outputs")]
        run = member.run
        folder(Path(run.outputs), *words, seed=run.seed, study=run.study, status=status)
        return code

    @property
    def commands(self) -> list[str]:
        """The first word of each."""
        return [words[0] for words in self.words]


def wait(monkeypatch: Any, place: Path, **codes: int) -> Trained:
    """Have nothing really run."""
    titles = {title.replace("_", ", seed "): code for title, code in codes.items()}
    trained = Trained(planned(["study=made", f"outputs={place}"]), titles)
    monkeypatch.setattr(sweep, "wait", trained)
    return trained


def go(capsys: Any, place: Path, *more: str) -> tuple[int, str, str]:
    """Type it."""
    return call(capsys, "sweep", "study=made", f"outputs={place}", *more)


def test_trains_and_evaluates_every_member(place, monkeypatch, capsys):
    """In the order of the plan, each followed by its evaluations; again, nothing is left to do."""
    trained = wait(monkeypatch, place)
    code, said, _ = go(capsys, place)
    members = [words[-2:] for words in trained.words if words[0] == "train"]
    again, repeated, _ = go(capsys, place)

    assert (code, again) == (0, 0)
    assert members == [["name=a", "seed=0"], ["name=b", "seed=0"], ["name=a", "seed=1"],
                       ["name=b", "seed=1"]]  # fmt: skip
    assert trained.commands == ["train", "eval"] * 4
    assert said.splitlines()[-2:] == ["4 runs are there", f"vitpos compare {place}/made"]
    assert repeated.count(": finished in ") == 4


def test_goes_on_after_a_failure(place, monkeypatch, capsys):
    """The others run; the exit code is 7, and what failed is named."""
    trained = wait(monkeypatch, place, a_0=6, b_1=1)
    code, _, errors = go(capsys, place)

    assert code == 7
    assert trained.commands.count("train") == 4
    assert trained.commands.count("eval") == 2
    assert errors.startswith("error: 2 of 4 runs failed: a, seed 0; b, seed 1\n")
    assert f"vitpos sweep study=made outputs={place}" in errors


def test_what_diverged_is_left_and_what_failed_goes_on(place, monkeypatch, capsys):
    """The one would diverge again with the same bits; the other may have had no memory."""
    wait(monkeypatch, place, a_0=6, b_1=1)
    go(capsys, place)
    trained = wait(monkeypatch, place)
    code, _, errors = go(capsys, place)

    assert code == 7
    assert trained.commands == ["resume", "eval"]
    assert "1 of 4 runs failed: a, seed 0" in errors


def test_runs_elsewhere_count(place, monkeypatch, capsys):
    """A member that was run under another name and study is not run again, and is compared."""
    words = ("dataset=mnist5k", "training=smoke")
    before = folder(place, *words, "embedding=none", study="other")
    trained = wait(monkeypatch, place)
    code, said, _ = go(capsys, place)

    assert code == 0
    assert trained.commands.count("train") == 3
    assert trained.words[0] == ["eval", str(before), "image_size=35"]
    assert said.splitlines()[-1] == f"vitpos compare {place}/made {before}"


def test_what_was_interrupted_goes_on(place, monkeypatch, capsys):
    """By `vitpos resume`, also if the process did not come as far as its record."""
    first, second, *_ = planned(["study=made", f"outputs={place}"]).members
    words = ("dataset=mnist5k", "training=smoke")
    arms = (["embedding=none", "name=a"], ["embedding=learned1d", "name=b"])
    made = [folder(place, *words, *arm, status="interrupted", study="made") for arm in arms]
    (made[1] / "record.json").unlink()
    trained = wait(monkeypatch, place)
    go(capsys, place)

    assert made == [runs.place(first.run), runs.place(second.run)]
    assert [words for words in trained.words if words[0] == "resume"] == [
        ["resume", str(path)] for path in made
    ]


def test_what_another_process_does_is_left_to_it(place, monkeypatch, capsys):
    """A locked run is neither run nor called a failure."""
    [first, *_] = planned(["study=made", f"outputs={place}"]).members
    made = runs.RunFolder.create(first.run, first.words)
    made.update(identity=first.identity, status="running")
    trained = wait(monkeypatch, place)
    with made.locked():
        code, said, _ = go(capsys, place)

    assert code == 0
    assert trained.commands.count("train") == 3
    assert "1 of 4 runs belong to other processes" in said


def test_a_signal_ends_it_after_the_member(place, monkeypatch, capsys):
    """Nothing else is started, and the hint says how to go on."""
    trained = wait(monkeypatch, place)
    trained.stop_after = 3
    code, _, errors = go(capsys, place)

    assert code == 130
    assert trained.commands == ["train", "eval", "train"]
    assert "stopped at run 2 of 4" in errors
    assert f"hint: vitpos sweep study=made outputs={place}" in errors


def test_missing_data_is_told_before_anything_runs(place, monkeypatch, capsys):
    """Once, and not for every member."""
    trained = wait(monkeypatch, place)
    code, _, errors = go(capsys, place, "dataset=mnist", f"dataset.root={place}")

    assert code == 3
    assert errors.count("error:") == 1
    assert not trained.words


@pytest.mark.slow
def test_runs_for_real(place):
    """Two runs and their evaluations in processes of their own; Ctrl-C, and on to the end."""
    words = (
        "sweep", "study=made", f"outputs={place}", "seeds=1", "threads=1", "device=cpu",
        "training.limit=64", "training.batch_size=16", "training.epochs=15",
        "backbone.depth=1", "backbone.dim=16", "backbone.heads=2", "tensorboard=false",
    )  # fmt: skip
    process = processes.spawn(*words)
    curves = processes.wait_for("made/a-*/metrics.jsonl", place, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    [begun] = records.find([place])

    assert process.returncode == 130
    assert begun == curves.parent
    assert records.read(begun).status == "interrupted"
    assert not records.in_use(begun)

    done = processes.run(*words)
    found = {records.read(path).arm: path for path in records.find([place])}

    assert done.returncode == 0, done.stderr
    assert set(found) == {"a", "b"}
    for path in found.values():
        assert json.loads((path / "summary.json").read_text())["status"] == "finished"
        assert [row["image_size"] for row in Lines(path / "evaluations.jsonl").read()] == [35]
