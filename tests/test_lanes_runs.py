"""Folders of runs that were lanes: ordinary ones, whatever happens on the way."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import Watch, compose, results, resume, train

from vitpos import experiment
from vitpos.comparing.circumstances import doubts
from vitpos.errors import Diverged, Interrupted, NoResources
from vitpos.lanes import group
from vitpos.lanes.lane import Asked, Lane
from vitpos.lanes.rule import TOLERANCE
from vitpos.records import read
from vitpos.runs import RunFolder

WORDS = ("backbone.dropout=0.1", "training.ema=0.9", "embedding=learned1d")
End = Path | Diverged


def asked(outputs: Path, seeds: dict[int, Path | None], show: Watch | None = None) -> list[Asked]:
    """Runs of twelve steps to begin, or to go on with where they lie."""
    run, show = compose(outputs, *WORDS), show or Watch()
    return [
        Asked(replace(run, seed=seed), WORDS, show if n == 0 else Watch(), before)
        for n, (seed, before) in enumerate(seeds.items())
    ]


def lanes(outputs: Path, *seeds: int, show: Watch | None = None) -> list[Path]:
    """Train them together, perhaps until interrupted; where they lie."""
    try:
        group.train(asked(outputs, dict.fromkeys(seeds), show))
    except Interrupted:
        assert show is not None
    found = {RunFolder(path.parent).run().seed: path.parent
             for path in outputs.glob("*/*/config.yaml")}  # fmt: skip
    return [found[seed] for seed in seeds]


def go_on(paths: list[Path], show: Watch | None = None) -> list[End]:
    """Together again, as far as it goes."""
    runs = {RunFolder(path).run().seed: path for path in paths}
    return group.train(asked(paths[0].parents[1], dict(runs), show))


def record(path: Path) -> dict[str, Any]:
    """What it says of itself."""
    return dict(json.loads((path / "record.json").read_text()))


def close(found: Path, wanted: Path) -> None:
    """The tolerance holds, and the test images were taken for the same."""
    first, second = results(found), results(wanted)
    assert first["step"] == second["step"]
    assert first["summary"]["identity"] == second["summary"]["identity"]
    for name, number in second["summary"]["metrics"].items():
        exact = 0.0 if "accuracy" in name else TOLERANCE
        assert first["summary"]["metrics"][name] == pytest.approx(number, abs=exact, rel=0)
    assert first["predictions"] == second["predictions"]


def test_each_lane_has_the_folder_of_a_run(tmp_path: Path) -> None:
    """Metrics, predictions, summary and checkpoint as alone; the record says who it was with."""
    [first, second] = lanes(tmp_path / "lanes", 0, 1)
    alone = train(tmp_path / "alone", *WORDS, "seed=1")
    facts = record(second)

    close(second, alone)
    assert {path.name for path in second.iterdir()} == {path.name for path in alone.iterdir()}
    assert second.name == alone.name
    assert facts["lanes"] == {"lane": 1, "of": 2, "tolerance": TOLERANCE}
    assert facts["machine"]["lanes"] is True
    assert facts["attempts"][0]["lanes"] == 2
    assert facts["status"] == "finished"
    assert "lanes" not in record(alone)["machine"]
    assert results(first)["predictions"] != results(second)["predictions"]
    group_of_both = {"a": [read(second), read(alone)]}
    assert any("beside others" in doubt for doubt in doubts(group_of_both))
    assert not any("beside others" in doubt for doubt in doubts({"a": [read(alone)]}))


@pytest.mark.parametrize("stop", [{"after": 6}, {"at_epoch": 2}], ids=["step", "epoch"])
def test_lanes_that_were_stopped_go_on_with_the_same_bits(
    stop: dict[str, int], tmp_path: Path
) -> None:
    """All are saved by one signal; together again, in any order, they end as without the break."""
    whole = lanes(tmp_path / "whole", 0, 1, 2)
    parts = lanes(tmp_path / "parts", 0, 1, 2, show=Watch(**stop))
    states = [record(path)["status"] for path in parts]
    go_on(parts[::-1])

    assert states == ["interrupted"] * 3
    for path, wanted in zip(parts, whole, strict=True):
        assert results(path) == results(wanted)
        assert "resumed_exactly" not in record(path)


def test_a_run_alone_goes_on_where_a_lane_was_left_and_says_so(tmp_path: Path) -> None:
    """Its numbers are close to those of either, and whether bits are the same is not promised."""
    [_, lane] = lanes(tmp_path / "lanes", 0, 1, show=Watch(after=6))
    watch = resume(lane)
    alone = train(tmp_path / "alone", *WORDS, "seed=1", show=Watch(after=6))
    go_on([alone])
    whole = train(tmp_path / "whole", *WORDS, "seed=1")

    close(lane, whole)
    close(alone, whole)
    assert any("other lanes" in note for note in watch.notes)
    assert [record(path)["resumed_exactly"] for path in (lane, alone)] == [False, False]


def test_lanes_that_are_not_equally_far_go_on_in_turn(tmp_path: Path) -> None:
    """One before its first step, one after six and one that is finished: all are at their ends."""
    [done] = lanes(tmp_path, 2)
    [left] = lanes(tmp_path, 1, show=Watch(after=6))
    ends = group.train(asked(tmp_path, {0: None, 1: left, 2: done}))
    [path, *_] = ends

    assert ends[1:] == [left, done]
    assert isinstance(path, Path)
    assert [record(p)["attempts"][-1]["from_step"] for p in (path, left)] == [0, 6]
    assert results(left) == results(lanes(tmp_path / "whole", 1)[0])


def test_one_that_diverges_leaves_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder says so, at once; the others end with the bits that they would have."""
    whole = lanes(tmp_path / "whole", 0, 2)
    begin = Lane.begin

    def spoil(lane: Lane, number: int, of: int) -> None:
        if lane.loop.run.seed == 1:
            with torch.no_grad():
                lane.loop.model.head.weight.fill_(torch.nan)
        begin(lane, number, of)

    monkeypatch.setattr(Lane, "begin", spoil)
    ends = group.train(asked(tmp_path / "lanes", dict.fromkeys(range(3))))
    [lost] = [end for end in ends if isinstance(end, Diverged)]
    places = [path for path in ends if isinstance(path, Path)]

    assert "step 1 of 12" in str(lost)
    folder = next(p.parent for p in tmp_path.glob("lanes/*/*-s1-*/summary.json"))
    assert json.loads((folder / "summary.json").read_text())["status"] == "diverged"
    assert record(folder)["attempts"][-1]["status"] == "diverged"
    for path, wanted in zip(places, whole, strict=True):
        assert results(path) == results(wanted)


def test_what_ends_the_process_ends_all_that_are_not_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk of one lane: all can go on later, and nothing else is said of them."""

    def full(*_: Any) -> None:
        raise NoResources("cannot write: no space left")

    monkeypatch.setattr(experiment, "finish", full)
    with pytest.raises(NoResources):
        group.train(asked(tmp_path, {0: None, 1: None}))
    paths = [path.parent for path in tmp_path.glob("*/*/config.yaml")]

    assert [record(path)["status"] for path in paths] == ["interrupted"] * 2
