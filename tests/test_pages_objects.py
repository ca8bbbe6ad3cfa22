"""What a strategy itself is, as pages show it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from networks import COMBINATIONS
from opened_runs import numbers, opened

from vitpos import snapshots
from vitpos.grid import Grid
from vitpos.pages.cards import maps, rotations, tables
from vitpos.pages.cards.objects import objects
from vitpos.pages.cards.parts import parts
from vitpos.pages.coded import Coded
from vitpos.pages.payload import arrays
from vitpos.probes import load
from vitpos.snapshots import Snapshot

SHAPES = {"map": "values", "rotation": "kernel", "response": "values"}


def test_every_strategy_has_something(name: str) -> None:
    """No card is empty, all has a title, and blocks and heads are all there."""
    one = opened(name)
    found = objects(one)

    assert found
    for each in found:
        assert each["title"].startswith(name)
        if each["kind"] in SHAPES:
            values = each[SHAPES[each["kind"]]]
            assert values.shape[0] == len(each["layers"])
            assert all(0 <= layer < one.run.backbone.depth for layer in each["layers"])
        if each["kind"] in ("map", "rotation"):
            assert values.shape[1] == one.run.backbone.heads
        if each["kind"] == "nothing":
            assert name in ("none", "logn")


@pytest.mark.parametrize("names", COMBINATIONS)
def test_all_that_speak_together_are_seen(names: str) -> None:
    """Each under its own name, with its own object."""
    found = objects(opened(names))

    assert [each["title"].partition(":")[0] for each in found] == names.split("+")


def test_the_start_is_drawn_again_exactly() -> None:
    """An untrained network has not moved; a trained one shows where it began."""
    (still,) = objects(opened("learned1d", loud=False))
    one = opened("learned1d")
    (moved,) = objects(one)
    weight = next(one.start.position.parameters())

    assert (still["moved"], still["start"]) == (0, None)
    assert moved["moved"] > 1
    assert off(moved["start"], numbers(weight)) <= 0.5


def test_a_table_is_what_is_added() -> None:
    """The difference of tokens before and after position, cell by cell."""
    one = opened("learned1d", pool="cls")
    (found,) = objects(one)
    x = torch.zeros(1, 1 + one.grid.cells, one.run.backbone.dim)
    added = one.subject.model.position.tokens(x, one.site)[0, 1:]

    assert off(found["now"], numbers(added)) <= 0.5


def test_a_bias_of_offsets_is_its_table() -> None:
    """The numbers that are learned, as they are learned: query minus key."""
    one = opened("swin_rpb")
    (found,) = objects(one)

    assert found["means"] == maps.BY_OFFSET
    assert off(found["values"], numbers(one.subject.model.position.weight)) <= 0.5


def test_what_is_no_function_of_the_offset_is_shown_from_the_middle() -> None:
    """Vectors of cells that meet see places, not offsets."""
    one = opened("tupe")
    (found,) = objects(one)

    assert found["means"] == maps.MIDDLE
    assert found["values"].shape[2:] == tuple(one.grid)


@pytest.mark.parametrize("name", ["rope2d", "rope_mixed", "rope_golden", "liere2"])
def test_a_kernel_of_rotations_is_its_definition(name: str) -> None:
    """The mean cosine of waves times offset, as the probe `spectra` has it."""
    one = opened(name)
    (found,) = objects(one)
    wanted = load("spectra").measure(one.subject).arrays["layer1/kernel"]

    assert off(found["kernel"].of(1), np.broadcast_to(wanted, found["kernel"].shape[1:])) <= 0.6


def test_equal_frequencies_are_told_once() -> None:
    """A rotation that is the same everywhere has one layer and one head."""
    fixed, own = (objects(opened(name))[0]["frequencies"] for name in ("rope2d", "rope_mixed"))

    assert (len(fixed), len(fixed[0])) == (1, 1)
    assert (len(own), len(own[0])) == (2, 2)


@pytest.mark.parametrize("name", ["peg", "lepe"])
def test_a_response_is_what_a_bright_cell_does(name: str) -> None:
    """The convolution, run on a single one."""
    one = opened(name)
    (found,) = objects(one)
    (part,) = parts(one)
    conv = part.now.conv(found["layers"][0])
    side = 2 * conv.reach + 1
    delta = torch.zeros(2, conv.in_channels, side, side)
    delta[0, :, conv.reach, conv.reach] = 1
    lit, dark = conv(delta)

    assert off(found["values"].of(0, 0), numbers((lit - dark).mean(0))) <= 0.5
    assert off(found["values"].of(0, 2), numbers((lit - dark)[0])) <= 0.5


def test_another_grid_follows_the_declared_rule() -> None:
    """One and a half times as large, interpolated as in a run at that size."""
    one = opened("learned1d")
    (found,) = objects(one)
    other = Grid(6, 6)
    wanted = one.subject.model.position.vectors(one.site._replace(grid=other))

    assert found["other"]["grid"] == [6, 6]
    assert "bicubic" in found["other"]["rule"]
    assert off(found["other"]["values"], numbers(wanted)) <= 0.5
    assert tables.larger(Grid(3, 4)) == Grid(6, 8)


def test_colours_are_whitened_components_with_a_sign() -> None:
    """Of equal spread, and the same whatever the sign that an eigenvector comes with."""
    random = torch.Generator().manual_seed(0)
    table = torch.randn(64, 8, generator=random) * torch.arange(8, 0, -1)
    found = tables.colours(table).codes.astype(float) - 127.5
    grey = tables.colours(torch.ones(9, 4)).codes

    assert np.allclose(found.std(0), 127.5 / tables.SPREAD, rtol=0.1)
    assert (tables.colours(table).codes == tables.colours(table.double()).codes).all()
    assert set(grey.flatten().tolist()) == {128}


def test_what_is_no_number_is_kept_as_that() -> None:
    """A table that diverged in one cell shows the others."""
    one = opened("learned1d")
    next(one.subject.model.position.parameters()).data[5] = float("nan")
    (found,) = objects(one)

    assert (found["now"].codes == 255).all(axis=1).tolist() == [i == 5 for i in range(16)]
    assert (found["similarity"].codes[5] == 255).all()


def test_matrices_that_do_not_commute_have_a_kernel_too() -> None:
    """The mean over pairs with the same offset, 1 at none."""
    (found,) = objects(opened("rope_spherical", loud=False))
    middle = found["kernel"].values()[:, :, 3, 3]

    assert np.allclose(middle, 1, atol=1e-6)
    assert rotations.DIGITS == 4


def test_all_arrays_are_bytes(name: str) -> None:
    """Whatever a strategy shows can be packed."""
    for array in arrays(objects(opened(name))):
        assert isinstance(array, Coded)
        assert array.codes.dtype == np.uint8
        assert array.codes.flags["C_CONTIGUOUS"]
        assert array.low <= array.high


def off(found: Coded, wanted: np.ndarray) -> float:
    """The largest error, in steps of a code."""
    step = (found.high - found.low) / 254
    return float(np.abs(found.values() - wanted).max() / step) - 1e-3


def test_history_is_read_where_it_was_kept(tmp_path: Path) -> None:
    """By the name of the view and the layer, in order; a damaged file is passed over."""
    table = np.arange(16 * 32, dtype=np.float32).reshape(16, 32)
    for step in (4, 0, 8):
        views, grids = {"learned1d/table/layer0": table * step}, {"learned1d/table/layer0": (4, 4)}
        snapshots.keep(tmp_path, Snapshot(step, step // 4, views, grids))
    (tmp_path / "positions" / "step000008.safetensors").write_bytes(b"torn")
    found = objects(opened("learned1d+rope_mixed", path=tmp_path))[0]["history"]

    assert [(one["step"], one["epoch"]) for one in found] == [(0, 0), (4, 1)]
    assert found[1]["values"].high == pytest.approx(4 * (16 * 32 - 1), rel=1e-5)
    assert objects(opened("learned1d", path=tmp_path))[0]["history"] == []
