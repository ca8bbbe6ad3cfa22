"""Where cells are: every unit on every grid beside its references, and what training does to it."""

from math import log

import networks
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vitpos.embeddings.base import Site
from vitpos.embeddings.coordinates import Coordinates
from vitpos.grid import Grid
from vitpos.switches import COORDS

CPU = torch.device("cpu")
OFF = {"shift": 0.0, "jitter": 1.0, "rescale": 1.0, "local": 0.0}
PAIRS = [  # trained, and of the images
    (Grid(4, 4), Grid(4, 4)),
    (Grid(3, 5), Grid(3, 5)),
    (Grid(4, 4), Grid(3, 7)),
    (Grid(3, 5), Grid(16, 24)),
    (Grid(4, 4), Grid(1, 6)),
    (Grid(3, 5), Grid(5, 1)),
    (Grid(1, 3), Grid(2, 2)),
    (Grid(4, 4), Grid(1, 1)),
]
grids = st.builds(Grid, st.integers(1, 9), st.integers(1, 9))


def placed(kind, new_grid, trained, grid, draws=None, **augment):
    """Rows and columns [2, cells] of a grid."""
    coordinates = Coordinates(trained, kind, new_grid, OFF | augment)
    return coordinates(Site(grid, 0, 0, draws), CPU)


def crossed(axes):
    """Rows and columns of all cells, from those along the axes."""
    rows, cols = (torch.as_tensor(np.asarray(axis)).float() for axis in axes)
    return torch.cartesian_prod(rows, cols).reshape(-1, 2).T


def close(ours, theirs):
    """Equal to a millionth."""
    torch.testing.assert_close(ours, theirs.float(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("trained", "grid"), PAIRS)
def test_centres_are_those_of_dinov3(trained, grid):
    """As transformers computes them; the middles from 0 to 1 are the same in another unit."""
    from transformers.models.dinov3_vit import modeling_dinov3_vit as dinov3

    theirs = dinov3.get_patches_center_coordinates(*grid, torch.float32, CPU).T

    close(placed("centre", "rescale", trained, grid), theirs)
    close(placed("unit", "rescale", trained, grid), (theirs + 1) / 2)


@pytest.mark.parametrize(("trained", "grid"), PAIRS)
def test_grids_are_those_of_timm(trained, grid):
    """Indices from zero and one, rescaled as in EVA, middles, and from corner to corner."""
    from timm.layers.pos_embed_sincos import _build_grid

    def theirs(kind, **how):
        return _build_grid(list(grid), grid_type=kind, **how).flatten(0, 1).T

    close(placed("index", "extrapolate", trained, grid), theirs("index"))
    close(placed("index1", "extrapolate", trained, grid), theirs("index", grid_offset=1.0))
    shape = {"ref_feat_shape": list(trained)}
    close(placed("index", "rescale", trained, grid), theirs("index", **shape))
    rescaled = theirs("index", grid_offset=1.0, **shape)
    close(placed("index1", "rescale", trained, grid), rescaled)
    close(placed("centre", "rescale", trained, grid), theirs("centered"))
    close(placed("corner", "rescale", trained, grid), theirs("pixel"))


@pytest.mark.parametrize(("trained", "grid"), PAIRS)
def test_corners_are_those_of_linspace(trained, grid):
    """From -1 to 1, from 0 to 1, and in LieRE from 0 to the ratio of the sides."""
    ends = [side / known for side, known in zip(grid, trained, strict=True)]
    corners, units, lie = (
        crossed([np.linspace(low, high, side) for high, side in zip(highs, grid, strict=True)])
        for low, highs in ((-1, (1, 1)), (0, (1, 1)), (0, ends))
    )

    close(placed("corner", "rescale", trained, grid), corners)
    close(placed("corner01", "rescale", trained, grid), units)
    close(placed("corner01", "extrapolate", trained, grid), lie)


@pytest.mark.parametrize(("trained", "grid"), PAIRS)
def test_turns_and_fractions_are_parts_of_the_side(trained, grid):
    """DETR's full turn, counted from one, and NaViT's fraction, counted from zero."""
    turns = crossed([2 * np.pi * np.arange(1, side + 1) / (side + 1e-6) for side in grid])
    fractions = crossed([np.arange(side) / side for side in grid])

    close(placed("turn", "rescale", trained, grid), turns)
    close(placed("fraction", "rescale", trained, grid), fractions)


@pytest.mark.parametrize(("trained", "grid"), PAIRS)
def test_aspect_keeps_cells_square(trained, grid):
    """HDiT's box: the longer side from -1 to 1, the other as much shorter as it has fewer cells."""
    reach = [side / max(grid) for side in grid]
    edges = [np.linspace(-r, r, side + 1) for r, side in zip(reach, grid, strict=True)]

    close(
        placed("aspect", "rescale", trained, grid),
        crossed([(edge[:-1] + edge[1:]) / 2 for edge in edges]),
    )


@pytest.mark.parametrize("kind", [kind for kind in COORDS if kind != "corner01"])
@given(trained=grids, grid=grids)
@settings(max_examples=25, deadline=None)
def test_extrapolation_goes_on_with_cells_of_the_same_size(kind, trained, grid):
    """Cells that both grids have are at the same place; those beyond follow at the same step."""
    small = placed(kind, "extrapolate", trained, trained).unflatten(1, trained)
    other = placed(kind, "extrapolate", trained, grid).unflatten(1, grid)
    rows, cols = (min(sides) for sides in zip(trained, grid, strict=True))

    torch.testing.assert_close(other[:, :rows, :cols], small[:, :rows, :cols])
    torch.testing.assert_close(other[0].diff(n=2, dim=0), torch.zeros_like(other[0][2:]))
    torch.testing.assert_close(other[1].diff(n=2, dim=1), torch.zeros_like(other[1][:, 2:]))


@pytest.mark.parametrize("kind", COORDS)
@given(trained=grids, grid=grids)
@settings(max_examples=25, deadline=None)
def test_rescaling_ends_where_the_trained_grid_ends(kind, trained, grid):
    """Normalised units do not see the trained grid; indices shrink by the ratio of the sides."""
    rescaled = placed(kind, "rescale", trained, grid)
    own = placed(kind, "extrapolate", grid, grid)
    if kind.startswith("index"):
        own = own * torch.tensor(trained)[:, None] / torch.tensor(grid)[:, None]

    torch.testing.assert_close(rescaled, own)
    torch.testing.assert_close(
        placed(kind, "rescale", trained, trained), placed(kind, "extrapolate", trained, trained)
    )


@pytest.mark.parametrize(("kind", "new_grid"), [("centres", "rescale"), ("index", "stretch")])
def test_names_a_unit_or_rule_that_is_not_known(kind, new_grid):
    """With the words there are."""
    with pytest.raises(ValueError, match=r"coords is one of index, index1|new_grid is extrapolate"):
        Coordinates(Grid(4, 4), kind, new_grid, OFF)


def test_names_the_parts_of_the_augmentation():
    """All four, no others."""
    with pytest.raises(ValueError, match="augment has shift, jitter, rescale, local"):
        Coordinates(Grid(4, 4), "index", "rescale", {"shift": 0.0})


draws_of = st.integers(0, 2**31).map(
    lambda seed: torch.rand(2, 84, generator=torch.Generator().manual_seed(seed))
)
parts = st.fixed_dictionaries(
    {
        "shift": st.floats(0, 2),
        "jitter": st.floats(1, 4),
        "rescale": st.floats(1, 4),
        "local": st.floats(0, 0.5),
    }
)


@given(trained=grids, grid=grids, seed=st.integers(0, 2**31), augment=parts)
@settings(max_examples=30, deadline=None)
def test_augments_as_dinov3(trained, grid, seed, augment):
    """Shift, then jitter, then rescale, from the same numbers as in transformers."""
    from transformers.models.dinov3_vit import modeling_dinov3_vit as dinov3

    how = augment | {"local": 0.0}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        plain = dinov3.get_patches_center_coordinates(*grid, torch.float32, CPU)
        numbers = [how[part] for part in ("shift", "jitter", "rescale")]
        theirs = dinov3.augment_patches_center_coordinates(plain, *numbers).T
        torch.manual_seed(seed)
        draws = torch.zeros(2, 3 + grid.cells)
        draws[:, 0], draws[:, 1], draws[0, 2] = torch.rand(2), torch.rand(2), torch.rand(1)
    ours = placed("centre", "rescale", trained, grid, draws, **how)

    torch.testing.assert_close(ours, theirs, rtol=2e-6, atol=2e-6)


@given(trained=grids, grid=grids, draws=draws_of, kind=st.sampled_from(COORDS), augment=parts)
@settings(max_examples=30, deadline=None)
def test_is_exact_without_draws_and_without_augmentation(trained, grid, draws, kind, augment):
    """Evaluation, and training with every part off, are the same bits."""
    exact = placed(kind, "rescale", trained, grid)
    numbers = draws[:, : 3 + grid.cells]

    assert torch.equal(placed(kind, "rescale", trained, grid, None, **augment), exact)
    assert torch.equal(placed(kind, "rescale", trained, grid, numbers), exact)


@given(grid=grids, draws=draws_of, augment=parts)
@settings(max_examples=50, deadline=None)
def test_moves_within_its_bounds_and_in_order(grid, draws, augment):
    """No cell leaves the stretched image, and none overtakes another."""
    numbers = draws[:, : 3 + grid.cells]
    moved = placed("centre", "rescale", grid, grid, numbers, **augment)
    sides = torch.tensor(grid)[:, None]
    edge = placed("centre", "rescale", grid, grid).abs() + augment["shift"]
    edge = (edge + augment["local"] * 2 / sides) * augment["jitter"] * augment["rescale"]

    assert (moved.abs() <= edge * (1 + 1e-5) + 1e-6).all()
    rows, cols = moved.unflatten(1, grid)
    assert (rows.diff(dim=0) >= -1e-5).all()
    assert (cols.diff(dim=1) >= -1e-5).all()


def uniform(numbers, low, high):
    """Whether sorted numbers lie along the line from `low` to `high`."""
    share = (np.sort(numbers) - low) / (high - low)
    line = (np.arange(len(share)) + 0.5) / len(share)
    return np.abs(share - line).max() < 0.06  # Kolmogorov and Smirnov: p < 1e-6 at 1,000


@pytest.fixture(scope="module")
def thousand():
    """Draws of a thousand passes on 2 x 3 cells."""
    return torch.rand(1000, 2, 9, generator=torch.Generator().manual_seed(0))


def test_shifts_are_uniform_and_local_ones_independent(thousand):
    """Of each axis by up to half an image; of every cell by up to half a cell."""
    grid = Grid(2, 3)
    exact = placed("index", "rescale", grid, grid)
    moves, own = (
        np.stack([placed("index", "rescale", grid, grid, d, **how) - exact for d in thousand])
        for how in ({"shift": 1.0}, {"local": 0.5})
    )

    assert np.ptp(moves, axis=2).max() < 1e-5
    for axis, side in enumerate(grid):
        assert uniform(moves[:, axis, 0], -side / 2, side / 2)
        assert all(uniform(own[:, axis, cell], -0.5, 0.5) for cell in range(6))
    correlations = np.corrcoef(own.reshape(1000, -1).T) - np.eye(12)
    assert np.abs(correlations).max() < 0.2
    assert abs(np.corrcoef(moves[:, 0, 0], moves[:, 1, 0])[0, 1]) < 0.2


def test_stretches_are_log_uniform(thousand):
    """Jitter stretches each axis by its own factor, rescaling both by one, around the middle."""
    grid = Grid(2, 3)
    exact = placed("centre", "rescale", grid, grid)
    each, both = (
        np.stack([placed("centre", "rescale", grid, grid, d, **how) for d in thousand])
        for how in ({"jitter": 2.0}, {"rescale": 3.0})
    )
    logs, log_both = (np.log(x[:, :, 0] / exact[:, 0].numpy()) for x in (each, both))

    assert all(uniform(logs[:, axis], -log(2), log(2)) for axis in range(2))
    assert abs(np.corrcoef(*logs.T)[0, 1]) < 0.2
    assert uniform(log_both[:, 0], -log(3), log(3))
    np.testing.assert_allclose(log_both[:, 0], log_both[:, 1], atol=1e-5)


MOVING = [name for name in networks.NAMES if "augment" in networks.options(name)[name]]


def test_one_draw_per_pass_for_all_layers(monkeypatch):
    """Every layer of a pass sees the same numbers, every pass others, and evaluation none."""
    seen = []
    exact = Coordinates.__call__

    def watched(self, site, device):
        seen.append(site.draws)
        return exact(self, site, device)

    monkeypatch.setattr(Coordinates, "__call__", watched)
    model = networks.vit("rope2d")
    passes = []
    for mode in (True, True, False):
        seen.clear()
        model.train(mode)(networks.noise(1, 3, 24, 40))
        passes.append(list(seen))
    first, second, evaluation = passes

    assert len(first) >= 2
    assert all(draws is first[0] for draws in first)
    assert first[0].shape == (2, 3 + 15)
    assert not torch.equal(first[0], second[0])
    assert evaluation == [None] * len(first)


@pytest.mark.parametrize("name", MOVING)
@torch.no_grad()
def test_every_strategy_of_coordinates_can_be_augmented(name):
    """In training other draws give other scores, the same draws the same; evaluation is exact."""
    rules = networks.options(name)[name]["_needs_"]
    local = rules.get("augment.local", {}).get("at_most", 0.5)  # some know no cells on their own
    wild = {"shift": 0.5, "jitter": 2.0, "rescale": 2.0, "local": float(local)}

    def model(augment):
        changes = {} if augment is None else {"augment": augment}
        found = networks.vit(name, pool="cls", registers=1)
        found.position = networks.loud(networks.position(name, changes=changes, prefix=2))
        return found

    moving, still = model(wild), model(OFF)
    images = networks.noise(2, 3, 24, 40)
    scores = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        scores.append(moving.train()(images))

    assert torch.equal(scores[0], scores[1])
    assert not torch.allclose(scores[0], scores[2], atol=1e-5)
    assert torch.equal(moving.eval()(images), still.eval()(images))
