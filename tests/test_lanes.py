"""Several seeds trained at once: each is the run that it would be alone."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import STEPS, compose, few
from torch import Tensor

from vitpos import build, machine
from vitpos.errors import Diverged
from vitpos.lanes.rule import TOLERANCE
from vitpos.lanes.steps import Lanes
from vitpos.schema import Run
from vitpos.train import Epoch, Loop

# dim 18 is no multiple of a vector: such weights are kept apart
PLAIN = ("embedding=learned1d",)
EVERYTHING = (
    "embedding=swin_rpb+rope2d", "training.clip_grad=0.5", "training.ema=0.9",
    "training.label_smoothing=0.1", "training.augment.mixup=0.2", "backbone.dropout=0.1",
    "backbone.drop_path=0.2", "backbone.pool=cls", "backbone.registers=1",
    "backbone.layer_scale=0.1", "training.micro_batch=8", "patch.shuffle=true",
)  # fmt: skip
ODD = ("embedding=cape", "backbone.dim=18", "backbone.heads=1")
HALF = ("embedding=shaw", "precision=bf16", "training.augment.erase=0.5")
on_all = pytest.mark.parametrize(
    "words",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(EVERYTHING, id="everything"),
        pytest.param(ODD, id="odd", marks=pytest.mark.slow),
        pytest.param(HALF, id="half", marks=pytest.mark.slow),
    ],
)


def loops(run: Run, seeds: Iterable[int]) -> list[Loop]:
    """A loop before its first step for each seed, on few images."""
    chosen, data = machine.prepare(run), few(run.dataset)
    runs = [replace(run, seed=seed) for seed in seeds]
    return [Loop(one, build.network(one, 10), data, chosen) for one in runs]


def trained(run: Run, seeds: Iterable[int], steps: int = STEPS) -> list[Loop]:
    """The loops of lanes after some steps."""
    found = loops(run, seeds)
    go(found, steps)
    return found


def go(found: list[Loop], steps: int = STEPS) -> dict[int, list[Any]]:
    """Train them together up to this step; what happened in each, without the steps."""
    events: dict[int, list[Any]] = {loop.run.seed: [] for loop in found}
    for several in Lanes(found).run_to_end():
        for loop, event in zip(found, several, strict=True):
            if isinstance(event, Epoch | Diverged):
                events[loop.run.seed].append(event)
        if found[0].step == steps:
            break
    return events


def alone(run: Run, seed: int, steps: int = STEPS) -> Loop:
    """The loop of a run by itself after some steps."""
    [found] = loops(run, [seed])
    for _ in found.run_to_end():
        if found.step == steps:
            break
    return found


def bits(loop: Loop) -> dict[str, Tensor]:
    """All that it would save."""
    return {name: tensor.detach().clone() for name, tensor in loop.tensors().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> list[str]:
    """Names of what differs by a bit."""
    assert first.keys() == second.keys()
    return [name for name, tensor in first.items() if not torch.equal(tensor, second[name])]


@on_all
def test_neither_neighbours_nor_their_number_change_a_lane(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """Among four, beside another one and without any: the same bits, sums and moments too."""
    run = compose(tmp_path, *words)
    four = [bits(loop) for loop in trained(run, range(4))]
    two = trained(run, [9, 2])
    one = trained(run, [2])

    assert same(four[2], bits(two[1])) == []
    assert same(four[2], bits(one[0])) == []
    assert same(four[2], four[3]) != []


@on_all
def test_a_lane_is_the_run_alone_within_the_tolerance(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """Weights, averages, moments and sums; the accuracies of validation to the digit."""
    run = compose(tmp_path, *words)
    lanes = trained(run, [3, 4])
    by_itself = alone(run, 4)
    wanted = bits(by_itself)

    found = bits(lanes[1])
    assert found.keys() == wanted.keys()
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, wanted[name], atol=TOLERANCE, rtol=TOLERANCE)
    accuracy = by_itself.evaluate(by_itself.data.test).accuracy
    assert lanes[1].evaluate(lanes[1].data.test).accuracy == accuracy
    other = bits(lanes[0])["model/head.weight"] - wanted["model/head.weight"]
    assert other.abs().max() > 10 * TOLERANCE


def test_goes_on_from_the_checkpoints_of_runs_alone_and_they_from_its(tmp_path: Path) -> None:
    """Seven steps one way and five the other: what was saved is taken over whole, as alone."""
    run = compose(tmp_path, *EVERYTHING)
    whole = bits(alone(run, 1))
    lanes = trained(run, [0, 1], steps=7)
    [left] = loops(run, [1])
    left.load(7, bits(lanes[1]))
    for _ in left.run_to_end():
        pass
    before = bits(alone(run, 1, steps=7))
    joined = loops(run, [0, 1])
    joined[0].load(7, bits(lanes[0]))
    joined[1].load(7, before)
    go(joined)

    for found in (bits(left), bits(joined[1])):
        for name, tensor in found.items():
            torch.testing.assert_close(tensor, whole[name], atol=TOLERANCE, rtol=TOLERANCE)
    assert int(bits(joined[1])["optimiser/step/head.weight"]) == STEPS


def test_lanes_go_on_with_the_same_bits(tmp_path: Path) -> None:
    """Stopped within an epoch and gone on with from what was saved, beside others than before."""
    run = compose(tmp_path, *EVERYTHING)
    whole = bits(trained(run, [0, 1])[1])
    saved = bits(trained(run, [0, 1], steps=6)[1])
    [later] = loops(run, [1])
    later.load(6, saved)
    go([later])

    assert same(whole, bits(later)) == []


@pytest.mark.parametrize("words", [PLAIN, EVERYTHING], ids=["plain", "everything"])
def test_a_neighbour_that_diverges_changes_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    """It is said of that lane alone, at once; the others end with the bits that they would have."""
    run = compose(tmp_path, *words)
    whole = bits(trained(run, [0, 2])[1])
    found = loops(run, [0, 1, 2])
    with torch.no_grad():
        found[1].model.head.weight.fill_(torch.inf)
    first = next(Lanes(found).run_to_end())

    assert [isinstance(event, Diverged) for event in first] == [False, True, False]
    assert "step 1 of 12" in str(first[1])
    left = [found[0], found[2]]
    go(left)
    assert same(whole, bits(left[1])) == []
