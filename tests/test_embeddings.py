"""What every strategy promises, by itself and together with others."""

import networks
import pytest
import torch
from networks import COMBINATIONS, PATCH, loud, noise, said
from torch import nn

from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.grid import Grid

GRIDS = [Grid(6, 6), Grid(2, 2), Grid(3, 7), Grid(5, 2), Grid(1, 6), Grid(1, 1)]
SITE = Site(Grid(3, 5), layer=1, prefix=2)
COUNTING = [name for name in networks.NAMES if said(networks.position(name), SITE) is not None]


def shuffled(images):
    """The same patches in another order."""
    patches = nn.functional.unfold(images, PATCH, stride=PATCH)
    order = torch.randperm(patches.shape[-1], generator=torch.Generator().manual_seed(2))
    return nn.functional.fold(patches[..., order], images.shape[-2:], PATCH, stride=PATCH)


def difference(a, b):
    """The largest absolute difference."""
    return (a - b).abs().max().item()


@torch.no_grad()
def test_scores_every_image(vit, images):
    """One finite score for each class."""
    scores = vit(images)

    assert scores.shape == (4, networks.CLASSES)
    assert scores.isfinite().all()


@torch.no_grad()
def test_tells_the_order_of_patches(vit, images):
    """Shuffled patches change the scores exactly if there is a position embedding."""
    change = difference(vit(images), vit(shuffled(images)))

    assert change < 1e-5 if type(vit.position) is PositionEmbedding else change > 1e-3


@torch.no_grad()
def test_none_is_silent(images):
    """The baseline says nothing at any of the four places."""
    silent = networks.position("none")
    x, q = noise(1, 17, 32), noise(1, 2, 17, 16)

    assert silent.pixels(images) is images
    assert silent.tokens(x, SITE) is x
    assert silent.heads(q, q, SITE) == (q, q)
    assert silent.logits(q, q, SITE) is None
    assert not list(silent.parameters())


def test_learns_with_every_number(vit, images):
    """Each parameter of each layer, head, cell and offset gets a gradient from the last tokens."""
    last = []
    vit.norm.register_forward_hook(lambda module, before, after: last.append(after))
    vit.train()(images)
    (last[0] * noise(*last[0].shape, seed=3)).sum().backward()

    gradients = {name: p.grad for name, p in vit.position.named_parameters()}
    idle = [name for name, grad in gradients.items() if grad is None or not grad.all()]
    assert idle == []


@pytest.mark.parametrize("grid", GRIDS, ids="{0.rows}x{0.cols}".format)
@torch.no_grad()
def test_reads_other_grids(name, grid):
    """Larger, smaller and oblong images, down to a single patch, get finite scores."""
    model = networks.vit(name, pool="cls", registers=1).eval()
    images = noise(2, 3, grid.rows * PATCH, grid.cols * PATCH)

    assert model(images).isfinite().all()


@torch.no_grad()
def test_what_was_seen_before_changes_nothing(name):
    """After an 8x8 grid, a 4x16 grid (as many cells) is read as if it were the first."""
    asked, fresh = (loud(networks.vit(name)) for _ in range(2))
    square, oblong = noise(1, 3, 64, 64), noise(1, 3, 32, 128)
    asked(square)

    assert torch.equal(asked(oblong), fresh(oblong))


@torch.no_grad()
def test_tells_an_oblong_grid_from_its_transpose(name):
    """The same patches, in the same sequence, on a 2x8 and an 8x2 grid are different images."""
    model = loud(networks.vit(name), std=0.3)
    wide = noise(1, 3, 16, 64)
    patches = wide.unflatten(-1, (8, 8)).unflatten(-3, (2, 8))  # [1, 3, 2, 8, 8, 8]
    tall = patches.permute(0, 1, 2, 4, 3, 5).reshape(1, 3, 8, 2, 8, 8).transpose(3, 4).flatten(4)
    tall = tall.flatten(2, 3)

    assert torch.equal(model.patches(tall), model.patches(wide))
    change = difference(model(wide), model(tall))
    assert change < 1e-5 if name == "none" else change > 1e-4


@torch.no_grad()
def test_comes_back_from_its_state(vit, name, prefix, images):
    """A network of another seed gives the same bits once it has the same state."""
    other = networks.vit(name, seed=1, **prefix).eval()
    other.load_state_dict(vit.state_dict())

    assert torch.equal(other(images), vit(images))


@torch.no_grad()
def test_survives_autocast(vit, images):
    """In bfloat16 the scores are finite and close to those of float32."""
    full = vit(images)
    with torch.autocast("cpu", torch.bfloat16):
        half = vit(images)

    torch.testing.assert_close(half.float(), full, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("name", COUNTING)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.no_grad()
def test_numbers_stay_exact_in_a_network_of_half_precision(name, dtype):
    """What `.bfloat16()` and autocast reach are parameters and results, never angles or tables."""
    exact = loud(networks.position(name))
    for parameter in exact.parameters():
        parameter.copy_(parameter.to(dtype))  # the only rounding that is allowed
    site = Site(Grid(16, 24), layer=1, prefix=0)
    wanted = said(exact, site)
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast = said(exact, site)
    cast = said(exact.to(dtype), site)

    assert difference(under_autocast.float(), wanted) <= 1e-6
    assert cast.dtype == torch.float32
    assert difference(cast, wanted) <= 1e-6


@torch.no_grad()
def test_a_network_in_bfloat16_runs(vit, images):
    """All weights in bfloat16: no hook hands on another precision than it was given."""
    half = vit.bfloat16()

    torch.testing.assert_close(
        half(images.bfloat16()).float(), vit.float()(images), atol=0.2, rtol=0.2
    )


@pytest.mark.parametrize("prefix_tokens", [1, 3])
@torch.no_grad()
def test_leaves_prefix_tokens_alone(name, prefix_tokens):
    """CLS and registers are not moved, not turned and not biased; the cells do not notice them."""
    strategy = loud(networks.position(name, prefix=prefix_tokens))
    grid, p = Grid(3, 5), prefix_tokens
    site, bare = Site(grid, 1, p), Site(grid, 1, 0)
    x, q, k = noise(2, p + 15, 32), noise(2, 2, p + 15, 16), noise(2, 2, p + 15, 16, seed=1)
    tokens, heads = strategy.tokens(x, site), strategy.heads(q, k, site)
    logits = strategy.logits(q, k, site)

    assert torch.equal(tokens[:, :p], x[:, :p])
    assert torch.equal(tokens[:, p:], strategy.tokens(x[:, p:], bare))
    for before, after, alone in zip(
        (q, k), heads, strategy.heads(q[:, :, p:], k[:, :, p:], bare), strict=True
    ):
        assert torch.equal(after[:, :, :p], before[:, :, :p])
        assert torch.equal(after[:, :, p:], alone)
    if logits is not None:
        assert not logits[..., :p, :].any()
        assert not logits[..., :, :p].any()
        assert torch.equal(logits[..., p:, p:], strategy.logits(q[:, :, p:], k[:, :, p:], bare))


@torch.no_grad()
def test_explicit_attention_agrees_with_sdpa(vit, images):
    """Both implementations of attention give the same scores."""
    fused = vit(images)
    for block in vit.blocks:
        block.attention.implementation = "explicit"

    torch.testing.assert_close(vit(images), fused, atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_shows_itself(name):
    """Views are tables of the grid's cells or stacks of maps, and finite."""
    strategy = loud(networks.position(name))
    site = Site(Grid(3, 5), layer=0, prefix=1)
    views = strategy.views(site) or strategy.views(site._replace(layer=1))

    assert bool(views) == (name != "none")
    for what, view in views.items():
        assert view.isfinite().all()
        assert what in ("table", "map")
        assert view.ndim == {"table": 2, "map": 3}[what]
        if what == "table":
            assert len(view) == site.grid.cells
        elif name != "peg":  # which shows its kernels
            assert view.shape[1:] == site.grid


@pytest.mark.parametrize("names", COMBINATIONS)
@torch.no_grad()
def test_several_speak_in_turn(names):
    """Hooks chain in the order in which they are named; logits add."""
    together = loud(networks.position(names))
    parts = [part for _, part in together.strategies()]
    x, q, k = noise(2, 17, 32), noise(2, 2, 17, 16), noise(2, 2, 17, 16, seed=1)
    for layer in (0, 1):
        site = Site(Grid(3, 5), layer, 2)
        tokens, heads = x, (q, k)
        for part in parts:
            tokens, heads = part.tokens(tokens, site), part.heads(*heads, site)
        terms = [term for part in parts if (term := part.logits(q, k, site)) is not None]

        assert list(together.parts) == names.split("+")
        assert torch.equal(together.tokens(x, site), tokens)
        assert all(map(torch.equal, together.heads(q, k, site), heads))
        logits = together.logits(q, k, site)
        assert torch.equal(logits, sum(terms)) if terms else logits is None


@torch.no_grad()
def test_logits_of_several_add_up():
    """Two biases at once give the sum of the two."""
    both = loud(networks.position("alibi2d+swin_rpb"))
    q = noise(1, 2, 17, 16)
    first, second = (part.logits(q, q, SITE) for _, part in both.strategies())

    assert first.any()
    assert second.any()
    torch.testing.assert_close(both.logits(q, q, SITE), first + second)


@pytest.mark.parametrize("names", COMBINATIONS)
def test_several_learn_and_read_other_grids(names):
    """Several strategies score an oblong image, and each of their parameters learns."""
    model = networks.vit(names, pool="cls", registers=1)
    loud(model.position)
    scores = model(noise(2, 3, 24, 40))
    scores.square().mean().backward()

    assert scores.isfinite().all()
    assert all(p.grad.any() for p in model.position.parameters())
