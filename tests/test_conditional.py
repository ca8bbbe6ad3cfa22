"""Convolutions over the grid: between blocks, and beside what attention reads."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vitpos.attention import Attend
from vitpos.embeddings.base import Site
from vitpos.embeddings.neighbours import PADDING, Depthwise
from vitpos.errors import BadInput
from vitpos.grid import Grid
from vitpos.specimens import loud, noise, position

BORDERS = pytest.mark.parametrize("border", PADDING)
BESIDE = ["lepe", "crpe", "resformer"]


def gathering(count, heads=2):
    """Values, and attention that reads them."""
    q, k, v = (noise(2, heads, count, 16, seed=i) for i in range(3))
    return v, Attend(q, k, None, 0.25, "explicit")


@BORDERS
@pytest.mark.parametrize("kernel", [1, 3, 5])
@torch.no_grad()
def test_borders_are_those_of_torch(border, kernel):
    """On grids that are large enough, the result is that of a convolution of torch."""
    ours = loud(Depthwise(6, kernel, border))
    theirs = torch.nn.Conv2d(6, 6, kernel, padding=kernel // 2, padding_mode=border, groups=6)
    theirs.load_state_dict(ours.state_dict())
    planes = noise(2, 6, 4, 7)

    torch.testing.assert_close(ours(planes), theirs(planes))


@BORDERS
@given(rows=st.integers(1, 3), cols=st.integers(1, 3))
@settings(max_examples=9, deadline=None)
@torch.no_grad()
def test_kernels_may_be_larger_than_the_grid(border, rows, cols):
    """Every grid gets a grid of its size, down to a single cell, whose neighbours are itself."""
    conv = loud(Depthwise(4, 7, border))
    lonely = conv(torch.ones(1, 4, 1, 1))[0, :, 0, 0] - conv.bias
    weight = conv.weight[:, 0, 3, 3] if border == "zeros" else conv.weight.sum((1, 2, 3))

    assert conv(noise(1, 4, rows, cols)).isfinite().all()
    torch.testing.assert_close(lonely, weight, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["peg", "cpe_coat"])
@pytest.mark.parametrize(("border", "kinds"), list(zip(PADDING, [9, 1, 1, 1], strict=True)))
@torch.no_grad()
def test_places_are_known_from_zeros_beyond_the_border(name, border, kinds):
    """Where all tokens are equal, zeros tell corners, edges and inside apart; nothing else does."""
    strategy = loud(position(name, changes={"padding_mode": border}))
    x = noise(1, 1, 32).expand(-1, 30, -1)
    cells = strategy.tokens(x, Site(Grid(5, 6), 1, 0))[0]
    apart = torch.cdist(cells, cells) > 1e-3

    assert len(torch.unique(apart, dim=0)) == kinds


@torch.no_grad()
def test_circular_borders_move_with_the_image():
    """Around a border that wraps, shifted tokens give shifted tokens."""
    strategy, site = (
        loud(position("peg", changes={"padding_mode": "circular"})),
        Site(Grid(3, 5), 1, 0),
    )
    x = noise(1, 3, 5, 32)
    moved, still = (strategy.tokens(y.flatten(1, 2), site) for y in (x.roll((1, 2), (1, 2)), x))

    torch.testing.assert_close(
        moved.unflatten(1, (3, 5)), still.unflatten(1, (3, 5)).roll((1, 2), (1, 2))
    )


@torch.no_grad()
def test_a_shared_convolution_is_the_same_before_every_block():
    """CoaT has one kernel; without sharing every block has its own."""
    shared = loud(position("cpe_coat"))
    own = loud(position("cpe_coat", changes={"shared": False}))
    x = noise(1, 15, 32)
    once, twice = ([s.tokens(x, Site(Grid(3, 5), i, 0)) for i in (0, 1)] for s in (shared, own))

    assert torch.equal(*once)
    assert not torch.equal(*twice)
    assert sum(p.numel() for p in shared.parameters()) == 32 * 10


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("peg", {"kernel": 2}),
        ("lepe", {"kernel": 0}),
        ("crpe", {"kernels": [3, 4]}),
        ("crpe", {"kernels": []}),
        ("resformer", {"kernel": 4}),
        ("resformer", {"new_grid": "ntk"}),
    ],
)
def test_what_a_file_forbids_is_refused(name, changes):
    """Even kernels have no middle; grids are met as the file says."""
    with pytest.raises(BadInput, match=r"kernel|new_grid"):
        position(name, changes=changes)


@pytest.mark.parametrize("name", ["peg", "cpe_coat", "lepe", "crpe", "resformer"])
def test_other_borders_are_refused(name):
    """A border is one of four."""
    with pytest.raises(BadInput, match="padding_mode is one of"):
        position(name, changes={"padding_mode": "wrap"})


@pytest.mark.parametrize("layers", [[], [2], [-1]])
def test_layers_that_do_not_exist_are_refused(layers):
    """Blocks are numbered from 0."""
    with pytest.raises(BadInput, match="layers"):
        position("peg", changes={"layers": layers})


@pytest.mark.parametrize("name", BESIDE)
@torch.no_grad()
def test_without_kernels_attention_is_plain(name):
    """Kernels and biases of zero leave what is read as it is."""
    strategy = position(name)
    for parameter in strategy.parameters():
        parameter.zero_()
    v, gather = gathering(16)

    assert torch.equal(strategy.values(v, gather, Site(Grid(3, 5), 1, 1)), gather(v))


@pytest.mark.parametrize("name", BESIDE)
@torch.no_grad()
def test_prefix_tokens_are_not_seen_and_get_nothing(name):
    """What is added to the cells depends on cells alone."""
    strategy = loud(position(name))
    (v, gather), site = gathering(17), Site(Grid(3, 5), 1, 2)
    other = v.clone()
    other[:, :, :2] = 7.0
    added, again = (strategy.values(x, gather, site) - gather(x) for x in (v, other))

    assert not added[:, :, :2].any()
    assert added[:, :, 2:].abs().amax(-1).min() > 1e-3
    torch.testing.assert_close(added, again, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_lepe_adds_the_cells_around():
    """Cell by cell on an oblong grid: the sum of neighbours times the kernel, and the bias."""
    strategy, grid = loud(position("lepe")), Grid(3, 5)
    v, gather = gathering(15)
    conv = strategy.convs[1]
    kernel, bias = (x.detach().unflatten(0, (2, 16)) for x in (conv.weight[:, 0], conv.bias))
    wanted = gather(v) + bias[:, None]
    for cell in range(15):
        row, col = divmod(cell, 5)
        for i, j in ((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
            if 0 <= row + i < 3 and 0 <= col + j < 5:
                near = v[:, :, (row + i) * 5 + col + j]
                wanted[:, :, cell] += near * kernel[..., i + 1, j + 1]

    torch.testing.assert_close(strategy.values(v, gather, Site(grid, 1, 0)), wanted)


@pytest.mark.parametrize(("heads", "kernels"), [(8, [3, 3, 5, 5, 5, 7, 7, 7]), (3, [3, 5, 7])])
@torch.no_grad()
def test_heads_of_crpe_see_as_far_as_their_kernels(heads, kernels):
    """A cell is noticed by as many others as its head's kernel has places."""
    strategy = loud(position("crpe", heads=heads, dim=16 * heads))
    grid, silent = Grid(9, 9), torch.zeros(1, heads, 81, 16)
    q, v = torch.ones(1, heads, 81, 16), silent.clone()
    v[:, :, 40] = 1
    gather = Attend(q, q, None, 1.0, "explicit")
    site = Site(grid, 0, 0)
    change = strategy.local(v, gather, site) - strategy.local(silent, gather, site)

    seen = (change[0].abs().amax(-1) > 0).sum(-1)
    assert seen.tolist() == [kernel**2 for kernel in kernels]


@torch.no_grad()
def test_queries_of_zero_silence_crpe():
    """The query weighs what the convolution says."""
    strategy = loud(position("crpe"))
    v, q = noise(2, 2, 15, 16), torch.zeros(2, 2, 15, 16)
    gather = Attend(q, q, None, 0.25, "explicit")

    assert torch.equal(strategy.values(v, gather, Site(Grid(3, 5), 0, 0)), gather(v))


@torch.no_grad()
def test_resformer_starts_without_a_local_term():
    """Before training values are as they are; the global table is there."""
    strategy, site = position("resformer"), Site(Grid(3, 5), 0, 1)
    v, gather = gathering(16)
    x = noise(2, 16, 32)

    assert torch.equal(strategy.values(v, gather, site), gather(v))
    assert (strategy.tokens(x, site) - x)[:, 1:].abs().amax(-1).min() > 1e-3
    assert torch.equal(strategy.tokens(x, site)[:, 0], x[:, 0])
    assert torch.equal(strategy.tokens(x, site._replace(layer=1)), x)


@torch.no_grad()
def test_waves_of_resformer_count_to_a_full_turn():
    """Of row and column as parts of the sides of an oblong grid, sines and cosines in turn."""
    found = position("resformer").waves(Site(Grid(3, 5), 0, 0))
    for cell in range(15):
        row, col = divmod(cell, 5)
        for axis, at in enumerate((2 * math.pi * (row + 1) / 3, 2 * math.pi * (col + 1) / 5)):
            for pair in range(8):
                angle = at / 10000 ** (pair / 8)
                both = found[cell, 16 * axis + 2 * pair : 16 * axis + 2 * pair + 2].tolist()
                assert both == pytest.approx([math.sin(angle), math.cos(angle)], abs=1e-5)


@torch.no_grad()
def test_heads_of_resformer_share_their_kernels():
    """The same values in both heads get the same."""
    strategy = loud(position("resformer"))
    (v, gather), site = gathering(15), Site(Grid(3, 5), 1, 0)
    same = v[:, :1].expand(-1, 2, -1, -1)
    added = strategy.local(same, gather, site)

    torch.testing.assert_close(added[:, 0], added[:, 1])


@torch.no_grad()
def test_views_show_kernels_around_the_middle_cell():
    """The middle of a kernel stands at the middle of the grid; a small grid cuts it."""
    conv = loud(Depthwise(2, 5, "zeros"))
    large, small = conv.seen(Grid(6, 7), 2), conv.seen(Grid(1, 2), 2)

    assert torch.equal(large[:, 1:6, 1:6], conv.weight[:, 0])
    assert large.abs().sum() == pytest.approx(conv.weight.abs().sum().item())
    assert torch.equal(small, conv.weight[:, 0, 2:3, 1:3])
