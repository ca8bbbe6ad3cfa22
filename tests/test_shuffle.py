"""Controls: patches in random places, and the same arm drawn once more."""

from dataclasses import asdict, replace
from typing import Any

import pytest
import torch
from small_runs import TINY

from vitpos import config, experiment, identities
from vitpos.data.shuffle import fixed, shuffled
from vitpos.errors import Problem
from vitpos.schema import Run
from vitpos.terminal.screen import Quiet
from vitpos.train import Epoch, Loop
from vitpos.typed import typed


def prepared(*words: str) -> Loop:
    """A tiny run before its first step."""
    return experiment.prepare(config.compose([*TINY, *words]), Quiet())


def epochs(*words: str) -> list[dict[str, Any]]:
    """The lines of metrics of a tiny run."""
    return [item.row for item in prepared(*words).run_to_end() if isinstance(item, Epoch)]


def patch(image: torch.Tensor, cell: int) -> torch.Tensor:
    """The patch of 4 x 4 pixels in a cell of 2 x 3."""
    row, col = divmod(cell, 3)
    return image[:, row * 4 : row * 4 + 4, col * 4 : col * 4 + 4]


def test_moves_whole_patches_to_other_places() -> None:
    """No pixel is lost, and a patch stays what it is."""
    images = torch.arange(2 * 3 * 8 * 12).float().view(2, 3, 8, 12)
    places = fixed(2, 6)
    moved = shuffled(images, 4, places)

    for image, other, order in zip(images, moved, places, strict=True):
        for cell, source in enumerate(order.tolist()):
            assert torch.equal(patch(other, cell), patch(image, source))
    assert not torch.equal(images, moved)


def test_a_network_without_position_learns_the_same() -> None:
    """To rounding: the same set of patches, step after step."""
    straight = epochs("embedding=none")
    mixed = epochs("embedding=none", "patch.shuffle=true")

    for row, other in zip(straight, mixed, strict=True):
        assert row["train/loss"] == pytest.approx(other["train/loss"], rel=1e-4)
        assert row["val/loss"] == pytest.approx(other["val/loss"], rel=1e-4)


def test_a_network_with_position_does_not() -> None:
    """Training and evaluation are both shuffled."""
    words = ("embedding=learned1d", "embedding.learned1d.std=1.0")
    loop, other = prepared(*words), prepared(*words, "patch.shuffle=true")
    before = [x.evaluate(x.data.validation).loss for x in (loop, other)]
    rows = [epochs(*words), epochs(*words, "patch.shuffle=true")]

    assert abs(before[0] - before[1]) > 1e-4
    assert abs(rows[0][0]["train/loss"] - rows[1][0]["train/loss"]) > 1e-4


def test_places_are_drawn_for_each_seed_epoch_and_image() -> None:
    """And evaluations have places of their own, always the same."""
    augment = prepared("patch.shuffle=true").augment
    tables = [augment.tables(epoch)["shuffle"] for epoch in (0, 0, 1)]

    assert torch.equal(tables[0], tables[1])
    assert not torch.equal(tables[0], tables[2])
    assert not torch.equal(tables[0][0], tables[0][1])
    assert torch.equal(tables[0].sort().values, torch.arange(16).expand(64, 16).short())
    assert torch.equal(fixed(5, 16), fixed(5, 16))


def test_a_replica_is_another_run_of_the_same_arm() -> None:
    """Other weights, other batches: nothing in common but the configuration."""
    first, again = prepared(), prepared("replica=1")
    weights = zip(first.model.parameters(), again.model.parameters(), strict=True)
    drawn = [(a, b) for a, b in weights if a.numel() > 1 and a.std() > 0]

    assert drawn
    assert not any(torch.equal(a, b) for a, b in drawn)
    assert identities.identity(first.run) != identities.identity(again.run)
    assert identities.arm_identity(first.run) != identities.arm_identity(again.run)
    assert first.run.stream == first.run.seed
    assert again.run.stream != replace(again.run, replica=2).stream


def test_a_config_from_before_a_key_is_the_same_run() -> None:
    """What is not there has the value that changes nothing, and is no part of the identity."""
    run, problems = config.compose(TINY), list[Problem]()
    older = asdict(run)
    del older["replica"], older["patch"]["shuffle"]

    assert typed(Run, older, "", problems.append) == run
    assert not problems
    assert identities.fingerprint(older) == identities.identity(run)
    assert identities.identity(replace(run, replica=1)) != identities.identity(run)
