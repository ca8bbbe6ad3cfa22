"""What is particular to biases of distance and direction."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import loud, noise, position

from vitpos.embeddings.base import Site
from vitpos.embeddings.bias import HIDDEN
from vitpos.embeddings.directed import VIEWS, looks, sees
from vitpos.embeddings.distance import slopes
from vitpos.errors import BadInput
from vitpos.grid import Grid

CPU = torch.device("cpu")
grids = st.builds(Grid, st.integers(1, 6), st.integers(1, 6))
few = settings(max_examples=8, deadline=None)
NORMS = {
    "euclidean": math.hypot,
    "manhattan": lambda row, col: abs(row) + abs(col),
    "chebyshev": lambda row, col: max(abs(row), abs(col)),
}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("heads", [2, 3, 12])
@given(grid=grids)
@few
def test_alibi_falls_with_each_norm(norm, heads, grid):
    """Minus slope times distance, cell by cell in float64."""
    strategy = position("alibi2d", changes={"norm": norm}, heads=heads, dim=4 * heads)
    found = strategy.bias(Site(grid, 0, 0)).double()
    for i in range(grid.cells):
        for j in range(grid.cells):
            (row, col), (to_row, to_col) = divmod(i, grid.cols), divmod(j, grid.cols)
            far = NORMS[norm](row - to_row, col - to_col)
            wanted = [-slope * far for slope in slopes(heads)]

            assert found[:, i, j].tolist() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("name", ["alibi1d", "alibi2d"])
@torch.no_grad()
def test_learned_slopes_start_from_the_fixed_ones(name):
    """Fixed slopes are no parameters; learned ones are one per head, or per layer and head."""
    kinds = ("fixed", "learned", "learned_per_layer")
    fixed, learned, per_layer = (position(name, changes={"slopes": kind}) for kind in kinds)
    sites = [Site(Grid(3, 4), layer, 0) for layer in (0, 1)]

    for site in sites:
        assert torch.equal(fixed.bias(site), learned.bias(site))
        assert torch.equal(fixed.bias(site), per_layer.bias(site))
    counts = [sum(p.numel() for p in s.parameters()) for s in (fixed, learned, per_layer)]
    assert counts == [0, 2, 4]
    first, second = (loud(per_layer).bias(site) for site in sites)
    assert not torch.equal(first, second)


@torch.no_grad()
def test_the_power_of_one_is_alibi():
    """KERPLE's power kernel with exponent 1 and slopes of ALiBi, as far as it allows, is ALiBi."""
    power, alibi = (position(name, heads=4) for name in ("kerple_power", "alibi2d"))
    power.p.fill_(1.0)
    power.a.copy_(torch.tensor(slopes(4))[:, None, None])
    site = Site(Grid(5, 7), 1, 0)
    found, wanted = power.bias(site), alibi.bias(site)

    torch.testing.assert_close(found[:3], wanted[:3], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found[3], wanted[3] * 0.01 * 256, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["kerple_log", "kerple_power"])
def test_kerple_holds_its_numbers_and_still_learns(name):
    """Below 0.01 numbers count as 0.01, exponents above 2 as 2, and both still get gradients."""
    low, edge = position(name), position(name)
    site = Site(Grid(3, 4), 0, 0)
    for p, value in ((low.a, -3.0), (low.p, -3.0), (edge.a, 0.01), (edge.p, 0.01)):
        p.data.fill_(value)
    found = low.bias(site)
    found.sum().backward()

    assert torch.equal(found, edge.bias(site))
    assert low.a.grad.all()
    assert low.p.grad.all()
    low.p.data.fill_(5.0)
    edge.p.data.fill_(2.0 if name == "kerple_power" else 5.0)
    assert torch.equal(low.bias(site), edge.bias(site))


@torch.no_grad()
def test_kerple_starts_within_its_bounds():
    """`a` is uniform in 0..1 and `p` in 0..2."""
    strategy = position("kerple_log", heads=64, dim=128, changes={"shared": False})

    for values, most in ((strategy.a, 1), (strategy.p, 2)):
        assert 0 <= values.min() < 0.1 * most
        assert 0.9 * most < values.max() <= most
        assert abs(values.mean() - most / 2) < 0.15 * most


@pytest.mark.parametrize("name", ["fire", "dpb", "swinv2_cpb"])
def test_perceptrons_can_be_alibi(name):
    """A few hundred steps bring a perceptron close to ALiBi, up to a constant."""
    torch.manual_seed(0)
    strategy = loud(position(name, depth=1), std=0.1)
    site = Site(Grid(4, 4), 0, 0)
    wanted = position("alibi2d").bias(site)
    optimiser = torch.optim.Adam(strategy.parameters(), lr=0.02)
    for _ in range(300):
        found = strategy.bias(site)
        apart = found - found[:, :1, :1] - wanted  # softmax does not see a constant
        loss = apart.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    assert loss < 0.02 * wanted.square().mean()


@torch.no_grad()
def test_fire_counts_distance_in_parts_of_the_diagonal():
    """On a grid longer than L, twice as large, the farthest cell gets the same number."""
    strategy = loud(position("fire"))
    strategy.multiplier.fill_(0.1)
    small, large = (strategy.bias(Site(Grid(n, n), 0, 0))[:, 0, -1] for n in (5, 20))
    near, nearby = (strategy.bias(Site(Grid(n, n), 0, 0))[:, 0, 1] for n in (5, 20))

    torch.testing.assert_close(small, large, rtol=1e-4, atol=1e-5)
    assert (near - nearby).abs().max() > 1e-3


@torch.no_grad()
def test_fire_keeps_to_its_limit_on_small_grids():
    """While the diagonal is shorter than L, a distance gets the same number on all grids."""
    strategy = loud(position("fire"))
    strategy.multiplier.fill_(-3.0)
    small, large = (strategy.bias(Site(Grid(n, n), 0, 0))[:, 0, 1] for n in (2, 5))

    torch.testing.assert_close(small, large)


@pytest.mark.parametrize("name", ["swinv2_cpb", "dpb"])
@torch.no_grad()
def test_offsets_extrapolate_or_rescale(name):
    """In cells, a larger grid begins like the trained one; rescaled, it ends like it."""
    changes = [{"new_grid": rule} for rule in ("extrapolate", "rescale")]
    cells, parts = (loud(position(name, changes=c, grid=Grid(3, 3))) for c in changes)
    trained = cells.bias(Site(Grid(3, 3), 1, 0))[:, 0].unflatten(-1, (3, 3))
    large = cells.bias(Site(Grid(6, 6), 1, 0))[:, 0].unflatten(-1, (6, 6))
    squeezed = parts.bias(Site(Grid(6, 6), 1, 0))[:, 0].unflatten(-1, (6, 6))

    torch.testing.assert_close(large[:, :3, :3], trained)
    if name == "dpb":
        torch.testing.assert_close(squeezed[:, ::2, ::2], trained)
    else:  # which counts from the first cell to the last
        torch.testing.assert_close(squeezed[:, ::5, ::5], trained[:, ::2, ::2])


@pytest.mark.parametrize("name", ["alibi2d", "kerple_log", "fire", "swinv2_cpb", "dpb"])
@torch.no_grad()
def test_draws_stretch_distances_in_training(name):
    """Augmented coordinates change biases; their shift alone changes none."""
    grid = Grid(3, 4)
    draws = torch.rand(2, 3 + grid.cells, generator=torch.Generator().manual_seed(0))
    still = {"shift": 0.0, "jitter": 1.0, "rescale": 1.0, "local": 0.0}
    found = {}
    for key, value in (("rescale", 2.0), ("shift", 0.7), ("jitter", 3.0)):
        strategy = loud(position(name, changes={"augment": still | {key: value}}))
        plain = strategy.bias(Site(grid, 0, 0))
        found[key] = (strategy.bias(Site(grid, 0, 0, draws)) - plain).abs().max().item()

    assert found["shift"] < 1e-5
    assert found["rescale"] > 1e-4
    assert found["jitter"] > 1e-4


@torch.no_grad()
def test_cosine_attention_sees_directions_only():
    """With `cosine`, logits are cosines times the scale of the head, however long the vectors."""
    strategy = position("swinv2_cpb", changes={"cosine": True})
    q, k = noise(1, 2, 14, 16), noise(1, 2, 14, 16, seed=1)
    site = Site(Grid(3, 4), 1, 2)
    a, b = strategy.heads(q, k, site)
    cosines = torch.nn.functional.cosine_similarity(q[:, :, :, None], k[:, :, None], dim=-1)

    torch.testing.assert_close(a @ b.mT * 16**-0.5, 10 * cosines, rtol=1e-4, atol=1e-4)
    longer = strategy.heads(3 * q, 5 * k, site)
    torch.testing.assert_close(longer[0] @ longer[1].mT, a @ b.mT, rtol=1e-4, atol=1e-4)
    strategy.warmth.fill_(9.0)
    a, b = strategy.heads(q, k, site)
    torch.testing.assert_close(a @ b.mT * 16**-0.5, 100 * cosines, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("heads", [1, 2, 3, 4, 5, 6, 8, 12, 16, 20])
def test_every_number_of_heads_has_its_looks(view, heads):
    """As many looks as heads; directed ones first, about two thirds; slopes are powers of two."""
    found = looks(heads, VIEWS[view])
    directed = [direction for direction, _ in found if direction]

    assert len(found) == heads
    assert len(directed) == min(heads, 4 * max(1, round(heads / 6)))
    assert [bool(direction) for direction, _ in found] == sorted(
        (bool(direction) for direction, _ in found), reverse=True
    )
    assert all(math.log2(slope).is_integer() and slope <= 0.5 for _, slope in found)
    if heads == 12:
        assert len(set(directed)) == (4 if view == 180 else 8)
        assert [slope for _, slope in found[8:]] == [0.25, 0.0625, 0.015625, 0.00390625]


@pytest.mark.parametrize("view", VIEWS)
@given(grid=grids)
@few
def test_a_query_always_sees_itself(view, grid):
    """No row of logits is hidden as a whole, and prefix tokens see and are seen by all."""
    strategy = position("lookhere", changes={"view": view}, heads=12, dim=48, prefix=2)
    q = noise(1, 12, 2 + grid.cells, 4)
    found = strategy.logits(q, q, Site(grid, 1, 2))[0]

    assert (found[:, 2:, 2:].diagonal(dim1=1, dim2=2) == 0).all()
    assert (found[:, :2] == 0).all()
    assert (found[:, :, :2] == 0).all()
    assert found.softmax(-1).isfinite().all()


@pytest.mark.parametrize(("view", "degrees"), [(180, 180), (90, 90), (45, 45)])
def test_views_are_as_wide_as_they_say(view, degrees):
    """On a large grid the share of cells in a view is that of its angle."""
    strategy = position("lookhere", changes={"view": view}, heads=12, dim=48)
    down, right = torch.meshgrid(torch.arange(-30, 31.0), torch.arange(-30, 31.0), indexing="ij")
    around = (down**2 + right**2 <= 900) & (down**2 + right**2 > 0)
    shares = [
        sees(direction, down[:, :1], right[0])[around].float().mean().item()
        for direction, _ in strategy.looks[:8]
    ]

    assert shares == pytest.approx([degrees / 360] * 8, abs=0.02)


@torch.no_grad()
def test_a_head_that_looks_up_sees_rows_above():
    """The first head of 180 degrees sees its row and those above, at its slope and the layer's."""
    strategy = position("lookhere", changes={"view": 180}, heads=4, depth=3)
    for layer, scale in ((0, 3.0), (1, 2.0), (2, 1.0)):
        first = strategy.bias(Site(Grid(3, 3), layer, 0))[0, 4].unflatten(-1, (3, 3))
        far = -0.5 * scale * math.sqrt(2)

        assert (first[2] == HIDDEN).all()
        wanted = torch.tensor([[far, -0.5 * scale, far], [-0.5 * scale, 0, -0.5 * scale]])
        torch.testing.assert_close(first[:2], wanted)


@torch.no_grad()
def test_what_is_hidden_gets_no_attention_and_can_be_drawn():
    """Attention to hidden keys is exactly zero at any precision; pictures stay within sight."""
    strategy = position("lookhere", heads=4)
    site = Site(Grid(3, 5), 0, 0)
    hidden = strategy.bias(site) == HIDDEN
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        q = noise(1, 4, 15, 8).to(dtype)
        weights = (q @ q.mT + strategy.logits(q, q, site)).softmax(-1)[0]

        assert (weights[hidden] == 0).all()
        assert (weights.float().sum(-1) - 1).abs().max() < 2e-2
    assert strategy.views(site)["map"].min() > -20


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("alibi2d", {"norm": "cosine"}),
        ("alibi2d", {"slopes": "steep"}),
        ("alibi1d", {"order": "zigzag"}),
        ("lookhere", {"view": 120}),
        ("lookhere", {"slope": -1.0}),
        ("dpb", {"reduction": 100}),
        ("fire", {"hidden": 0}),
        ("swinv2_cpb", {"new_grid": "pi"}),
    ],
)
def test_says_what_cannot_be(name, changes):
    """What makes no sense is refused, with a reason."""
    with pytest.raises(BadInput, match=f"{next(iter(changes))}|divided"):
        position(name, changes=changes)


@pytest.mark.parametrize("name", ["swinv2_cpb", "dpb"])
def test_offsets_cannot_move_cell_by_cell(name):
    """Cells that are moved one by one have no offsets in common: a clear error."""
    augment = {"shift": 0.0, "jitter": 1.0, "rescale": 1.0, "local": 0.3}
    with pytest.raises(BadInput, match="local"):
        position(name, changes={"augment": augment})
