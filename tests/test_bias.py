"""What is particular to biases from tables: offsets, borders, buckets, other grids."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import loud, noise, position

from vitpos.embeddings.base import Site
from vitpos.embeddings.geometric import places, regridded
from vitpos.errors import BadInput
from vitpos.grid import Grid
from vitpos.orders import numbers

TOEPLITZ = [
    "alibi2d",
    "beit_rpb",
    "beit_shared_rpb",
    "dpb",
    "fire",
    "kerple_log",
    "kerple_power",
    "levit_bias",
    "lookhere",
    "swin_rpb",
    "swinv2_cpb",
    "t5_bucket2d",
]
SEQUENCE = ["alibi1d", "t5_bucket1d"]
CPU = torch.device("cpu")

grids = st.builds(Grid, st.integers(1, 6), st.integers(1, 6))
layers = st.integers(0, 1)
few = settings(max_examples=8, deadline=None)


def bias(name, grid, layer=0, trained=None, **changes):
    """The bias of loud numbers on a grid."""
    strategy = loud(position(name, changes=changes, grid=trained or Grid(3, 4)))
    return strategy.bias(Site(grid, layer, 0))


def same(name, a, b):
    """Bit for bit, but for learned functions that are asked pair by pair."""
    if name in ("kerple_log", "kerple_power", "fire"):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
    else:
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", TOEPLITZ)
@given(grid=grids, layer=layers)
@few
@torch.no_grad()
def test_equal_offsets_get_equal_numbers(name, grid, layer):
    """Moving query and key together by a row or a column changes no bias."""
    cells = bias(name, grid, layer).unflatten(1, grid).unflatten(3, grid)

    same(name, cells[:, 1:, :, 1:], cells[:, :-1, :, :-1])
    same(name, cells[:, :, 1:, :, 1:], cells[:, :, :-1, :, :-1])


@pytest.mark.parametrize("name", SEQUENCE)
@given(grid=grids, order=st.sampled_from(["raster", "snake", "hilbert", "spiral"]))
@few
@torch.no_grad()
def test_equal_steps_along_the_sequence_get_equal_numbers(name, grid, order):
    """In the order of the sequence, biases depend on the number of steps only."""
    back = numbers(grid, order, CPU).argsort()
    found = bias(name, grid, order=order)[:, back][:, :, back]

    assert torch.equal(found[:, 1:, 1:], found[:, :-1, :-1])


@pytest.mark.parametrize("name", ["alibi2d", "levit_bias", "kerple_log", "kerple_power", "fire"])
@given(grid=grids, layer=layers)
@few
@torch.no_grad()
def test_distance_is_blind_to_mirrors(name, grid, layer):
    """An offset, its opposite and its mirror images get the same number."""
    cells = bias(name, grid, layer).unflatten(1, grid).unflatten(3, grid)

    same(name, cells, cells.flip(1, 3))
    same(name, cells, cells.flip(2, 4))


@pytest.mark.parametrize("name", ["swin_rpb", "beit_rpb", "t5_bucket2d", "swinv2_cpb", "dpb"])
@torch.no_grad()
def test_offsets_have_directions(name):
    """Up is not down, left is not right, and a row is not a column."""
    cells = bias(name, Grid(3, 3))[:, 4].unflatten(-1, (3, 3))

    for other in (cells.flip(1), cells.flip(2), cells.mT):
        assert (cells - other).abs().max() > 1e-2


@given(grid=grids, layer=layers)
@few
@torch.no_grad()
def test_tables_on_their_own_grid_are_as_they_are(grid, layer):
    """The trained grid gets the learned numbers bit for bit, whatever its shape."""
    for resample in ("bicubic", "bilinear", "nearest", "geometric"):
        strategy = loud(position("swin_rpb", grid=grid, changes={"resample": resample}))
        wanted = strategy.weight[layer].flatten(1)[:, grid.offset_numbers(CPU)]

        assert torch.equal(strategy.bias(Site(grid, layer, 0)), wanted)


@torch.no_grad()
def test_beit_without_borders_is_swin():
    """With zeros for CLS, BEiT's bias is Swin's; with numbers, they are where BEiT has them."""
    grid, q = Grid(3, 4), noise(1, 2, 14, 16)
    beit, swin = (loud(position(n, grid=grid, prefix=2)) for n in ("beit_rpb", "swin_rpb"))
    swin.weight.copy_(beit.weight)
    borders = beit.borders.clone()
    with_numbers = beit.logits(q, q, Site(grid, 1, 2))[0]
    beit.borders.zero_()
    plain = swin.logits(q, q, Site(grid, 1, 2))[0]

    assert torch.equal(beit.logits(q, q, Site(grid, 1, 2))[0], plain)
    assert torch.equal(with_numbers[:, 2:, 2:], plain[:, 2:, 2:])
    for head, (to, of, among) in enumerate(borders[1]):
        assert (with_numbers[head, 2:, :2] == to).all()
        assert (with_numbers[head, :2, 2:] == of).all()
        assert (with_numbers[head, :2, :2] == among).all()


@pytest.mark.parametrize("name", ["beit_rpb", "beit_shared_rpb", "swin_rpb", "t5_bucket2d", "fire"])
@pytest.mark.parametrize("shared", [False, True])
@torch.no_grad()
def test_layers_share_all_or_nothing(name, shared):
    """Tables and borders belong to a layer, or to all of them."""
    changes = {"shared": shared, "prefix": "learned"}
    strategy = loud(position(name, changes=changes, prefix=1))
    q = noise(1, 2, 17, 16)
    first, second = (strategy.logits(q, q, Site(Grid(4, 4), i, 1)) for i in (0, 1))

    assert torch.equal(first, second) == shared
    assert bool((first[..., 0, 1:] == second[..., 0, 1:]).all()) == shared


@given(old=st.integers(1, 9), new=st.integers(1, 9))
@few
def test_geometric_places_reach_from_end_to_end(old, new):
    """Numbers stand symmetrically around offset 0, in order; grown, the outermost is at the end."""
    found = places(2 * old - 1, 2 * new - 1)

    assert len(found) == 2 * old - 1
    assert found == sorted(found)
    assert found == [-x for x in reversed(found)]
    if new > old > 2 and new < 1.2 * 1.5 ** (old - 2):
        assert found[-1] == pytest.approx(new - 1, rel=1e-3)


def test_geometric_keeps_what_is_near():
    """Offsets of at most one cell keep their numbers on a larger grid, and so do the largest."""
    table = noise(2, 7, 7)
    found = regridded(table, 13, 13)

    assert found.shape == (2, 13, 13)
    torch.testing.assert_close(found[:, 5:8, 5:8], table[:, 2:5, 2:5])
    torch.testing.assert_close(found[:, ::12, ::12], table[:, ::6, ::6], rtol=1e-3, atol=1e-3)


@given(buckets=st.sampled_from([4, 8, 16, 32]), limit=st.integers(9, 200), far=st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_buckets_stay_in_the_table(buckets, limit, far):
    """Every offset has a bucket, in order of distance, with a half for each direction."""
    strategy = position("t5_bucket2d", changes={"buckets": buckets, "limit": limit})
    after = strategy.bucket(torch.arange(1, far + 1))
    before = strategy.bucket(-torch.arange(far + 1))

    assert torch.equal(after - buckets // 2, before[1:])
    assert before[0] == 0
    assert (before.diff() >= 0).all()
    assert before.max() < buckets // 2
    exact = min(far + 1, buckets // 4)
    assert before[:exact].tolist() == list(range(exact))


@torch.no_grad()
def test_buckets_saturate_on_larger_grids():
    """Beyond the limit all cells of a direction share one number: nothing is resized."""
    found = bias("t5_bucket2d", Grid(1, 40), limit=8)[:, 0]

    assert (found[:, 8:] == found[:, 8:9]).all()
    assert (found[:, 1] != found[:, 8]).all()
    torch.testing.assert_close(found[:, :4], bias("t5_bucket2d", Grid(1, 4), limit=8)[:, 0])


@torch.no_grad()
def test_joint_buckets_hold_any_sum():
    """A number per pair of buckets can be what the sum of two tables is."""
    joint = loud(position("t5_bucket2d", changes={"joint": True}))
    both = loud(position("t5_bucket2d"))
    rows, cols = both.weight[0].unbind(1)
    joint.weight[0] = rows[:, :, None] + cols[:, None]
    site = Site(Grid(4, 7), 0, 0)

    torch.testing.assert_close(joint.bias(site), both.bias(site))


@pytest.mark.parametrize("name", ["t5_bucket1d", "t5_bucket2d"])
@torch.no_grad()
def test_logits_of_t5_are_not_divided(name):
    """Without scaling, queries are as much larger as attention will make the logits smaller."""
    q, k = noise(1, 2, 12, 16), noise(1, 2, 12, 16, seed=1)
    site = Site(Grid(3, 4), 0, 0)
    plain = position(name).heads(q, k, site)
    a, b = position(name, changes={"scaled": False}).heads(q, k, site)

    assert plain == (q, k)
    torch.testing.assert_close(a @ b.mT * 16**-0.5, q @ k.mT)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("swin_rpb", {"std": -1.0}),
        ("swin_rpb", {"resample": "cubic"}),
        ("levit_bias", {"resample": "geometric"}),
        ("t5_bucket2d", {"buckets": 6}),
        ("t5_bucket2d", {"limit": 4}),
        ("t5_bucket1d", {"order": "zigzag"}),
    ],
)
def test_says_what_cannot_be(name, changes):
    """What makes no sense is refused, with a reason."""
    with pytest.raises(BadInput, match=next(iter(changes))):
        position(name, changes=changes)
