"""Learned tables and coordinate channels: what they are on their own grid and on others."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import CLASSES, loud, noise
from variants import vit

from vitpos.embeddings.base import Site
from vitpos.embeddings.resampling import along, places, resized
from vitpos.grid import Grid
from vitpos.specimens import position
from vitpos.switches import RESAMPLE

CPU = torch.device("cpu")
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


# On its own grid and on others


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


# Interpolation


@given(grid=grids, resample=st.sampled_from(RESAMPLE), antialias=st.booleans())
@settings(max_examples=40, deadline=None)
def test_resizing_to_the_same_size_changes_no_bit(grid, resample, antialias):
    """And so resizing twice is resizing once."""
    planes = noise(3, 4, 5)
    once = resized(planes, *grid, resample=resample, antialias=antialias)

    assert torch.equal(resized(once, *grid, resample=resample, antialias=antialias), once)


@given(grid=grids, resample=st.sampled_from(RESAMPLE), antialias=st.booleans())
@settings(max_examples=40, deadline=None)
def test_rows_and_columns_are_resized_alike(grid, resample, antialias):
    """The transposed table on the transposed grid is the transposed result."""
    planes = noise(3, 4, 5)
    how = {"resample": resample, "antialias": antialias}

    torch.testing.assert_close(
        resized(planes.mT, grid.cols, grid.rows, **how), resized(planes, *grid, **how).mT
    )


@given(grid=grids, resample=st.sampled_from(RESAMPLE), antialias=st.booleans())
@settings(max_examples=40, deadline=None)
def test_axes_are_resized_one_by_one(grid, resample, antialias):
    """Rows first and then columns is the same as both at once, down to a single column."""
    planes, (rows, cols) = noise(3, 4, 5), grid
    how = {"resample": resample, "antialias": antialias}

    one_by_one = resized(resized(planes, rows, 5, **how), rows, cols, **how)
    torch.testing.assert_close(one_by_one, resized(planes, rows, cols, **how))


def test_antialias_changes_tables_that_grow_too_if_bicubic():
    """Bilinear ones only where they shrink."""

    def change(resample, side):
        planes = noise(8, 4, 4)
        both = [
            resized(planes, side, side, resample=resample, antialias=antialias)
            for antialias in (False, True)
        ]
        return ((both[0] - both[1]).norm() / both[1].norm()).item()

    assert change("bicubic", 6) > 0.02
    assert change("bicubic", 2) > 0.2
    assert change("bilinear", 6) < 1e-6
    assert change("bilinear", 2) > 0.2


def test_nearest_makes_up_no_numbers():
    """Every number of the result is one of the table."""
    planes = noise(2, 4, 4)

    assert torch.isin(resized(planes, 7, 3, resample="nearest", antialias=True), planes).all()


@pytest.mark.parametrize("grid", [(7, 6), (3, 8), (2, 2)])
def test_corners_stay_where_they_are(grid):
    """Cell i of n reads i (N - 1) / (n - 1), linearly along both axes, in a loop in float64."""
    planes = noise(2, 4, 4).double()
    wanted = torch.zeros(2, *grid, dtype=torch.float64)
    for row in range(grid[0]):
        for col in range(grid[1]):
            y, x = (i * 3 / (n - 1) for i, n in zip((row, col), grid, strict=True))
            for j in range(4):
                for i in range(4):
                    weight = max(0, 1 - abs(y - j)) * max(0, 1 - abs(x - i))
                    wanted[:, row, col] += weight * planes[:, j, i]
    found = resized(planes, *grid, resample="corners", antialias=False).double()

    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[:, ::1, 0][:, -1], planes[:, -1, 0], rtol=1e-6, atol=1e-6)


@given(cells=st.integers(1, 300), new_grid=st.sampled_from(["extrapolate", "rescale"]))
@settings(max_examples=40, deadline=None)
def test_as_many_cells_as_entries_read_one_each(cells, new_grid):
    """Exactly, for any number of them."""
    for align in ("middle", "start"):
        found = places(cells, cells, new_grid=new_grid, align=align, device=CPU)

        assert torch.equal(found, torch.arange(cells, dtype=torch.float32))


def test_reading_beyond_a_table_gives_its_ends():
    """And a place between two entries a mixture of them."""
    entries = torch.tensor([[1.0], [3.0], [7.0]])
    found = along(entries, torch.tensor([-2.0, 0.0, 0.25, 1.5, 2.0, 9.0]))

    assert found.flatten().tolist() == [1, 1, 1.5, 5, 7, 7]


# Rows and columns


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


# Regions


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


# What cannot be built


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


# Channels of the image


@pytest.mark.parametrize("radius", [False, True])
@pytest.mark.parametrize(("height", "width"), [(4, 4), (3, 7), (1, 5)])
def test_coordconv_appends_columns_and_rows(radius, height, width):
    """From -1 in the first to 1 in the last pixel of each axis, and the distance from the centre."""
    strategy = position("coordconv", changes={"radius": radius})
    images = noise(2, 3, height, width)
    found = strategy.pixels(images)

    assert torch.equal(found[:, :3], images)
    assert found.shape[1] == 3 + strategy.extra_channels == (6 if radius else 5)
    for row in range(height):
        for col in range(width):
            y, x = (2 * i / max(1, n - 1) - 1 for i, n in ((row, height), (col, width)))
            wanted = torch.tensor([x, y, math.hypot(x, y)][: strategy.extra_channels])
            torch.testing.assert_close(found[:, 3:, row, col], wanted.expand(2, -1))


@pytest.mark.parametrize(("size", "alike"), [((5, 5), True), ((4, 7), False)])
def test_coordconv_is_the_authors_on_square_images_only(size, alike):
    """Their columns are divided by the height and their rows by the width."""
    height, width = size
    rows, cols = torch.arange(height)[:, None], torch.arange(width)[None]
    theirs = torch.stack(
        [
            (cols / (height - 1) * 2 - 1).expand(size),
            (rows / (width - 1) * 2 - 1).expand(size),
        ]
    )

    assert torch.allclose(position("coordconv").channels(*size, CPU), theirs) == alike
    assert alike or theirs.abs().max() > 1


@pytest.mark.parametrize("radius", [False, True])
def test_coordconv_works_where_a_patch_is_a_pixel(radius):
    """The whole network learns from images of single pixels, and knows where they are."""
    model = vit("coordconv", {"radius": radius}, size=6, patch=1)
    images = noise(2, 3, 6, 6)
    scores = model(images)
    scores.square().sum().backward()
    columns = model.patches.project.weight.grad[:, 3:]

    assert scores.shape == (2, CLASSES)
    assert columns.shape[1] == (3 if radius else 2)
    assert columns.all()
    assert (model(images.flip(-1)) - scores).abs().max() > 1e-3
    assert model(noise(1, 3, 4, 9)).isfinite().all()


@torch.no_grad()
def test_coordconv_knows_no_side_from_its_distance_alone():
    """The radius is the same in all four corners, and symmetric."""
    radius = position("coordconv", changes={"radius": True}).channels(4, 6, CPU)[2]

    torch.testing.assert_close(radius, radius.flip(0))
    torch.testing.assert_close(radius, radius.flip(1))
    assert radius.max().item() == pytest.approx(2**0.5)


@torch.no_grad()
def test_coordconv_speaks_beside_others():
    """Its channels and the vectors of a table reach the same network."""
    model = vit("coordconv+learned1d", {})

    assert model.patches.project.in_features == 5 * 64
    assert model(noise(1, 3, 32, 32)).isfinite().all()
