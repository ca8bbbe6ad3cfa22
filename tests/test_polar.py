"""What is particular to polar positions: lengths tell what, angles tell where."""

import pytest
import torch
import torch.nn.functional as F
from networks import loud, noise, position, vit

from vitpos import config
from vitpos.embeddings.base import Site
from vitpos.embeddings.polar import directions
from vitpos.errors import BadInput
from vitpos.grid import Grid

NAMES = ["pope", "pope_golden"]
CELLS = Grid(4, 5)


def logits(strategy, q, k, site):
    """Products of what comes out for queries and keys."""
    a, b = strategy.heads(q, k, site)
    return a @ b.mT


@pytest.mark.parametrize("other", sorted({*config.options("embedding")} - {"pope"}))
@torch.no_grad()
def test_goes_together_with_another_or_says_that_it_cannot(other):
    """A strategy turns what is twice as wide, or the two cannot be had at all."""
    together = f"pope+{other}"
    if position(other).narrow:
        with pytest.raises(BadInput, match="wider than"):
            position(together)
        with pytest.raises(BadInput, match="wider than"):
            position(f"{other}+pope")
    else:
        scores = vit(together).eval()(noise(1, 3, 16, 16))

        assert scores.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prefix", [0, 2])
@torch.no_grad()
def test_products_are_those_of_the_formula(name, prefix):
    """A slow sum in float64 over lengths and cosines gives the same."""
    strategy = loud(position(name, prefix=prefix))
    q, k = (noise(1, 2, prefix + 20, 16, seed=i) for i in (1, 2))
    angles = strategy.angles(Site(CELLS, 1, prefix)).double().expand(2, -1, -1)
    phase = strategy.phases[1].double().clamp(-2 * torch.pi, 0)[:, None, None]
    turn = angles[:, None] - angles[:, :, None] + phase  # [heads, queries, keys, channels]
    lengths = F.softplus(q.double())[0, :, :, None] * F.softplus(k.double())[0, :, None]

    found = logits(strategy, q, k, Site(CELLS, 1, prefix))[0].double()
    torch.testing.assert_close(found, (lengths * turn.cos()).sum(-1), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_relative_and_symmetric_without_phases(name):
    """With equal content, products depend on the offset; with phases 0, not on its sign."""
    strategy = position(name)
    x = noise(1, 2, 1, 16).expand(-1, -1, 20, -1)
    for std in (0.0, 1.0):
        loud(strategy, std=std)
        found = logits(strategy, x, x, Site(CELLS, 1, 0))[0]
        cells = found.unflatten(1, CELLS).unflatten(3, CELLS)
        torch.testing.assert_close(
            cells[:, 1:, 1:, 1:, 1:], cells[:, :-1, :-1, :-1, :-1], rtol=0, atol=1e-4
        )

        assert ((found - found.mT).abs().max() < 1e-4) == (std == 0)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_signs_of_content_turn_nothing(name):
    """Content is a length: at one place and with phases 0 all products are positive."""
    strategy = position(name)
    q, k = (noise(4, 2, 1, 16, seed=i) for i in (1, 2))

    assert logits(strategy, q, k, Site(Grid(1, 1), 0, 0)).min() > 0


@torch.no_grad()
def test_axes_are_halves_columns_first():
    """The first half of the channels does not notice rows, the second not columns."""
    rows, cols = (position("pope").angles(Site(grid, 0, 0))[0] for grid in (Grid(3, 1), Grid(1, 3)))

    assert not rows[:, :8].any()
    assert not cols[:, 8:].any()
    assert torch.equal(rows[:, 8:], cols[:, :8])
    torch.testing.assert_close(rows[1, 8:], 100.0 ** -(torch.arange(8) / 8))


@torch.no_grad()
def test_golden_directions_fill_the_circle():
    """Unit vectors, about as many in each of eight directions; speeds from slowest to fastest."""
    found = directions(96)
    counts = torch.histc(torch.atan2(*found), bins=8, min=-torch.pi, max=torch.pi)
    waves = position("pope_golden", changes={"still": 0.25}).waves()

    torch.testing.assert_close(found.norm(dim=0), torch.ones(96, dtype=torch.float64))
    assert counts.min() >= 10
    assert counts.max() <= 14
    speeds = waves.norm(dim=0)
    assert not speeds[:, :4].any()
    torch.testing.assert_close(speeds[:, [4, 15]], torch.tensor([[0.3, torch.pi]] * 2))


@pytest.mark.parametrize("name", NAMES)
def test_phases_are_held_within_a_turn_and_go_on_learning(name):
    """Beyond 0 and -2 pi nothing changes any more, but gradients still arrive."""
    strategy = position(name)
    q, k = (noise(1, 2, 20, 16, seed=i) for i in (1, 2))
    said = []
    for phase in (0.0, 3.0, -2 * torch.pi, -9.0):
        torch.nn.init.constant_(strategy.phases, phase)
        found = logits(strategy, q, k, Site(CELLS, 0, 0))
        (gradient,) = torch.autograd.grad(found.square().sum(), strategy.phases)
        said.append(found.detach())

        assert gradient[0].all()
    torch.testing.assert_close(said[0], said[1])
    torch.testing.assert_close(said[2], said[3])


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_prefix_tokens_are_at_no_angle_or_in_the_middle(name):
    """CLS and registers have angle 0, or that of the mean of all places."""
    still, middle = (
        position(name, changes={"prefix": prefix}).angles(Site(Grid(3, 3), 0, 2))
        for prefix in ("identity", "centre")
    )

    assert not still[:, :2].any()
    torch.testing.assert_close(middle[:, :2], middle[:, 6:7].expand(-1, 2, -1))
    assert torch.equal(still[:, 2:], middle[:, 2:])


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_angles_stay_exact_in_half_precision(name):
    """Autocast and `.bfloat16()` do not reach them."""
    strategy, site = position(name), Site(Grid(16, 24), 1, 1)
    wanted = strategy.angles(site)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(strategy.angles(site), wanted)

    assert torch.equal(strategy.bfloat16().angles(site), wanted)


@pytest.mark.parametrize("name", NAMES)
def test_refuses_what_it_does_not_know(name):
    """The error names the value."""
    with pytest.raises(Exception, match="prefix is identity or centre, not 'before'"):
        position(name, changes={"prefix": "before"})


@pytest.mark.parametrize("changes", [{"still": -0.1}, {"still": 1.1}, {"slowest": 0.0}])
def test_waves_that_cannot_be_are_refused(changes):
    """Shares are between 0 and 1, and speeds above 0."""
    with pytest.raises(Exception, match="no waves from"):
        position("pope_golden", changes=changes)
