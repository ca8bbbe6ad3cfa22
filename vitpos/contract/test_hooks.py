"""What the strategy does at its places, asked directly."""

from typing import Any

import pytest
import torch
from torch import Tensor

from vitpos.attention import Attend
from vitpos.catalogue import entry
from vitpos.embeddings.additive import Injected
from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.embeddings.bias import Biased
from vitpos.embeddings.rotary import Rotary
from vitpos.embeddings.together import Together
from vitpos.grid import Grid
from vitpos.specimens import fitting, loud, noise, position, said, vit

GRID = Grid(3, 5)


def asked(strategy: Any, site: Site, skip: int = 0) -> dict[str, Tensor]:
    """What comes out at each place for noise; without its first `skip` tokens."""
    width, heads = strategy.trunk.dim, strategy.trunk.heads
    tokens = skip + site.prefix + site.grid.cells
    x, content = (noise(2, tokens, width, seed=seed)[:, skip:] for seed in (4, 5))
    size = 2, heads, tokens, width // heads
    q, k, v = (noise(*size, seed=seed)[:, :, skip:] for seed in range(3))
    told = strategy.inputs(x, x, site)
    inside = site._replace(content=content)
    a, b = strategy.heads(q, k, inside)
    term = strategy.logits(a, b, inside)
    gather = Attend(a, b, term, size[-1] ** -0.5, "explicit")
    found = {"tokens": strategy.tokens(x, site), "asked": told[0], "told": told[1]}
    found |= {"q": a, "k": b, "read": strategy.values(v, gather, inside)}
    before = {"tokens": x, "asked": x, "told": x, "q": q, "k": k, "read": gather(v)}
    found |= {f"{what} before": tensor for what, tensor in before.items()}
    return found if term is None else found | {"logits": term}


@torch.no_grad()
def test_leaves_prefix_tokens_alone(name: str) -> None:
    """CLS and registers are not moved, not turned and not biased; the cells do not notice them."""
    for p in (1, 3):
        strategy = loud(position(name, prefix=p, **fitting(name)))
        found = asked(strategy, Site(GRID, 1, p))
        alone = asked(strategy, Site(GRID, 1, 0), skip=p)
        for what in ("tokens", "asked", "told", "q", "k", "read"):
            after, before = found[what], found[f"{what} before"]
            assert torch.equal(after[..., :p, :], before[..., :p, :]), what
            if what != "read":
                assert torch.equal(after[..., p:, :], alone[what]), what
        if "logits" in found:
            assert not found["logits"][..., :p, :].any()
            assert not found["logits"][..., :, :p].any()
            torch.testing.assert_close(
                found["logits"][..., p:, p:], alone["logits"], rtol=1e-5, atol=1e-6
            )


@torch.no_grad()
def test_shows_itself(name: str) -> None:
    """Views are tables of the grid's cells or stacks of maps, and finite."""
    strategy = position(name, prefix=1, **fitting(name))
    loud(strategy)
    sites = [Site(GRID, layer, 1) for layer in range(strategy.trunk.depth)]
    views = [view for site in sites for view in strategy.views(site).items()]

    assert views or type(strategy) is PositionEmbedding
    for what, view in views:
        kind = what.rpartition("/")[2]
        assert view.isfinite().all()
        assert kind in ("table", "map")
        assert view.ndim == {"table": 2, "map": 3}[kind]
        assert kind == "map" or len(view) == GRID.cells


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@torch.no_grad()
def test_numbers_stay_exact_in_half_precision(name: str, dtype: torch.dtype) -> None:
    """What `.bfloat16()` and autocast reach are parameters and results, never angles or tables.

    What a strategy of no family shows may be a product, and autocast may have its way with those.
    """
    exact = position(name, **fitting(name))
    loud(exact)
    for parameter in exact.parameters():
        parameter.copy_(parameter.to(dtype))  # the only rounding that is allowed
    site = Site(Grid(16, 24), layer=1, prefix=0)
    wanted = said(exact, site)
    with torch.autocast("cpu", dtype):
        mixed = said(exact, site)
    cast = said(exact.to(dtype), site)
    family = isinstance(exact, Injected | Rotary | Biased)

    for what, numbers in wanted.items():
        scale = max(1.0, numbers.abs().max().item())
        assert (cast[what].float() - numbers).abs().max() <= 1e-6 * scale, what
        if family:
            assert (mixed[what].float() - numbers).abs().max() <= 1e-6 * scale, f"{what}, autocast"
            assert cast[what].dtype == mixed[what].dtype == torch.float32, what


def partner(name: str) -> str:
    """A strategy of another kind."""
    parts = name.split("+")
    others = ["learned1d"] if entry(parts[0]).facts.get("family") == "rotary" else ["rope_mixed"]
    return next(other for other in [*others, "swin_rpb", "peg"] if other not in parts)


@torch.no_grad()
def test_speaks_in_turn_with_others(name: str) -> None:
    """Hooks chain in the order in which strategies are named; logits add."""
    names = f"{name}+{partner(name)}"
    together = position(names, prefix=2, **fitting(names))
    loud(together)

    assert isinstance(together, Together)
    assert list(together.parts) == names.split("+")
    parts = [part for _, part in together.strategies()]
    width, heads = together.trunk.dim, together.trunk.heads
    tokens = 2 + GRID.cells
    x, q, k = (
        noise(2, tokens, width),
        *(noise(2, heads, tokens, width // heads, seed=i) for i in (1, 2)),
    )
    for layer in range(2):
        site = Site(GRID, layer, 2, content=x)
        moved, told, turned, terms = x, (x, x), (q, k), []
        for part in parts:
            moved, told = part.tokens(moved, site), part.inputs(*told, site)
            turned = part.heads(*turned, site)
            terms += [term for term in [part.logits(q, k, site)] if term is not None]
        logits = together.logits(q, k, site)

        assert torch.equal(together.tokens(x, site), moved)
        assert all(map(torch.equal, together.inputs(x, x, site), told))
        assert all(map(torch.equal, together.heads(q, k, site), turned))
        assert (logits is None) == (not terms)
        assert logits is None or torch.equal(logits, sum(terms[1:], terms[0]))


def test_learns_together_with_others(name: str) -> None:
    """A network with another strategy beside it scores an oblong image, and both learn."""
    model = vit(f"{name}+{partner(name)}", registers=1)
    loud(model.position)
    scores = model(noise(2, 3, 12, 20))
    scores.square().mean().backward()

    assert scores.isfinite().all()
    assert isinstance(model.position, Together)
    for part, strategy in model.position.strategies():
        grads = [weight.grad for weight in strategy.parameters()]
        assert not grads or any(grad is not None and grad.any() for grad in grads), part
