"""What is particular to rotations by matrices: which see differences of places, which do not."""

import networks
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import loud, noise, position
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from vitpos.embeddings.base import Site
from vitpos.embeddings.lie import exponential, free, skew
from vitpos.embeddings.matrices import Turning
from vitpos.grid import Grid

NAMES = [name for name in networks.NAMES if isinstance(position(name), Turning)]
RELATIVE = ["liere2", "comrope_ap", "comrope_ld", "string_cayley", "string_circulant"]
ABSOLUTE = ["liere8", "liere", "rope_spherical"]
CELLS = Grid(5, 6)
PLAIN = {"coords": "index", "new_grid": "extrapolate", "prefix": "identity"}

grids = st.builds(Grid, st.integers(1, 5), st.integers(1, 5))


def turns(strategy, grid, layer=1):
    """The matrix of every cell, [heads, cells, head_dim, head_dim], by what it does to vectors."""
    basis = torch.eye(16)[:, None, None].expand(-1, 2, grid.cells, -1)
    return strategy.heads(basis, basis, Site(grid, layer, 0))[0].permute(1, 2, 3, 0)


def mean_by_offset(strategy, grid):
    """How far matrices between equally distant cells are from one another, at worst."""
    turned = turns(strategy, grid)
    between = torch.einsum("hiba,hjbc->hijac", turned, turned)
    numbers = grid.offset_numbers(torch.device("cpu"))
    same = [between[:, numbers == number] for number in numbers.unique()]
    return max((x - x[:, :1]).abs().max().item() for x in same)


def test_family_is_complete():
    """Each of the family is either relative or documented as not."""
    assert sorted(RELATIVE + ABSOLUTE) == sorted(set(NAMES) - {"harope"})


@pytest.mark.parametrize("name", NAMES)
@given(grid=grids, layer=st.integers(0, 1))
@settings(max_examples=8, deadline=None)
@torch.no_grad()
def test_matrices_are_orthogonal(name, grid, layer):
    """Each cell is turned by a rotation: no lengths or angles within a head change."""
    found = turns(loud(position(name), std=1.0), grid, layer)

    torch.testing.assert_close(found @ found.mT, torch.eye(16).expand_as(found), rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", RELATIVE)
@torch.no_grad()
def test_relative_strategies_see_differences_of_places(name):
    """``R(p)^T R(q)`` is the same for all cells that are equally far apart."""
    strategy = loud(position(name, changes=PLAIN), std=0.3)

    assert mean_by_offset(strategy, CELLS) < 2e-5


@pytest.mark.parametrize("name", ABSOLUTE)
@torch.no_grad()
def test_others_do_not(name):
    """Rotations that do not commute tell more than the difference of places, as published."""
    changes = {} if name == "rope_spherical" else PLAIN
    strategy = loud(position(name, changes=changes), std=0.3)

    assert mean_by_offset(strategy, CELLS) > 0.05


@pytest.mark.parametrize("name", ["liere8", "liere"])
@pytest.mark.parametrize("line", [Grid(1, 6), Grid(6, 1)])
@torch.no_grad()
def test_liere_is_relative_along_one_axis(name, line):
    """Along a row or a column, its rotations are powers of one."""
    assert mean_by_offset(loud(position(name, changes=PLAIN), std=0.3), line) < 2e-5


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_turns_queries_as_keys_and_layers_apart(name):
    """A vector turns by its place; another layer turns it otherwise, if anything is learned."""
    strategy = loud(position(name))
    x = noise(1, 2, 30, 16)
    (q, k), (other, _) = (strategy.heads(x, x, Site(CELLS, layer, 0)) for layer in (0, 1))

    assert torch.equal(q, k)
    assert torch.equal(q, other) == (not list(strategy.parameters()))
    assert (q - x).abs().amax(-1).max() > 1e-2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prefix", ["identity", "centre"])
@torch.no_grad()
def test_prefix_tokens_stay_or_turn_like_the_middle(name, prefix):
    """CLS and registers are untouched bit for bit, or turn like a cell in the middle."""
    strategy = loud(position(name, changes={"prefix": prefix}, prefix=2))
    grid, x = Grid(3, 3), noise(1, 2, 1, 16).expand(-1, -1, 11, -1)
    q, _ = strategy.heads(x, x, Site(grid, 1, 2))
    bare, _ = strategy.heads(x[:, :, 2:], x[:, :, 2:], Site(grid, 1, 0))

    torch.testing.assert_close(q[:, :, 2:], bare, rtol=0, atol=1e-6)
    if prefix == "identity":
        assert torch.equal(q[:, :, :2], x[:, :, :2])
    else:
        middle = bare[:, :, 4:5].expand(-1, -1, 2, -1)
        torch.testing.assert_close(q[:, :, :2], middle, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_matrices_stay_exact_in_half_precision(name):
    """Under autocast and in a bfloat16 network, only parameters and results are rounded."""
    exact = loud(position(name))
    for parameter in exact.parameters():
        parameter.copy_(parameter.bfloat16())
    wanted = turns(exact, Grid(7, 9))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(turns(exact, Grid(7, 9)), wanted)

    assert torch.equal(turns(exact.bfloat16(), Grid(7, 9)), wanted)


@pytest.mark.parametrize("side", [2, 3, 8, 16])
def test_exponentials_are_those_of_scipy(side):
    """In float64 to 1e-12, gradients beside torch's; in float32 to rounding."""
    upper = (3 * noise(5, free(side)).double()).requires_grad_()
    exponent = skew(upper, side)
    found = exponential(exponent)
    wanted = np.stack([expm(x) for x in exponent.detach().numpy()])
    weight = noise(5, side, side, seed=1).double()
    (mine,) = torch.autograd.grad((found * weight).sum(), upper, retain_graph=True)
    (other,) = torch.autograd.grad((torch.linalg.matrix_exp(exponent) * weight).sum(), upper)

    torch.testing.assert_close(found.detach(), torch.from_numpy(wanted), rtol=0, atol=1e-12)
    torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)
    rounded = exponential(exponent.detach().float())
    torch.testing.assert_close(rounded.double(), found.detach(), rtol=0, atol=2e-5)


@torch.no_grad()
def test_liere_in_pairs_is_rope_mixed():
    """Blocks of two channels turn in planes, at learned speeds along rows and columns."""
    liere = loud(position("liere2", changes=PLAIN))
    mixed = position("rope_mixed")
    mixed.frequencies.copy_(-liere.upper[..., 0])  # a block has -angle above its diagonal
    x = noise(2, 2, 30, 16)
    found, wanted = (s.heads(x, x, Site(CELLS, 1, 0))[0] for s in (liere, mixed))

    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


@torch.no_grad()
def test_comrope_ld_in_pairs_is_rope_mixed_along_shared_directions():
    """The speed of a plane is one number of its head times one per axis that heads share."""
    comrope = loud(position("comrope_ld", changes=PLAIN | {"block": 2}))
    mixed = position("rope_mixed")
    speeds = comrope.upper[..., 0] * comrope.multipliers.transpose(0, 1)[:, :, None]
    mixed.frequencies.copy_(-speeds)
    x = noise(2, 2, 30, 16)
    found, wanted = (s.heads(x, x, Site(CELLS, 1, 0))[0] for s in (comrope, mixed))

    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


@torch.no_grad()
def test_comrope_ap_turns_blocks_with_rows_and_columns_in_turn():
    """Even blocks do not notice the column, odd blocks not the row."""
    strategy = loud(position("comrope_ap", changes=PLAIN | {"block": 4}))
    found = turns(strategy, Grid(3, 4)).unflatten(1, (3, 4))
    blocks = found.unflatten(-1, (4, 4)).unflatten(3, (4, 4))
    own = torch.stack([blocks[:, :, :, i, :, i] for i in range(4)], dim=3)

    assert torch.equal(own[:, :, :1, ::2].expand(-1, -1, 4, -1, -1, -1), own[:, :, :, ::2])
    assert torch.equal(own[:, :1, :, 1::2].expand(-1, 3, -1, -1, -1, -1), own[:, :, :, 1::2])
    assert (own[:, 1:, :, ::2] - own[:, :1, :, ::2]).abs().max() > 0.1
    assert (own[:, :, 1:, 1::2] - own[:, :, :1, 1::2]).abs().max() > 0.1


@torch.no_grad()
def test_string_cayley_begins_as_axial_rotation():
    """With `S` zero, queries and keys are those of rope2d."""
    q, k = noise(2, 2, 32, 16, seed=1), noise(2, 2, 32, 16, seed=2)
    site = Site(CELLS, 1, 2)
    found, wanted = (
        position(name, prefix=2).heads(q, k, site) for name in ("string_cayley", "rope2d")
    )

    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


@torch.no_grad()
def test_string_cayley_may_leave_out_its_last_factor():
    """``RoPE(p) P`` alone, as in the paper, gives the same logits between cells."""
    strategy = loud(position("string_cayley"), std=0.3)
    basis = strategy.basis(1)
    q, k = noise(2, 2, 30, 16, seed=1), noise(2, 2, 30, 16, seed=2)
    a, b = strategy.heads(q, k, Site(CELLS, 1, 0))
    strategy.upper.zero_()
    c, d = strategy.heads(q @ basis.mT, k @ basis.mT, Site(CELLS, 1, 0))

    assert (basis @ basis.mT - torch.eye(16)).abs().max() < 1e-5
    torch.testing.assert_close(a @ b.mT, c @ d.mT, rtol=0, atol=1e-4)


@pytest.mark.parametrize("block", ["head", 4, 8])
@torch.no_grad()
def test_string_circulant_is_the_exponential_of_circulant_matrices(block):
    """The Fourier transform gives what scipy gives for the dense generators, which commute."""
    strategy = loud(position("string_circulant", changes={"block": block}))
    side = strategy.side
    column = torch.zeros(2, 2, 16 // side, side, dtype=torch.float64)  # of both axes, heads, blocks
    steps = strategy.steps[:, 1].double()
    column[..., 1 : steps.shape[-1] + 1] = steps
    column[..., side - steps.shape[-1] :] -= steps.flip(-1)
    shift = (torch.arange(side)[:, None] - torch.arange(side)) % side
    a, b = column[..., shift]  # [heads, blocks, side, side]
    found = turns(strategy, Grid(2, 3))

    assert (a @ b - b @ a).abs().max() < 1e-12
    for head in range(2):
        for cell, (row, col) in enumerate((r, c) for r in range(2) for c in range(3)):
            dense = torch.block_diag(
                *(torch.from_numpy(expm(x)) for x in (row * a[head] + col * b[head]).numpy())
            )
            torch.testing.assert_close(found[head, cell].double(), dense, rtol=0, atol=1e-5)


@pytest.mark.parametrize("learned", [False, True])
@torch.no_grad()
def test_spherical_is_a_yaw_by_the_column_after_a_roll_by_the_row(learned):
    """Each triple turns as scipy turns vectors, and what is left over stays."""
    grid = Grid(3, 4)
    strategy = position("rope_spherical", grid=grid, changes={"learned": learned})
    found = turns(strategy, grid)
    rows, cols = (np.linspace(-np.pi, np.pi, n) for n in grid)

    assert len(list(strategy.parameters())) == learned
    for cell, (row, col) in enumerate((r, c) for r in rows for c in cols):
        for k in range(5):
            speed = 100.0 ** -(2 * k / 5)
            wanted = Rotation.from_euler("z", col * speed) * Rotation.from_euler("x", row * speed)
            mine = found[0, cell, 3 * k : 3 * k + 3, 3 * k : 3 * k + 3].double()
            torch.testing.assert_close(
                mine, torch.from_numpy(wanted.as_matrix()), rtol=0, atol=2e-6
            )
        assert found[0, cell, 15].tolist() == [0.0] * 15 + [1.0]


@torch.no_grad()
def test_spherical_grows_to_both_sides():
    """The middle of a larger image is where the middle of a trained one was."""
    strategy = position("rope_spherical", grid=Grid(3, 3))
    small, large = turns(strategy, Grid(3, 3)), turns(strategy, Grid(5, 7))

    torch.testing.assert_close(small[:, 4], torch.eye(16).expand(2, -1, -1), rtol=0, atol=1e-6)
    torch.testing.assert_close(large[:, 2 * 7 + 3], small[:, 4], rtol=0, atol=1e-6)


@torch.no_grad()
def test_liere_reaches_as_far_as_released():
    """From 0 to rows / trained rows, first and last cell included."""
    strategy = position("liere8", grid=Grid(4, 5))
    rows, cols = strategy.places(Site(Grid(6, 5), 0, 0), torch.device("cpu"))

    torch.testing.assert_close(rows[::5], torch.linspace(0, 1.5, 6))
    torch.testing.assert_close(cols[:5], torch.linspace(0, 1, 5))


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("liere8", {"block": 5}, "block 5 does not divide a head of 16"),
        ("liere8", {"block": 32}, "block 32 does not divide a head of 16"),
        ("comrope_ap", {"block": "head"}, "do not share 16 channels evenly"),
        ("string_circulant", {"block": 2}, "cannot turn"),
        ("liere", {"prefix": "before"}, "prefix is identity or centre"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(name, changes, message):
    """The error names the block and the width of a head."""
    with pytest.raises(Exception, match=message):
        position(name, changes=changes)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_noise_on_places_turns_cells_while_training_only(name):
    """`augment.local` moves every cell by a draw of its own; without draws nothing moves."""
    augment = {"shift": 0.0, "jitter": 1.0, "rescale": 1.0, "local": 0.5}
    still, moving = (position(name), position(name, changes={"augment": augment}))
    x, site = noise(1, 2, 30, 16), Site(CELLS, 1, 0)
    draws = torch.rand(2, 33, generator=torch.Generator().manual_seed(0))
    wanted = still.heads(x, x, site)[0]

    assert torch.equal(moving.heads(x, x, site)[0], wanted)
    assert not torch.equal(moving.heads(x, x, site._replace(draws=draws))[0], wanted)
