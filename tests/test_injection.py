"""The ways to bring vectors into the network: where each speaks, and what it leaves alone."""

import pytest
import torch
from networks import loud, noise
from variants import vit

from vitpos.embeddings.base import Site
from vitpos.grid import Grid
from vitpos.specimens import position
from vitpos.switches import INJECT

GRID, DEPTH, PREFIX = Grid(3, 5), 3, 2
STREAM = {"input": [0], "concat": [0], "shared": [0, 1, 2], "every_layer": [0, 1, 2]}
ATTENTION = {"lape": [0, 1, 2], "qk": [0, 1, 2]}
with_inject = pytest.mark.parametrize("inject", INJECT)


def made(inject, prefix="none", name="learned1d", tokens=PREFIX):
    """A strategy with large numbers for three blocks."""
    changes = {"inject": inject, "prefix": prefix}
    return loud(position(name, grid=GRID, depth=DEPTH, prefix=tokens, changes=changes))


def site(layer, prefix=PREFIX, grid=GRID):
    """Where it is asked."""
    return Site(grid, layer, prefix)


def x(prefix=PREFIX, grid=GRID, seed=0):
    """Two images' tokens."""
    return noise(2, prefix + grid.cells, 32, seed=seed)


@with_inject
@torch.no_grad()
def test_speaks_where_its_name_says(inject):
    """Before the blocks of its own, on the stream or on what attention reads, never on both."""
    strategy, tokens = made(inject), x()
    layers = range(DEPTH)
    stream = [i for i in layers if strategy.tokens(tokens, site(i)) is not tokens]
    asked = [i for i in layers if strategy.inputs(tokens, tokens, site(i))[0] is not tokens]

    assert stream == STREAM.get(inject, [])
    assert asked == ATTENTION.get(inject, [])


@with_inject
@pytest.mark.parametrize("prefix", ["none", "learned"])
def test_every_number_learns(inject, prefix):
    """Tables, slots, norms and projections get a gradient from the last tokens of a network."""
    model = vit("learned1d", {"inject": inject, "prefix": prefix}, pool="cls", registers=1)
    loud(model.position)
    last = []
    model.norm.register_forward_hook(lambda module, before, after: last.append(after))
    model(noise(2, 3, 32, 32))
    (last[0] * noise(*last[0].shape, seed=3)).sum().backward()

    idle = [name for name, p in model.position.named_parameters() if not p.grad.all()]
    assert idle == []


@with_inject
@torch.no_grad()
def test_prefix_tokens_without_a_slot_stay_as_they_are(inject):
    """And cells do not notice how many there are."""
    strategy, tokens = made(inject), x()
    bare = tokens[:, PREFIX:]
    for layer in range(DEPTH):
        after = strategy.tokens(tokens, site(layer))
        asked, told = strategy.inputs(tokens, tokens, site(layer))
        for found in (after, asked, told):
            assert torch.equal(found[:, :PREFIX], tokens[:, :PREFIX])
        assert torch.equal(after[:, PREFIX:], strategy.tokens(bare, site(layer, 0)))
        alone = strategy.inputs(bare, bare, site(layer, 0))
        assert torch.equal(asked[:, PREFIX:], alone[0])
        assert torch.equal(told[:, PREFIX:], alone[1])


@with_inject
@torch.no_grad()
def test_slots_move_prefix_tokens_only(inject):
    """With learned slots cells get what they get without, and a slot stays itself on any grid."""
    strategy = made(inject, "learned")
    larger = Grid(6, 7)
    for layer in range(DEPTH):
        of_cells = strategy.vectors(site(layer, 0))
        both = strategy.vectors(site(layer))
        others = strategy.vectors(site(layer, grid=larger))

        assert both.shape == (PREFIX + GRID.cells, 32)
        assert torch.equal(both[PREFIX:], of_cells)
        assert torch.equal(others[:PREFIX], both[:PREFIX])
        assert not torch.equal(both[0], both[1])


@torch.no_grad()
def test_slots_are_added_to_cls_and_registers():
    """At the input, each prefix token gets its own free vector."""
    strategy, tokens = made("input", "learned"), x()
    change = strategy.tokens(tokens, site(0)) - tokens

    torch.testing.assert_close(change[0, :PREFIX], strategy.slots[0], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_layers_share_a_table_or_have_their_own():
    """What is added before two blocks differs exactly if every layer has a table."""

    def alike(inject):
        strategy = made(inject)
        return torch.equal(*(strategy.vectors(site(layer)) for layer in (0, 2)))

    assert alike("shared")
    assert alike("qk")
    assert not alike("every_layer")
    assert not alike("lape")


@torch.no_grad()
def test_qk_leaves_values_alone():
    """Queries and keys are made of tokens with position, values of the tokens themselves."""
    strategy, tokens, other = made("qk"), x(), x(seed=1)
    asked, told = strategy.inputs(tokens, tokens, site(1))

    assert told is tokens
    assert not torch.equal(asked, tokens)
    assert strategy.inputs(tokens, other, site(1))[1] is other


@torch.no_grad()
def test_lape_normalises_the_table_again_for_every_block():
    """A chain of LayerNorms, restated in float64; values get it too."""
    strategy, tokens = made("lape"), x()
    chain = strategy.source.weight.double()
    for layer, norm in enumerate(strategy.norms):
        centred = chain - chain.mean(dim=-1, keepdim=True)
        deviation = (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
        chain = centred / deviation * norm.weight.double() + norm.bias.double()
        asked, told = strategy.inputs(tokens, tokens, site(layer))

        assert told is asked
        change = (asked - tokens)[0, PREFIX:].double()
        torch.testing.assert_close(change, chain, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_lape_speaks_to_values_that_another_strategy_has_kept_apart():
    """If queries and values come in different, both get the position."""
    strategy, tokens, other = made("lape"), x(), x(seed=1)
    asked, told = strategy.inputs(tokens, other, site(0))

    torch.testing.assert_close(told - other, asked - tokens, rtol=1e-4, atol=1e-4)
    assert not torch.equal(told, asked)


@torch.no_grad()
def test_concat_of_two_identities_is_addition():
    """The projection of tokens and table side by side can add them, and is free to do otherwise."""
    strategy, tokens = made("concat"), x()
    strategy.mix.weight.copy_(torch.eye(32).tile(1, 2))
    strategy.mix.bias.zero_()
    wanted = made("input").tokens(tokens, site(0))

    torch.testing.assert_close(strategy.tokens(tokens, site(0)), wanted, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_concat_starts_like_other_projections():
    """Xavier-uniform, without a bias."""
    mix = position("learned1d", changes={"inject": "concat"}).mix

    assert not mix.bias.any()
    assert 0.9 < mix.weight.abs().max().item() / (6 / (3 * 32)) ** 0.5 <= 1


@pytest.mark.parametrize("inject", ["lape", "every_layer", "qk"])
@torch.no_grad()
def test_numbers_stay_exact_in_half_precision(inject):
    """In a network of bfloat16 and under autocast only parameters and results are rounded."""
    strategy = made(inject, "learned")
    for parameter in strategy.parameters():
        parameter.copy_(parameter.bfloat16())
    wanted = strategy.vectors(site(2))
    with torch.autocast("cpu", torch.bfloat16):
        autocast = strategy.vectors(site(2))
    found = strategy.bfloat16().vectors(site(2))

    assert found.dtype == autocast.dtype == torch.float32
    assert (autocast - wanted).abs().max() <= 1e-6
    assert (found - wanted).abs().max() <= 1e-6


@with_inject
@pytest.mark.parametrize("name", ["learned_sequence", "learned2d", "learned2d_cat", "region"])
@torch.no_grad()
def test_any_table_comes_in_any_way(name, inject):
    """Each table reads an oblong image with CLS and registers, and its bits come back."""
    changes = {"inject": inject, "prefix": "learned"}
    model = vit(name, changes, pool="cls", registers=1).eval()
    images = noise(1, 3, 24, 40)
    scores = model(images)

    assert scores.isfinite().all()
    assert torch.equal(model(images), scores)


@pytest.mark.parametrize("key", ["inject", "prefix"])
def test_unknown_ways_are_refused(key):
    """With what there is instead."""
    with pytest.raises(Exception, match=rf"{key} is (one of input|none or learned).* not 'loudly'"):
        position("learned1d", changes={key: "loudly"})


def test_fixed_tables_have_no_copy_per_layer():
    """Where there is nothing to learn, a table per layer would be the same table."""
    with pytest.raises(Exception, match="every_layer is for tables that are learned"):
        position("sincos2d", changes={"inject": "every_layer"})
