"""Rotations of values, rotations after a learned map, and attention that knows how many read."""

import math

import pytest
import torch
from networks import loud, noise, position

from vitpos.attention import Attend
from vitpos.embeddings.base import Site
from vitpos.grid import Grid

GRID = Grid(3, 5)
SITE = Site(GRID, layer=1, prefix=2)
SHIFT = {"shift": 0.5, "jitter": 1.0, "rescale": 1.0, "local": 0.0}


def heads(seed, tokens=17):
    """Vectors of two heads."""
    return noise(1, 2, tokens, 16, seed=seed)


def read(strategy, q, k, v, site=SITE):
    """What every token reads."""
    q, k = strategy.heads(q, k, site)
    return strategy.values(v, Attend(q, k, None, 16**-0.5, "explicit"), site)


@torch.no_grad()
def test_values_turn_by_how_far_they_come_from():
    """Restated number by number in float64."""
    strategy = position("rope_value")
    q, k, v = (heads(i) for i in (1, 2, 3))
    rotors = strategy.rotation.rotors(SITE)[0].to(torch.complex128)
    weights = (q.double() @ k.double().mT / 4).softmax(-1)
    pairs = torch.view_as_complex(v.double().unflatten(-1, (-1, 2)))
    wanted = torch.zeros_like(pairs)
    for i in range(17):
        for j in range(17):
            turned = pairs[:, :, j] * rotors[j] / rotors[i]
            wanted[:, :, i] += weights[:, :, i, j, None] * turned

    wanted = torch.view_as_real(wanted).flatten(-2)
    torch.testing.assert_close(read(strategy, q, k, v).double(), wanted, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_a_rotation_and_rotary_values_are_gta():
    """The two strategies side by side do what the one does that turns everything."""
    both, one = position("rope2d+rope_value"), position("rope_gta")
    q, k, v = (heads(i) for i in (1, 2, 3))

    torch.testing.assert_close(read(both, q, k, v), read(one, q, k, v))


@pytest.mark.parametrize("name", ["rope_value", "rope_gta"])
@torch.no_grad()
def test_rotary_values_are_relative(name):
    """Moving all coordinates changes nothing of what cells read."""
    strategy = position(name, changes={"augment": SHIFT})
    q, k, v = (heads(i, 15) for i in (1, 2, 3))
    here = SITE._replace(prefix=0)
    there = here._replace(draws=noise(2, 18, seed=4).sigmoid())

    torch.testing.assert_close(
        read(strategy, q, k, v, there), read(strategy, q, k, v, here), atol=1e-5, rtol=1e-5
    )


@torch.no_grad()
def test_rotary_values_stay_exact_in_half_precision():
    """Casting the network leaves the rotors alone."""
    strategy = position("rope_gta")
    wanted = strategy.rotation.rotors(SITE)

    assert torch.equal(strategy.bfloat16().rotation.rotors(SITE), wanted)


@torch.no_grad()
def test_adaptive_heads_begin_as_a_rotation():
    """Before training, the learned map is none."""
    adaptive = position("harope")
    plain = position("rope2d", changes={"theta": 10000.0, "layout": "rows_cols"})
    q, k = heads(1), heads(2)

    torch.testing.assert_close(
        adaptive.heads(q, k, SITE), plain.heads(q, k, SITE), atol=1e-5, rtol=1e-5
    )


@torch.no_grad()
def test_adaptive_heads_are_relative():
    """Whatever was learned, a cell meets itself as if there were no positions."""
    strategy = loud(position("harope"))
    site = SITE._replace(prefix=0)
    q, k = heads(1, 15), heads(2, 15)
    a, b = strategy.heads(q, k, site)

    assert (a - q).abs().max() > 0.1
    torch.testing.assert_close((a * b).sum(-1), (q * k).sum(-1), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_adaptive_maps_stay_exact_under_autocast():
    """Matrices are made in float32, whatever the precision around them."""
    strategy = loud(position("harope"))
    wanted = strategy.maps(1)
    with torch.autocast("cpu", torch.bfloat16):
        found = strategy.maps(1)

    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("prefix", [0, 1])
@torch.no_grad()
def test_more_tokens_sharpen_attention(prefix):
    """Queries grow with the logarithm of the number of tokens; on the trained grid they stay."""
    strategy = position("rope2d+logn", prefix=prefix).parts["logn"]
    q, k = heads(1), heads(2)
    home, large = (Site(grid, 0, prefix) for grid in (Grid(4, 4), Grid(6, 9)))
    grown, kept = strategy.heads(q, k, large)

    assert strategy.heads(q, k, home) == (q, k)
    assert kept is k
    torch.testing.assert_close(grown, q * math.log(54 + prefix) / math.log(16 + prefix))


@torch.no_grad()
def test_a_single_trained_token_has_no_logarithm_to_divide_by():
    """A network of one patch gets finite queries on any grid."""
    strategy = position("logn", grid=Grid(1, 1))
    q, _ = strategy.heads(heads(1), heads(2), Site(Grid(2, 2), 0, 0))

    assert q.isfinite().all()
