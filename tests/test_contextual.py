"""Vectors that queries ask and values carry, untied positions, and gates."""

import math

import networks
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.models.convit import GPSA

from vitpos.attention import Attend
from vitpos.embeddings.base import Site
from vitpos.errors import BadInput
from vitpos.grid import Grid
from vitpos.orders import plain
from vitpos.specimens import loud, noise, position

OFFSETS = ["shaw", "shaw1d"]
AXIAL = ["shaw", "shaw_schh", "relative_axial", "decomposed_rel"]
CPU = torch.device("cpu")
grids = st.builds(Grid, st.integers(1, 5), st.integers(1, 5))


def read(strategy, q, k, v, site):
    """What every token reads with the strategy."""
    q, k = strategy.heads(q, k, site)
    bias = strategy.logits(q, k, site)
    gather = Attend(q, k, bias, v.shape[-1] ** -0.5, "explicit")
    return strategy.values(v, gather, site)


def tokens(count, dim=16, heads=2):
    """Queries, keys and values."""
    return [noise(2, heads, count, dim, seed=i) for i in range(3)]


@pytest.mark.parametrize("combine", ["sum", "halves"])
@pytest.mark.parametrize("prefix", ["zero", "learned"])
@torch.no_grad()
def test_shaw_is_the_formula_of_the_paper(combine, prefix):
    """Key and value vectors by clipped offset, pair by pair, on an oblong grid with two others."""
    grid, p, clip = Grid(3, 5), 2, 2
    changes = {"combine": combine, "prefix": prefix, "clip": clip}
    ours = loud(position("shaw", changes=changes, grid=grid, prefix=p))
    q, k, v = (x.double() for x in tokens(p + 15))
    told = torch.zeros(2, 2, p + 15, 16, dtype=torch.float64)

    def vector(vectors, i, j):
        if min(i, j) < p:
            nothing = torch.zeros(16, dtype=torch.float64)
            return nothing if vectors.edge is None else vectors.edge[1].double()
        (row, col), (to_row, to_col) = divmod(i - p, 5), divmod(j - p, 5)
        down = vectors.rows[1, max(-clip, min(clip, row - to_row)) + clip].double()
        right = vectors.cols[1, max(-clip, min(clip, col - to_col)) + clip].double()
        return down + right if combine == "sum" else torch.cat([down, right])

    for i in range(p + 15):
        keys = torch.stack([vector(ours.of_keys, i, j) for j in range(p + 15)])
        carried = torch.stack([vector(ours.of_values, i, j) for j in range(p + 15)])
        logits = (q[:, :, i, None] * (k + keys)).sum(-1) / 4
        told[:, :, i] = (logits.softmax(-1)[..., None] * (v + carried)).sum(-2)

    torch.testing.assert_close(read(ours, q, k, v, Site(grid, 1, p)), told, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("order", "clip", "prefix"),
    [("raster", None, "zero"), ("raster", 4, "learned"), ("spiral", None, "learned")],
)
def test_vectors_of_a_sequence_are_the_formula_of_the_paper(order, clip, prefix):
    """By steps in the sequence, on a longer one than was trained on; gradients come back too."""
    grid, p, reach = Grid(3, 5), 2, clip or 11
    changes = {"order": order, "clip": clip, "prefix": prefix}
    ours = loud(position("shaw1d", changes=changes, grid=Grid(3, 4), prefix=p)).double()
    inputs = [x.double().requires_grad_() for x in tokens(p + 15)]
    q, k, v = inputs
    number = plain(3, 5, order)

    def vector(vectors, i, j):
        if min(i, j) < p:
            return q.new_zeros(16) if vectors.edge is None else vectors.edge[1]
        steps = number[i - p] - number[j - p]
        return vectors.steps[1, max(-reach, min(reach, steps)) + reach]

    told = []
    for i in range(p + 15):
        keys = torch.stack([vector(ours.of_keys, i, j) for j in range(p + 15)])
        carried = torch.stack([vector(ours.of_values, i, j) for j in range(p + 15)])
        logits = (q[:, :, i, None] * (k + keys)).sum(-1) / 4
        told.append((logits.softmax(-1)[..., None] * (v + carried)).sum(-2))
    wanted, found = torch.stack(told, dim=2), read(ours, q, k, v, Site(grid, 1, p))
    inputs += list(ours.parameters())
    slopes = [torch.autograd.grad((x * x).sum(), inputs) for x in (found, wanted)]

    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(*slopes, atol=1e-5, rtol=1e-5)


@given(grid=grids, layer=st.integers(0, 1))
@settings(max_examples=15, deadline=None)
@torch.no_grad()
def test_shaw_without_clip_and_values_is_relative_axial(grid, layer):
    """With the same tables both say the same, bit for bit."""
    site, q = Site(grid, layer, 1), noise(2, 2, 1 + grid.cells, 16)
    shaw = loud(position("shaw", changes={"values": False, "clip": 4}, grid=grid))
    axial = position("relative_axial", grid=grid)
    axial.load_state_dict(shaw.state_dict())

    assert torch.equal(shaw.logits(q, q, site), axial.logits(q, q, site))


@pytest.mark.parametrize("name", AXIAL)
@given(grid=grids, layer=st.integers(0, 1))
@settings(max_examples=10, deadline=None)
@torch.no_grad()
def test_vectors_depend_on_the_offset_alone(name, grid, layer):
    """With the same content everywhere, cells equally far apart get equal terms."""
    q = noise(1, 2, 1, 16).expand(-1, -1, grid.cells, -1)
    term = loud(position(name)).logits(q, q, Site(grid, layer, 0))[0]
    numbers = grid.offset_numbers(CPU)

    for number in numbers.unique():
        same = term[:, numbers == number]
        torch.testing.assert_close(same, same[:, :1].expand_as(same), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_decomposed_vectors_of_rows_know_no_columns():
    """With column vectors at zero, all keys of a row get the same."""
    strategy = loud(position("decomposed_rel", grid=Grid(3, 5)))
    strategy.of_keys.cols.zero_()
    q = noise(2, 2, 15, 16)
    term = strategy.logits(q, q, Site(Grid(3, 5), 0, 0)).unflatten(-1, (3, 5))

    assert torch.equal(term, term[..., :1].expand_as(term))
    assert not torch.allclose(term[..., 0, 0], term[..., 1, 0], atol=0.1)


@torch.no_grad()
def test_scaled_queries_see_less():
    """Vectors seen by scaled queries count 1/√d of those seen by plain ones."""
    strategies = [position("shaw", changes={"scaled": scaled}) for scaled in (True, False)]
    q, site = noise(2, 2, 16, 16), Site(Grid(4, 4), 0, 0)
    scaled, plain = (loud(strategy).logits(q, q, site) for strategy in strategies)

    torch.testing.assert_close(scaled * 4, plain)


@pytest.mark.parametrize("name", ["shaw", "relative_axial"])
@torch.no_grad()
def test_farther_offsets_share_the_outermost_vector(name):
    """On a larger grid the trained offsets keep their vectors, and those beyond get the last."""
    strategy = loud(position(name, changes={"clip": 2, "new_grid": "extrapolate"}))
    q = noise(1, 2, 1, 16).expand(-1, -1, 8, -1)
    term = strategy.logits(q, q, Site(Grid(1, 8), 0, 0))[0, 0, 0]
    table = strategy.of_keys.cols[0] + strategy.of_keys.rows[0, 2]
    wanted = (table[[2, 1, 0, 0, 0, 0, 0, 0]] @ q[0, 0, 0]) / 4

    torch.testing.assert_close(term, wanted)


@torch.no_grad()
def test_rescaled_vectors_span_the_new_grid():
    """Stretched over twice the cells, an offset of 2 sees about what an offset of 1 saw."""
    strategy = position("decomposed_rel")
    ramp = torch.linspace(-1, 1, 7)[None, :, None].expand(2, -1, 16)
    strategy.of_keys.cols.copy_(ramp)
    ones = torch.ones(1, 2, 4, 16), torch.ones(1, 2, 8, 16)
    small = strategy.logits(ones[0], ones[0], Site(Grid(1, 4), 0, 0))[0, 0, 0]
    large = strategy.logits(ones[1], ones[1], Site(Grid(1, 8), 0, 0))[0, 0, 0]

    assert large[0] == pytest.approx(0, abs=1e-5)
    assert (large.diff() < 1e-6).all()
    assert large[2] == pytest.approx(small[1].item(), rel=0.1)
    assert large[-1] == pytest.approx(small[-1].item(), rel=0.05)


@torch.no_grad()
def test_a_rescaled_sequence_spans_the_new_one():
    """In twice the cells, 2 steps see about what 1 step saw, and the ends what the ends saw."""
    strategy = position("shaw1d", changes={"clip": None, "new_grid": "rescale"})
    strategy.of_keys.steps.copy_(torch.linspace(-1, 1, 31)[None, :, None].expand(2, -1, 16))
    small, large = (
        strategy.logits(ones, ones, Site(Grid(rows, 4), 0, 0))[0, 0, 0]
        for rows in (4, 8)
        for ones in [torch.ones(1, 2, 4 * rows, 16)]
    )

    assert large[0] == pytest.approx(0, abs=1e-5)
    assert large[2] == pytest.approx(small[1].item(), rel=0.1)
    assert large[-1] == pytest.approx(small[-1].item(), rel=0.05)


@pytest.mark.parametrize(
    "name", [*AXIAL, "shaw1d", "tupe", "irpe_product_ctx_qkv", "irpe_product_bias"]
)
@torch.no_grad()
def test_prefix_tokens_without_a_number_are_left_alone(name):
    """With prefix=zero no logit of a prefix token changes, and cells do not notice them."""
    strategy = loud(position(name, changes={"prefix": "zero"}, prefix=2))
    q, k, _ = tokens(17)
    term = strategy.logits(q, k, Site(Grid(3, 5), 1, 2))
    bare = strategy.logits(q[:, :, 2:], k[:, :, 2:], Site(Grid(3, 5), 1, 0))

    assert not term[:, :, :2].any()
    assert not term[..., :2].any()
    assert torch.equal(term[:, :, 2:, 2:], bare)


@pytest.mark.parametrize("name", [*OFFSETS, "irpe_product_ctx", "irpe_cross_ctx"])
@torch.no_grad()
def test_pairs_with_a_prefix_token_share_a_vector(name):
    """With prefix=learned a token sees the same at every pair that has a prefix token."""
    strategy = loud(position(name, changes={"prefix": "learned"}, prefix=2))
    q, k, _ = tokens(17)
    term = strategy.logits(q, k, Site(Grid(3, 5), 1, 2))

    assert term[:, :, :, 0].all()
    torch.testing.assert_close(term[..., 0], term[..., 1])
    torch.testing.assert_close(term[:, :, :2], term[:, :, :2, :1].expand(-1, -1, -1, 17))


@pytest.mark.parametrize("name", [*OFFSETS, "irpe_product_ctx", "crpe"])
def test_queries_that_were_widened_are_refused(name):
    """A vector of a head's width cannot meet a query twice as wide."""
    wide, v = noise(2, 2, 16, 32), noise(2, 2, 16, 16)

    with pytest.raises(ValueError, match="wide"):
        read(position(name), wide, wide, v, Site(Grid(4, 4), 0, 0))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("shaw", {"clip": 0}),
        ("shaw", {"combine": "product"}),
        ("shaw", {"new_grid": "ntk"}),
        ("shaw", {"prefix": "none"}),
        ("shaw1d", {"clip": 0}),
        ("shaw1d", {"order": "zigzag"}),
        ("tupe", {"prefix": "none"}),
        ("tupe", {"resample": "area"}),
        ("gpsa", {"first": 0}),
        ("gpsa", {"new_grid": "ntk"}),
    ],
)
def test_what_a_file_forbids_is_refused(name, changes):
    """The class itself says no."""
    with pytest.raises(BadInput, match=next(iter(changes))):
        position(name, changes=changes)


@torch.no_grad()
def test_untied_positions_are_the_same_in_all_blocks():
    """Position and content are halves; cells read every prefix token with one number per head."""
    strategy = loud(position("tupe", prefix=2))
    q, k, _ = tokens(17)
    first, second = (strategy.logits(q, k, Site(Grid(3, 5), layer, 2)) for layer in (0, 1))
    numbers = first[0, :, 2:, :2]

    assert torch.equal(first, second)
    assert torch.equal(first, strategy.logits(k, q, Site(Grid(3, 5), 0, 2)))
    torch.testing.assert_close(strategy.heads(q, k, Site(Grid(3, 5), 0, 2))[0], q / math.sqrt(2))
    assert torch.equal(numbers, numbers[:, :1, :1].expand_as(numbers))
    assert numbers[0, 0, 0] != numbers[1, 0, 0]
    assert not first[:, :, :2].any()


@torch.no_grad()
def test_closed_gates_leave_attention_alone():
    """With all gates shut nothing happens; fully open, only position decides."""
    strategy, site = loud(position("gpsa")), Site(Grid(3, 5), 1, 2)
    q, k, v = tokens(17)
    plain = Attend(q, k, None, 0.25, "explicit")(v)
    strategy.gates.fill_(-200)
    shut = read(strategy, q, k, v, site)
    strategy.gates.fill_(200)
    opened = read(strategy, q, k, v, site)
    placed = strategy.attention(site) @ v[:, :, 2:]

    assert torch.equal(shut, plain)
    assert torch.equal(opened[:, :, :2], plain[:, :, :2])
    torch.testing.assert_close(opened[:, :, 2:], placed)


@torch.no_grad()
def test_position_without_weights_reads_the_mean():
    """A head whose weights are zero reads all cells alike."""
    strategy = position("gpsa")
    strategy.weight.zero_()

    assert torch.allclose(strategy.attention(Site(Grid(3, 5), 0, 0)), torch.tensor(1 / 15))


@pytest.mark.parametrize("heads", [4, 9])
@torch.no_grad()
def test_gated_heads_start_like_the_cells_of_a_kernel(heads):
    """The first weights are those of ConViT; with 9 heads each looks at another neighbour."""
    strategy = position("gpsa", heads=heads, dim=16 * heads, grid=Grid(5, 5))
    theirs = GPSA(16 * heads, heads)
    theirs.local_init()
    row, col, square = strategy.weight[0].T
    peaks = strategy.attention(Site(Grid(5, 5), 0, 0))[:, 12].argmax(-1).sort().values

    torch.testing.assert_close(torch.stack([-col, -row, square], -1), theirs.pos_proj.weight)
    if heads == 9:
        assert peaks.tolist() == [6, 7, 8, 11, 12, 13, 16, 17, 18]


@torch.no_grad()
def test_only_the_first_blocks_are_gated():
    """After the first so many blocks attention is plain."""
    strategy = loud(position("gpsa", changes={"first": 1}))
    q, k, v = tokens(15)
    plain = Attend(q, k, None, 0.25, "explicit")(v)
    changed = [
        not torch.equal(read(strategy, q, k, v, Site(Grid(3, 5), i, 0)), plain) for i in (0, 1)
    ]

    assert changed == [True, False]


@pytest.mark.parametrize("name", ["tupe", "gpsa", "irpe_product_bias", "resformer"])
@torch.no_grad()
def test_numbers_of_position_stay_exact_in_half_precision(name):
    """What does not depend on content is made in float32, under autocast and after casts."""
    say = {"tupe": "bias", "gpsa": "attention", "irpe_product_bias": "biases", "resformer": "table"}
    strategy, site = loud(position(name)), Site(Grid(3, 5), 0, 0)
    for parameter in strategy.parameters():
        parameter.copy_(parameter.bfloat16())  # the only rounding that is allowed
    wanted = getattr(strategy, say[name])(site)
    with torch.autocast("cpu", torch.bfloat16):
        half = getattr(strategy, say[name])(site)
    cast = getattr(strategy.bfloat16(), say[name])(site)

    for found in (half, cast):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-6)


TOGETHER = [
    "shaw+lepe",
    "gpsa+irpe_product_ctx_qkv",
    "lepe+crpe+resformer",
    "rope2d+tupe+gpsa",
    "shaw_schh+swin_rpb+cpe_coat",
]


@pytest.mark.parametrize("names", TOGETHER)
def test_several_act_on_values_in_turn(names):
    """Composed, all parts learn, in both ways of attention and in half precision alike."""
    model = networks.vit(names, registers=1)
    loud(model.position, std=0.2)
    images = noise(2, 3, 24, 40)
    scores = model(images)
    (scores * noise(*scores.shape, seed=1)).sum().backward()
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = model(images)
    for block in model.blocks:
        block.attention.implementation = "explicit"

    assert all(p.grad is not None and p.grad.any() for p in model.position.parameters())
    torch.testing.assert_close(half.float(), scores.detach(), atol=0.1, rtol=0.1)
    torch.testing.assert_close(model(images), scores, atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_values_of_several_build_on_one_another():
    """The second strategy adds to what the first one made of attention."""
    both, site = loud(position("lepe+gpsa")), Site(Grid(3, 5), 0, 1)
    (_, lepe), (_, gpsa) = both.strategies()
    q, k, v = tokens(16)
    gather = Attend(q, k, None, 0.25, "explicit")
    gate = gpsa.gates[0].sigmoid()[:, None, None]
    inner = lepe.values(v, gather, site)[:, :, 1:]
    wanted = (1 - gate) * inner + gate * (gpsa.attention(site) @ v[:, :, 1:])

    torch.testing.assert_close(both.values(v, gather, site)[:, :, 1:], wanted)
