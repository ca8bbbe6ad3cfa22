"""What is particular to a family: rotations, biases, tables, convolutions."""

import networks
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import loud, noise, position

from vitpos.embeddings.base import Constant, Site
from vitpos.embeddings.distance import slopes
from vitpos.grid import Grid

RELATIVE = ["alibi2d", "rope2d", "rope_mixed", "swin_rpb"]
ROTARY = ["rope2d", "rope_mixed"]
BIAS = ["alibi2d", "swin_rpb"]
CPU = torch.device("cpu")

grids = st.builds(Grid, st.integers(1, 6), st.integers(1, 6))
layers = st.integers(0, 1)


def logits(strategy, q, k, site):
    """What the strategy makes of the product of queries and keys."""
    term = strategy.logits(q, k, site)
    q, k = strategy.heads(q, k, site)
    return q @ k.mT if term is None else q @ k.mT + term


def everywhere(vector, cells):
    """The same vector in every cell."""
    return vector.expand(-1, -1, cells, -1)


@given(grid=grids, layer=layers)
@settings(max_examples=15, deadline=None)
def test_offsets_count_from_the_query_to_the_key(grid, layer):
    """Cells are numbered row by row, offsets are query minus key, each with a number of its own."""
    offsets, numbers = grid.offsets(CPU), grid.offset_numbers(CPU)

    for i in range(grid.cells):
        for j in range(grid.cells):
            row, col = i // grid.cols - j // grid.cols, i % grid.cols - j % grid.cols
            assert offsets[i, j].tolist() == [row, col]
            assert (
                numbers[i, j] == (row + grid.rows - 1) * (2 * grid.cols - 1) + col + grid.cols - 1
            )


@pytest.mark.parametrize("name", RELATIVE)
@given(grid=grids, layer=layers, prefix=st.integers(0, 2))
@settings(max_examples=15, deadline=None)
@torch.no_grad()
def test_logits_depend_only_on_the_offset(name, grid, layer, prefix):
    """With the same content everywhere, cells equally far apart get equal logits."""
    strategy = loud(position(name))
    q, k = (everywhere(noise(1, 2, 1, 16, seed=i), prefix + grid.cells) for i in (1, 2))
    of_cells = logits(strategy, q, k, Site(grid, layer, prefix))[0, :, prefix:, prefix:]
    numbers = grid.offset_numbers(CPU)

    for number in numbers.unique():
        same = of_cells[:, numbers == number]
        torch.testing.assert_close(same, same[:, :1].expand_as(same), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", RELATIVE)
@torch.no_grad()
def test_logits_differ_between_axes(name):
    """One row down is not the same as one column to the right; distance alone cannot tell them."""
    strategy = loud(position(name))
    q, k = (everywhere(noise(1, 2, 1, 16, seed=i), 15) for i in (1, 2))
    found = logits(strategy, q, k, Site(Grid(3, 5), 1, 0))
    change = (found[0, :, 0, 1] - found[0, :, 0, 5]).abs().max()

    assert change < 1e-5 if name == "alibi2d" else change > 1e-2


@pytest.mark.parametrize("name", ROTARY)
@given(grid=grids, layer=layers)
@settings(max_examples=15, deadline=None)
@torch.no_grad()
def test_rotations_keep_norms(name, grid, layer):
    """Turning changes no length, whole or of any pair of channels."""
    strategy = loud(position(name), std=2.0)
    q, k = noise(2, 2, grid.cells, 16, seed=1), noise(2, 2, grid.cells, 16, seed=2)
    for before, after in zip((q, k), strategy.heads(q, k, Site(grid, layer, 0)), strict=True):
        lengths = [x.unflatten(-1, (-1, 2)).norm(dim=-1) for x in (before, after)]
        torch.testing.assert_close(*lengths, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ROTARY)
@torch.no_grad()
def test_rotations_turn_keys_as_they_turn_queries(name):
    """A vector is turned by its place, not by whether it asks or answers."""
    strategy = loud(position(name))
    x = noise(1, 2, 15, 16)
    q, k = strategy.heads(x, x, Site(Grid(3, 5), 1, 0))

    assert torch.equal(q, k)
    assert torch.equal(q[:, :, 0], x[:, :, 0])  # the first cell is where angles begin
    assert (q[:, :, 1:] - x[:, :, 1:]).abs().amax(-1).min() > 1e-2


@pytest.mark.parametrize("name", BIAS)
@given(grid=grids, layer=layers)
@settings(max_examples=15, deadline=None)
@torch.no_grad()
def test_biases_are_toeplitz(name, grid, layer):
    """Moving query and key together by a row or a column changes no bias, bit for bit."""
    bias = loud(position(name, grid=Grid(3, 4))).bias(Site(grid, layer, 0))
    cells = bias.unflatten(1, grid).unflatten(3, grid)  # [heads, row, col, to row, to col]

    assert torch.equal(cells[:, 1:, :, 1:], cells[:, :-1, :, :-1])
    assert torch.equal(cells[:, :, 1:, :, 1:], cells[:, :, :-1, :, :-1])


@torch.no_grad()
def test_distance_is_symmetric_and_zero_at_home():
    """The bias of ALiBi is the same both ways, zero on the diagonal and negative elsewhere."""
    bias = position("alibi2d").bias(Site(Grid(3, 5), 0, 0))

    assert torch.equal(bias, bias.mT)
    assert torch.equal(bias < 0, ~torch.eye(15, dtype=torch.bool).expand(2, -1, -1))


EIGHT = [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256]


@pytest.mark.parametrize(
    ("heads", "wanted"),
    [
        (3, [2**-4, 2**-8, 2**-2]),
        (4, [2**-2, 2**-4, 2**-6, 2**-8]),
        (8, EIGHT),
        (12, [*EIGHT, 2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]),
    ],
)
def test_slopes_are_those_of_the_paper(heads, wanted):
    """Press et al.'s list for 8 heads, and what their code gives for 3, 4 and 12."""
    assert slopes(heads) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("name", ["learned1d", "swin_rpb", "rope_mixed"])
@torch.no_grad()
def test_layers_do_not_share(name):
    """A parameter that belongs to a layer speaks in that layer alone."""
    changes = {"inject": "every_layer"} if name == "learned1d" else {}
    strategy = loud(position(name, changes=changes))
    first, second = (networks.said(strategy, Site(Grid(4, 4), layer, 0)) for layer in (0, 1))

    assert not torch.equal(first, second)


@given(grid=grids)
@settings(max_examples=15, deadline=None)
@torch.no_grad()
def test_tables_on_their_own_grid_are_as_they_are(grid):
    """The trained grid gets the learned numbers bit for bit, whatever its shape."""
    learned = loud(position("learned1d", grid=grid)).source
    relative = loud(position("swin_rpb", grid=grid))
    wanted = relative.weight[1].flatten(1)[:, grid.offset_numbers(CPU)]

    assert torch.equal(learned.table(Site(grid, 0, 0)), learned.weight)
    assert torch.equal(relative.bias(Site(grid, 1, 0)), wanted)


@torch.no_grad()
def test_tables_of_as_many_cells_but_another_shape_are_resized():
    """A 2x8 grid does not get the numbers of a 4x4 grid in another order."""
    strategy = loud(position("learned1d")).source
    table = strategy.table(Site(Grid(2, 8), 0, 0))

    assert table.shape == strategy.weight.shape
    assert not torch.allclose(table, strategy.weight, atol=0.1)


@pytest.mark.parametrize("name", ["sincos2d", "rope2d", "rope_mixed", "alibi2d"])
@torch.no_grad()
def test_new_grids_extrapolate_or_rescale(name):
    """Extrapolated, a grid begins like the trained one; rescaled, it spans the same extent."""
    small, large = Site(Grid(4, 4), 1, 0), Site(Grid(8, 8), 1, 0)
    extrapolated = loud(position(name, changes={"new_grid": "extrapolate"}))
    rescaled = loud(position(name, changes={"new_grid": "pi" if name in ROTARY else "rescale"}))
    trained = by_cell(networks.said(extrapolated, small), Grid(4, 4))

    assert torch.equal(by_cell(networks.said(rescaled, small), Grid(4, 4)), trained)
    larger = by_cell(networks.said(extrapolated, large), Grid(8, 8))
    torch.testing.assert_close(larger[:, :4, :4], trained)
    squeezed = by_cell(networks.said(rescaled, large), Grid(8, 8))
    torch.testing.assert_close(squeezed[:, ::2, ::2], trained)


def by_cell(numbers, grid):
    """Numbers of a table, of angles, or of the biases of the first cell, [any, rows, cols]."""
    if numbers.shape[-1] == grid.cells:
        return numbers[:, 0].unflatten(-1, grid)
    return numbers.mT.unflatten(-1, grid).flatten(0, -3)


@torch.no_grad()
def test_peg_reaches_the_nine_cells_around():
    """In an oblong grid a cell changes itself and its eight neighbours, nothing else."""
    strategy = loud(position("peg"))
    site = Site(Grid(3, 5), 1, 2)
    x = torch.zeros(1, 17, 32)
    silent = strategy.tokens(x, site)
    x[0, 2 + 7] = 1  # row 1, column 2
    change = strategy.tokens(x, site) - silent

    touched = change[0, 2:].abs().sum(dim=-1).nonzero().flatten().tolist()
    assert touched == [1, 2, 3, 6, 7, 8, 11, 12, 13]


@pytest.mark.parametrize(("padding", "kinds"), [("zeros", 9), ("circular", 1), ("reflect", 1)])
@torch.no_grad()
def test_peg_knows_places_from_its_padding(padding, kinds):
    """Where all tokens are equal, zeros tell corners, edges and inside apart; wrapping does not."""
    strategy = loud(position("peg", changes={"padding_mode": padding}))
    x = noise(1, 1, 32).expand(-1, 30, -1)
    cells = strategy.tokens(x, Site(Grid(5, 6), 1, 0))[0]
    apart = torch.cdist(cells, cells) > 1e-3

    assert len(torch.unique(apart, dim=0)) == kinds


@pytest.mark.parametrize(
    ("inject", "speaks"),
    [
        ("input", [True, False, False]),
        ("concat", [True, False, False]),
        ("shared", [True, True, True]),
        ("every_layer", [True, True, True]),
        ("lape", [False, False, False]),
        ("qk", [False, False, False]),
    ],
)
@torch.no_grad()
def test_vectors_reach_the_residual_stream_where_they_are_injected(inject, speaks):
    """Before the first block, before all, or never: then they are told to attention alone."""
    strategy = loud(position("learned1d", changes={"inject": inject}, depth=3))
    x = noise(1, 15, 32)
    sites = [Site(Grid(3, 5), layer, 0) for layer in range(3)]
    changed = [not torch.equal(strategy.tokens(x, site), x) for site in sites]
    told = [strategy.inputs(x, x, site) for site in sites]

    assert changed == speaks
    assert [asked is not x for asked, _ in told] == [not any(speaks)] * 3
    assert [values is not x for _, values in told] == [inject == "lape"] * 3


@given(values=st.lists(st.floats(width=32), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_constants_survive_every_cast(values):
    """A constant keeps its 32 bits through half precision and back, and is not in the state."""
    constant = Constant(torch.tensor(values))
    bits = constant.exact.clone()
    for cast in (constant.bfloat16, constant.half, constant.double, constant.float):
        cast()

    assert torch.equal(constant().view(torch.int32), bits)
    assert not constant.state_dict()
