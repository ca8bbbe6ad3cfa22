"""Probing runs: what is found is kept, what is there is not measured again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import run_folders
import small_runs
from run_folders import call
from small_runs import _quick

from vitpos import records
from vitpos.errors import BadInput, BadRun
from vitpos.probes import PROBES, asked, definitions, load, loading, results, running
from vitpos.probes.asked import Asked

__all__ = ["_quick"]

QUICK = ("shuffle", "knockout")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, trained once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vitpos.experiment.load", small_runs.few)
        patch.setattr("vitpos.machine.commit", lambda: None)
        return small_runs.train(tmp_path_factory.mktemp("runs"), "embedding=learned1d")


@pytest.fixture
def path(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, and few images."""
    monkeypatch.setattr(loading, "load", small_runs.few)
    monkeypatch.setattr(loading, "LOADED", {})
    return Path(shutil.copytree(trained, tmp_path / "study" / trained.name))


def go(path: Path, *words: str, force: bool = False, report: Callable = small_runs.silent) -> list:
    """Probe as the command line does."""
    _, wanted = asked.asked(["what=shuffle,knockout", *words])
    return running.run([path], wanted, report, pytest.fail, force=force)


def test_keeps_numbers_and_arrays(path: Path) -> None:
    """Numbers by their whole names, how they were measured, and arrays beside."""
    [probed] = go(path, "images=16")
    found = json.loads((path / "probes.json").read_text())["found"]

    assert probed.measured == list(found) == list(QUICK)
    assert found["shuffle"]["images"] == 16
    assert found["shuffle"]["weights"] == running.newest(running.RunFolder(path))
    assert found["shuffle"]["numbers"]["probe/shuffle/defect"] < 1e-3
    assert list(results.arrays(path, "shuffle")["blocks"]) == [1, 2, 4]
    assert records.read(path).number("probe/knockout/drop") is not None


def test_does_not_measure_again_what_is_there(path: Path) -> None:
    """Unless it is asked for, or on other images."""
    go(path)
    before = (path / "probes.json").read_bytes()

    assert go(path)[0].measured == []
    assert (path / "probes.json").read_bytes() == before
    assert go(path, "images=8")[0].measured == list(QUICK)
    assert go(path, "images=8", force=True)[0].measured == list(QUICK)


def test_measures_the_same_bits_again(path: Path) -> None:
    """Numbers are those of the network, whenever they are measured."""
    first = go(path)[0].entries["shuffle"]["numbers"]
    again = go(path, force=True)[0].entries["shuffle"]["numbers"]

    assert first == again


def test_keeps_what_was_measured_before_an_interruption(path: Path) -> None:
    """What comes after is measured the next time."""

    def interrupt(done: int, total: int, what: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(path, report=interrupt)

    assert list(results.read(path)) == ["shuffle"]
    assert go(path)[0].measured == ["knockout"]


def test_keeps_settings_apart(path: Path) -> None:
    """A curve under another rule lies beside that of the declared rule, or why there is none."""
    _, wanted = asked.asked(["what=resolution", "rule=nearest,ntk", "images=4", "sizes=56"])
    [probed] = running.run([path], wanted, small_runs.silent, pytest.fail)
    names = list(probed.entries)

    assert names == ["resolution rule=nearest sizes=56", "resolution rule=ntk sizes=56"]
    assert "of coordinates" in probed.entries[names[1]]["why_not"]
    assert records.read(path).number("probe/resolution/nearest/resize56/accuracy") is not None


def test_transfers(path: Path) -> None:
    """Images changed on the fly, and what a linear map reads off features."""
    _, wanted = asked.asked(["what=transfer", "images=40"])
    [probed] = running.run([path], wanted, small_runs.silent, pytest.fail)
    numbers = probed.entries["transfer"]["numbers"]
    kinds = {name.split("/")[2] for name in numbers if name.count("/") == 3}

    assert kinds == {"shifted", "rotated", "cluttered"}
    assert all(-1 <= value <= 1 for value in numbers.values())


def test_transfers_to_other_data(path: Path) -> None:
    """By its name, if it has as many channels."""
    _, wanted = asked.asked(["what=transfer", "images=20", "data=mnist5k"])
    [probed] = running.run([path], wanted, small_runs.silent, pytest.fail)
    _, other = asked.asked(["what=transfer", "data=cifar10"])
    [refused] = running.run([path], other, small_runs.silent, pytest.fail)
    [entry] = probed.entries.values()

    assert set(entry["numbers"]) == {
        "probe/transfer/mnist5k/accuracy",
        "probe/transfer/mnist5k/linear_accuracy",
    }
    assert "3 channels" in refused.entries["transfer data=cifar10"]["why_not"]


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["what=shufle"], "no probe shufle", "did you mean shuffle"),
        (["wat=shuffle"], "wat does not belong", "what"),
        (["images=0"], "at least 1", ""),
        (["images=many"], "images=many", ""),
        (["rule=nkt"], "rule=nkt", "did you mean ntk"),
        (["what=shuffle", "rule=ntk"], "setting of resolution", "what=resolution"),
        (["fill=zero"], "fill=zero", "zeros"),
        (["sizes=48,big"], "sizes=big", ""),
    ],
)
def test_refuses_what_cannot_be_asked(words: list[str], said: str, hint: str) -> None:
    """At once, with what was probably meant."""
    with pytest.raises(BadInput, match=said) as error:
        asked.asked(words)

    assert hint in error.value.hint


def test_refuses_what_cannot_be_probed(path: Path, tmp_path: Path) -> None:
    """What is not there, not finished, or has no weights."""
    unfinished = run_folders.folder(tmp_path / "other", status="interrupted")
    bare = shutil.copytree(path, tmp_path / "bare")
    shutil.rmtree(bare / "checkpoints")

    with pytest.raises(BadRun, match="is not there"):
        go(tmp_path / "nowhere")
    with pytest.raises(BadRun, match="interrupted, not finished"):
        go(unfinished)
    with pytest.raises(BadRun, match="checkpoint"):
        go(bare)


def test_damaged_results_are_told_and_not_read(path: Path) -> None:
    """They count as none for a comparison, and as an error for who would add to them."""
    (path / "probes.json").write_text("{")

    assert records.read(path).number("probe/shuffle/drop") is None
    with pytest.raises(BadRun, match="is damaged"):
        go(path)


def test_types_a_table(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the numbers of one run, and of several how to compare them."""
    shutil.copytree(path, path.with_name("again"))
    code, one, _ = call(capsys, "probe", path, "what=shuffle", "images=8")
    both = call(capsys, "probe", path.parent, "what=shuffle", "images=8")[1]
    told = json.loads(call(capsys, "probe", path, "what=shuffle", "images=8", "--json")[1])

    assert code == 0
    assert "grid2" in one
    assert f"vitpos compare {path.parent} --metric probe/shuffle/drop" in both
    assert (
        told[0]["numbers"]["probe/shuffle/drop"]
        == told[0]["probes"]["shuffle"]["numbers"]["probe/shuffle/drop"]
    )


@pytest.mark.parametrize("name", PROBES)
def test_definitions_are_those_of_the_probes(name: str) -> None:
    """Read without importing, they say what the objects say."""
    said, known = definitions.definition(name), load(name)

    assert (said.name, said.source) == (known.name, known.source)
    assert said.options == getattr(known, "options", ())
    assert len(said.short) < 120
    assert len(said.whole) > len(said.short)


def test_asks_each_rule_on_its_own() -> None:
    """Several with commas are several entries; other probes are asked once, without."""
    wanted = Asked(settings={"rule": "pi,ntk", "fill": "zeros"})

    assert wanted.ways("resolution") == [{"rule": "pi"}, {"rule": "ntk"}]
    assert wanted.ways("shuffle") == [{}]
