"""Learned tables: what they are on their own grid and on others."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import loud, noise

from vitpos.embeddings.base import Site
from vitpos.embeddings.resampling import resized
from vitpos.grid import Grid
from vitpos.specimens import position

ONE_VECTOR_EACH = ["learned1d", "learned_sequence", "learned2d"]
SUMS = ["learned2d_add", "navit_frac", "learned2d_cat", "learned2d_detr"]
grids = st.builds(Grid, st.integers(1, 6), st.integers(1, 6))


def table(name, grid, trained=None, **changes):
    """The vectors of a strategy with large numbers, [rows, cols, dim]."""
    strategy = loud(position(name, grid=trained or grid, changes=changes))
    return strategy.source.table(Site(grid, 0, 0)).detach().unflatten(0, grid)


def parts(name, **changes):
    """A strategy with large numbers for 4 x 4 cells, and what it has learned."""
    source = loud(position(name, grid=Grid(4, 4), changes=changes)).source
    return source, [parameter.detach() for parameter in source.parameters()]


def at(source, *grid):
    """Its vectors on a grid, [rows, cols, dim]."""
    return source.table(Site(Grid(*grid), 0, 0)).detach().unflatten(0, grid)


@given(grid=grids)
@settings(max_examples=15, deadline=None)
@torch.no_grad()
def test_free_tables_are_bit_for_bit_what_was_learned(grid):
    """On the trained grid, whatever its shape, every cell has the numbers of its entry."""
    for name in ONE_VECTOR_EACH:
        source = loud(position(name, grid=grid)).source
        learned = source.weight if name != "learned2d" else source.weight.flatten(1).T

        assert torch.equal(source.table(Site(grid, 0, 0)), learned)


@torch.no_grad()
def test_three_views_of_a_cell_differ_on_other_grids():
    """With the same numbers, a place, a number in a sequence and a pair part on a 2 x 8 grid."""
    learned = noise(16, 32)
    found = {}
    for name in ONE_VECTOR_EACH:
        source = position(name).source
        source.weight.copy_(learned if name != "learned2d" else learned.T.view(32, 4, 4))
        found[name] = source

    same = [found[name].table(Site(Grid(4, 4), 0, 0)) for name in ONE_VECTOR_EACH]
    assert all(torch.equal(learned, other) for other in same)
    picture, sequence, pairs = (at(found[name], 2, 8) for name in ONE_VECTOR_EACH)
    assert torch.equal(sequence.flatten(0, 1), learned)  # as if the grid were 4 x 4
    assert torch.equal(pairs[:, :4], learned.view(4, 4, 32)[:2])  # the same rows and columns
    assert not torch.isclose(picture, sequence).any(dim=-1).any()
    wanted = resized(learned.T.view(32, 4, 4), 2, 8, resample="bicubic", antialias=True)
    torch.testing.assert_close(picture, wanted.permute(1, 2, 0))


@torch.no_grad()
def test_a_pair_beyond_the_table_is_not_told_from_its_edge():
    """A lookup has nothing to say of cells that training never had: the edge goes on."""
    source, (weight,) = parts("learned2d")
    larger = at(source, 6, 7)

    assert torch.equal(larger[:4, :4], weight.permute(1, 2, 0))
    assert torch.equal(larger[4:], larger[3:4].expand(2, -1, -1))
    assert torch.equal(larger[:, 4:], larger[:, 3:4].expand(-1, 3, -1))


@pytest.mark.parametrize("grid", [(8, 8), (3, 4), (3, 7), (1, 1), (2, 8)])
@torch.no_grad()
def test_a_sequence_is_stretched_in_one_dimension(grid):
    """Number i of n reads (i + 1/2) N / n - 1/2, linearly, in a loop in float64."""
    source, (weight,) = parts("learned_sequence")
    cells, entries = math.prod(grid), weight.double()
    wanted = []
    for number in range(cells):
        place = min(max((number + 0.5) * 16 / cells - 0.5, 0), 15)
        low = math.floor(place)
        part = place - low
        wanted.append((1 - part) * entries[low] + part * entries[min(low + 1, 15)])

    found = at(source, *grid).flatten(0, 1).double()
    torch.testing.assert_close(found, torch.stack(wanted), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_sequence_that_is_looked_up_goes_on_as_it_ends():
    """The beginning for fewer cells; the last vector for more."""
    source, (weight,) = parts("learned_sequence", new_grid="extrapolate")

    assert torch.equal(at(source, 3, 4).flatten(0, 1), weight[:12])
    assert torch.equal(at(source, 2, 10).flatten(0, 1)[:16], weight)
    assert torch.equal(at(source, 2, 10).flatten(0, 1)[16:], weight[15:].expand(4, -1))


@pytest.mark.parametrize("name", SUMS)
@given(grid=grids)
@settings(max_examples=15, deadline=None)
@torch.no_grad()
def test_rows_and_columns_have_no_cross_terms(name, grid):
    """Two cells of a row differ by the same vector in every row, on any grid."""
    found = table(name, grid, Grid(3, 5))
    across = found - found[:1] - found[:, :1] + found[:1, :1]

    torch.testing.assert_close(across, torch.zeros_like(across), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "of_row"), [("learned2d_cat", 0), ("learned2d_detr", 1)])
@torch.no_grad()
def test_halves_tell_one_axis_each(name, of_row):
    """Rows first in ViT, columns first in DETR."""
    halves = table(name, Grid(3, 5)).chunk(2, dim=-1)

    assert torch.equal(halves[of_row], halves[of_row][:, :1].expand(-1, 5, -1))
    assert torch.equal(halves[1 - of_row], halves[1 - of_row][:1].expand(3, -1, -1))
    assert not torch.equal(halves[of_row], halves[1 - of_row])


@torch.no_grad()
def test_a_fraction_of_the_side_finds_the_same_vector():
    """Every other cell of a grid twice as fine starts where a cell of the trained one starts."""
    source, (rows, cols) = parts("navit_frac")
    finer = at(source, 8, 12)
    middles, _ = parts("learned2d_add")

    assert torch.equal(finer[::2, ::3], at(source, 4, 4))
    assert not torch.equal(at(middles, 8, 12)[::2, ::3], at(middles, 4, 4))
    for row in range(8):
        place = min(row / 8 * 4, 3)
        low, part = math.floor(place), place % 1
        wanted = (1 - part) * rows[low].double() + part * rows[min(low + 1, 3)].double() + cols[0]
        torch.testing.assert_close(finer[row, 0].double(), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("init", "least", "most", "mean"), [("uniform", 0, 1, 0.5), ("normal", -9, 9, 0.0)]
)
def test_first_numbers_are_drawn_as_the_file_says(init, least, most, mean):
    """Uniform from 0 to 1 as in DETR, or normal, of the same deviation."""
    started = position("learned2d_detr", dim=512, changes={"init": init}).source.rows

    assert least <= started.min()
    assert started.max() <= most
    assert started.mean().item() == pytest.approx(mean, abs=0.03)
    assert started.std().item() == pytest.approx(12**-0.5, rel=0.1)


@pytest.mark.parametrize("grid", [(4, 4), (3, 5), (6, 6), (1, 7)])
@torch.no_grad()
def test_a_cell_has_its_region_and_its_place_in_it(grid):
    """The sum of two entries, in a loop; regions are cut where they stick out."""
    source, (coarse, inside) = parts("region")
    rows, cols = (-(-side // 2) for side in grid)
    regions = resized(coarse, rows, cols, resample="bilinear", antialias=False)
    found = at(source, *grid)

    for y in range(grid[0]):
        for x in range(grid[1]):
            wanted = regions[:, y // 2, x // 2] + inside[:, y % 2, x % 2]
            assert torch.equal(found[y, x], wanted)


@torch.no_grad()
def test_a_window_repeats_over_a_smooth_table():
    """Less the stretched coarse table, every window is the tile, on any grid."""
    source, (coarse, inside) = parts("window_abs", rows=3, cols=5)
    for grid in ((4, 4), (6, 8), (3, 5)):
        smooth = resized(coarse, *grid, resample="bicubic", antialias=True).permute(1, 2, 0)
        tile = at(source, *grid) - smooth
        wanted = inside.permute(1, 2, 0).tile(4, 4, 1)[: grid[0], : grid[1]]

        torch.testing.assert_close(tile, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "changes", "word"),
    [
        ("learned1d", {"resample": "lanczos"}, "resample"),
        ("learned_sequence", {"order": "zigzag"}, "order"),
        ("learned2d", {"rows": -1}, "rows"),
        ("learned2d", {"new_grid": "ntk"}, "new_grid"),
        ("learned2d_add", {"join": "multiply"}, "join"),
        ("learned2d_cat", {"first": "diagonals"}, "first"),
        ("learned2d_cat", {"init": "ones"}, "init"),
        ("learned2d_cat", {"align": "end"}, "align"),
        ("region", {"size": 0}, "size"),
        ("window_abs", {"cols": -2}, "columns"),
    ],
)
def test_options_that_mean_nothing_are_refused(name, changes, word):
    """With the name of the option in the message."""
    with pytest.raises(Exception, match=rf"embedding\.{name}: .*{word}"):
        position(name, changes=changes)


def test_halves_need_an_even_width():
    """An odd number of channels cannot be shared by rows and columns."""
    with pytest.raises(Exception, match="even width, not 15"):
        position("learned2d_cat", dim=15, heads=1)
