"""What is particular to parabolas: the query chooses how attention falls off."""

import pytest
import torch
import torch.nn.functional as F
from networks import loud, noise, position

from vitpos.embeddings.base import Site
from vitpos.grid import Grid

NAMES = ["pape", "pape_ri"]
CELLS = Grid(3, 4)


def said(strategy, content, grid=CELLS, prefix=0, dtype=torch.float32):
    """The parabolas for tokens of this content."""
    q = noise(len(content), 2, content.shape[1], 16).to(dtype)
    return strategy.logits(q, q, Site(grid, 1, prefix, content=content.to(dtype)))


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_logits_are_those_of_the_formula(name):
    """A slow sum in float64 over squared and plain differences gives the same."""
    strategy, content = loud(position(name)), noise(2, 12, 32)
    at = strategy.axes(CELLS.indices(torch.device("cpu")).float().T, 1).double()
    apart = at[:, :, None] - at[:, None]  # [heads, queries, keys, axes]
    widths = F.linear(content, strategy.widths[1]).double().unflatten(-1, (2, -1)).transpose(1, 2)
    a = F.softplus(widths)[:, :, :, None]
    c = 0.0
    if name == "pape":
        slopes = F.linear(content, strategy.slopes[1]).double()
        c = slopes.unflatten(-1, (2, -1)).transpose(1, 2)[:, :, :, None]
    wanted = (-a * apart.square() + c * apart).sum(-1) / 4

    found = said(strategy, content).double()
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_only_differences_of_places_matter(name):
    """Where all tokens are equal, logits depend on the offset; at home they are zero."""
    found = said(loud(position(name)), noise(1, 1, 32).expand(-1, 12, -1))[0]
    cells = found.unflatten(1, CELLS).unflatten(3, CELLS)

    torch.testing.assert_close(cells[:, 1:, 1:, 1:, 1:], cells[:, :-1, :-1, :-1, :-1])
    assert found.diagonal(dim1=1, dim2=2).abs().max() < 1e-5


@torch.no_grad()
def test_round_parabolas_depend_on_distance_and_the_others_on_direction():
    """A quarter turn of the image turns the logits of pape_ri with it, and not those of pape."""
    grid, content = Grid(4, 4), noise(1, 1, 32).expand(-1, 16, -1)
    quarter = torch.arange(16).view(4, 4).rot90().flatten()
    changes = {}
    for name in NAMES:
        found = said(loud(position(name)), content, grid)
        changes[name] = (found - found[:, :, quarter][..., quarter]).abs().max().item()

    assert changes["pape_ri"] < 1e-5
    assert changes["pape"] > 0.1


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_the_query_decides(name):
    """Other content of one token changes the row of that token alone."""
    strategy, content = loud(position(name)), noise(1, 12, 32)
    before = said(strategy, content)
    content[0, 5] += 1.0
    changed = (said(strategy, content) != before).any(-1)[0]

    assert changed[:, 5].all()
    assert changed.sum() == 2  # of two heads


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["zero", "origin", "centre"])
@torch.no_grad()
def test_prefix_tokens_are_nowhere_or_on_the_first_cell_or_in_the_middle(name, kind):
    """`origin` and `centre` give CLS the parabolas of a cell; with `zero` it has none."""
    grid = Grid(3, 3)
    strategy = loud(position(name, changes={"prefix": kind}, prefix=1))
    content = noise(1, 1, 32).expand(-1, 10, -1)
    found = said(strategy, content, grid, prefix=1)
    alone = said(strategy, content[:, 1:], grid)

    torch.testing.assert_close(found[..., 1:, 1:], alone, rtol=1e-5, atol=1e-5)
    if kind == "zero":
        assert not found[..., 0, :].any()
        assert not found[..., :, 0].any()
    else:
        like = 0 if kind == "origin" else 4
        torch.testing.assert_close(found[..., 0, 1:], alone[..., like, :], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(found[..., 1:, 0], alone[..., :, like], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_half_precision_rounds_results_only(name):
    """On a large grid, logits in bfloat16 are the exact ones, rounded once."""
    strategy, grid = position(name), Grid(16, 24)
    for parameter in strategy.parameters():
        parameter.copy_(parameter.bfloat16())
    content = noise(1, grid.cells, 32).bfloat16().float()
    wanted = said(strategy, content, grid)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(said(strategy, content, grid), wanted)

    half = said(strategy.bfloat16(), content, grid, dtype=torch.bfloat16)
    assert torch.equal(half, wanted.bfloat16())


@torch.no_grad()
def test_random_lengths_belong_to_the_state():
    """A run of another seed has other lengths until it gets the state, also after casts."""
    first, second = position("pape_ri"), position("pape_ri", seed=1)
    different = first.lengths().clone()
    assert not torch.equal(second.lengths(), different)
    second.bfloat16().load_state_dict(first.state_dict())

    assert torch.equal(second.lengths(), different)
    assert different.abs().max() <= 0.5**0.5


@pytest.mark.parametrize("name", NAMES)
def test_refuses_what_it_cannot_do(name):
    """Without content there are no parabolas; unknown switches are named."""
    q = noise(1, 2, 12, 16)
    with pytest.raises(ValueError, match=r"site\.content"):
        position(name).logits(q, q, Site(CELLS, 0, 0))
    with pytest.raises(Exception, match="prefix is zero, origin or centre, not 'before'"):
        position(name, changes={"prefix": "before"})
