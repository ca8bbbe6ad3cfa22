"""Buckets of offsets, and what has a place in them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vitpos.embeddings.base import Site
from vitpos.embeddings.irpe import Buckets, piecewise
from vitpos.errors import BadInput
from vitpos.grid import Grid
from vitpos.specimens import loud, noise, position

CPU = torch.device("cpu")
KINDS = ["euc", "quant", "rows", "cols", "product"]
PRESETS = ["irpe_product_ctx_qkv", "irpe_product_bias", "irpe_cross_ctx", "irpe_euc_ctx"]
PRESETS += ["irpe_quant_ctx"]
grids = st.builds(Grid, st.integers(1, 6), st.integers(1, 6))
kinds = pytest.mark.parametrize("kind", KINDS)


def test_buckets_of_the_published_ratio():
    """Near offsets have buckets of their own, farther ones share; the sign stays."""
    found = piecewise(torch.arange(-20, 21), 1.9)[20:].tolist()

    assert found[:5] == [0, 1, 2, 2, 3]
    assert set(found[4:]) == {3}
    assert piecewise(torch.tensor([-4, -1]), 1.9).tolist() == [-3, -1]


@given(ratio=st.floats(1, 40), distance=st.integers(0, 500))
@settings(max_examples=50, deadline=None)
def test_buckets_grow_with_distance_and_have_an_end(ratio, distance):
    """A farther cell is never in a nearer bucket, none is beyond twice the ratio, signs mirror."""
    near, far = piecewise(torch.tensor([distance, distance + 1]), ratio)

    assert 0 <= near <= far <= int(2 * ratio)
    assert piecewise(torch.tensor(-distance), ratio) == -near
    assert near == distance or distance > ratio


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("irpe_euc_ctx", 20),
        ("irpe_quant_ctx", 51),
        ("irpe_cross_ctx", 56),
        ("irpe_product_ctx", 50),
    ],
)
def test_as_many_buckets_as_the_models_of_the_authors_are_named_after(name, lines):
    """On 14 x 14 patches with CLS: ctx_euc_20, ctx_quant_51, ctx_cross_56, ctx_product_50."""
    strategy = position(name, grid=Grid(14, 14), prefix=1)

    assert sum(table.shape[2] for table in strategy.tables.values()) == lines


@kinds
@given(trained=grids, grid=grids, ratio=st.sampled_from([1.9, 3.0, 20.0]))
@settings(max_examples=15, deadline=None)
def test_every_line_is_met_on_the_trained_grid(kind, trained, grid, ratio):
    """No line of a table is idle, and no grid asks for a line that is not there."""
    buckets = Buckets(trained, kind, ratio)
    elsewhere = buckets(grid)

    assert buckets(trained).unique().tolist() == list(range(buckets.lines))
    assert elsewhere.min() >= 0
    assert elsewhere.max() < buckets.lines


@kinds
@given(grid=grids)
@settings(max_examples=10, deadline=None)
def test_larger_grids_keep_the_lines_of_near_cells(kind, grid):
    """Offsets that were trained have the same line on every grid."""
    buckets, larger = Buckets(grid, kind, 1.9), Grid(grid.rows + 2, grid.cols + 3)
    corner = buckets(larger).unflatten(0, larger).unflatten(2, larger)
    corner = corner[: grid.rows, : grid.cols, : grid.rows, : grid.cols]

    assert torch.equal(corner.flatten(2).flatten(0, 1), buckets(grid))


@torch.no_grad()
def test_product_of_many_buckets_is_a_table_of_offsets():
    """With a bucket for every offset, a bias by product is Swin's."""
    grid = Grid(3, 5)
    swin = loud(position("swin_rpb", grid=grid))
    ours = position("irpe_product_bias", grid=grid, changes={"ratio": 8.0})
    ours.tables["k_product"].copy_(swin.weight.flatten(2))
    q, site = noise(1, 2, 17, 16), Site(grid, 1, 2)

    assert torch.equal(ours.logits(q, q, site), swin.logits(q, q, site))


@torch.no_grad()
def test_quantized_distances_differ_where_rounded_ones_agree():
    """The neighbour at a side and the one at a corner: one bucket by rounding, two by squares."""
    rounded, squared = (Buckets(Grid(3, 3), kind, 20.0)(Grid(3, 3))[0] for kind in ("euc", "quant"))

    assert rounded[1] == rounded[4]
    assert squared[1] != squared[4]
    assert squared[1] == squared[3]


@pytest.mark.parametrize("name", PRESETS)
@given(grid=grids, layer=st.integers(0, 1))
@settings(max_examples=8, deadline=None)
@torch.no_grad()
def test_logits_depend_on_the_offset_alone(name, grid, layer):
    """With the same content everywhere, cells equally far apart get equal terms."""
    q, k = (noise(1, 2, 1, 16, seed=i).expand(-1, -1, grid.cells, -1) for i in (1, 2))
    term = loud(position(name)).logits(q, k, Site(grid, layer, 0))[0]
    numbers = grid.offset_numbers(CPU)

    for number in numbers.unique():
        same = term[:, numbers == number]
        torch.testing.assert_close(same, same[:, :1].expand_as(same), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_keys_look_the_other_way():
    """What keys see in vectors of queries is what queries would see of swapped places."""
    of_keys = loud(position("irpe_product_ctx", changes={"which": "k"}))
    of_queries = position("irpe_product_ctx", changes={"which": "q"})
    of_queries.tables["q_product"].copy_(of_keys.tables["k_product"])
    q, k, site = noise(2, 2, 15, 16), noise(2, 2, 15, 16, seed=1), Site(Grid(3, 5), 0, 0)

    assert torch.equal(of_queries.logits(q, k, site), of_keys.logits(k, q, site).mT)


@torch.no_grad()
def test_values_alone_say_nothing_to_logits():
    """With which=v there is no term, and what is read changes by the vectors of the weights."""
    strategy = loud(position("irpe_product_ctx", changes={"which": "v"}))
    q, site = noise(2, 2, 15, 16), Site(Grid(3, 5), 0, 0)

    assert strategy.logits(q, q, site) is None
    assert strategy.views(site)["map"].shape == (1, 3, 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "cube"},
        {"mode": "both"},
        {"which": "kq"},
        {"ratio": 0.5},
        {"prefix": "none"},
        {"which": "qkv", "mode": "bias"},
    ],
)
def test_what_a_file_forbids_is_refused(changes):
    """The class itself says no."""
    with pytest.raises(BadInput, match=next(iter(changes))):
        position("irpe_product_ctx", changes=changes)
