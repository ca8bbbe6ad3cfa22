"""Probes of what is inside show nothing where nothing is, and find what was planted."""

import math

import networks
import numpy as np
import pytest
import subjects
import torch
from subjects import measured

from vitpos.grid import Grid
from vitpos.probes import PROBES, controls, load, places
from vitpos.probes.rollout import rollout
from vitpos.probes.trace import traced

INSIDE = PROBES[PROBES.index("decodability") :]
CPU = torch.device("cpu")
PREFIX = {"pool": "cls", "registers": 1}


def network(names="none", seed=0, **backbone):
    """A network whose position speaks as loud as its images."""
    model = networks.vit(names, seed=seed, **backbone)
    networks.loud(model.position)
    return model.eval()


def quiet(model):
    """The same with images that are hardly heard."""
    for parameter in model.patches.parameters():
        parameter.data *= 0.1
    return model


def blind(names="none", **backbone):
    """The same, but queries and keys of content are zero."""
    model = network(names, **backbone)
    for block in model.blocks:
        dim = model.head.in_features
        block.attention.qkv.weight.data[: 2 * dim] = 0
        block.attention.qkv.bias.data[: 2 * dim] = 0
    return model


def biased(table):
    """Attention by offset alone: the same table [2 rows - 1, 2 cols - 1] for all, on 4 x 4."""
    model = blind("swin_rpb")
    for parameter in model.position.parameters():
        assert parameter.shape[-2:] == table.shape
        parameter.data[:] = table
    return model


def table(down=0, right=0):
    """A large number at one offset of the key from the query."""
    found = torch.zeros(7, 7)
    found[3 - down, 3 - right] = 1e4
    return found


def test_every_strategy_is_measured(name, monkeypatch):
    """On an oblong grid with prefix tokens: finite numbers, arrays, or a reason why not."""
    monkeypatch.setattr(controls, "TOKENS", 2**9)
    subject = subjects.subject(network(name, **PREFIX), 24, 32, images=12)
    for which in INSIDE:
        reason = load(which).why_not(subject)
        found = None if reason else load(which).measure(subject)

        assert bool(reason) == (which == "spectra" and not turns(name)), (which, reason)
        if found is not None:
            assert found.numbers, which
            assert all(math.isfinite(value) for value in found.numbers.values()), which
            assert all(isinstance(x, np.ndarray) and x.size for x in found.arrays.values()), which


def turns(name):
    """Whether a strategy is one of rotations, as its file tells."""
    families = "axial commuting directions sequences adaptive mismatched rotary_values lie strings"
    module = networks.options(name)[name]["_target_"].split(".")[2]
    return module in {*families.split(), "sphere", "polar"}


@pytest.mark.parametrize("which", INSIDE)
def test_measures_the_same_twice(which):
    """Bit for bit."""
    subject = subjects.subject(network("rope2d"), images=12)
    one, two = (load(which).measure(subject) for _ in range(2))

    assert one.numbers == two.numbers
    for name, x in one.arrays.items():
        np.testing.assert_array_equal(x, two.arrays[name])


@pytest.mark.parametrize("prefix", [{}, PREFIX], ids=["mean", "cls-1"])
def test_shows_nothing_without_position(prefix):
    """One token on a constant image, noise on shuffled ones."""
    model = network(**prefix)
    leak, kernel, variance, read, alike, anchored = (
        measured(which, model, images=200).numbers
        for which in ("leakage", "kernel", "variance", "decodability", "similarity", "anchoring")
    )

    assert {leak["start/distinct"], leak["layer0/distinct"], leak["distinct"]} == {1}
    assert leak["r2"] == 0
    assert abs(read["constant/r2"]) < 1e-6
    assert abs(read["shuffled/r2"]) < 0.1
    assert read["constant/cells"] == pytest.approx(read["cells_by_guess"], rel=1e-4)
    assert 0.7 < kernel["rms"] / kernel["floor"] < 1.4
    assert kernel["share"] < 0.002
    assert not {"offset_share", "toeplitz", "relative"} & kernel.keys()
    assert variance["position"] < 0.002
    assert variance["added"] == variance["asked"] == 0
    assert abs(alike["row_column"]) < 0.3
    assert abs(anchored["shuffled"]) < 0.02


def test_finds_a_table():
    """Vectors of places are read, counted, and most of what varies."""
    model = quiet(network("learned1d", **PREFIX))
    leak, kernel, variance, read = (
        measured(which, model, height=24, images=120).numbers
        for which in ("leakage", "kernel", "variance", "decodability")
    )

    assert leak["start/distinct"] == leak["distinct"] == 12
    assert leak["r2"] == pytest.approx(1)
    assert read["start/shuffled/r2"] > 0.8
    assert read["start/constant/r2"] > 0.99
    assert variance["start/position"] > 0.3
    assert kernel["rms"] > 3 * kernel["floor"]
    assert kernel["relative"] < 0.7


def test_counts_the_corners_of_a_padded_convolution():
    """Corners, edges and the inside: nine kinds, which tell so much of the place and no more."""
    found = measured("leakage", network("peg"))
    kinds = found.arrays["layer1/kinds"]

    assert found.numbers["start/distinct"] == found.numbers["layer0/distinct"] == 1
    assert found.numbers["distinct"] == 9
    assert found.numbers["r2"] == pytest.approx(0.9)
    assert kinds[1, 1] == kinds[2, 2] != kinds[0, 0]


def test_a_bias_is_its_own_kernel():
    """Without content: exactly the bias less its row means, and all of it is relative."""
    model = blind("swin_rpb")
    found = measured("kernel", model, images=12)
    (layers,) = traced(model, networks.noise(1, 3, 32, 32), attention=True)
    for number, layer in enumerate(layers):
        bias = layer.logits[0].detach().double()
        rest = bias.where(places.others(Grid(4, 4), CPU), torch.nan)
        expected = (bias - rest.nanmean(-1, keepdim=True)).numpy()

        np.testing.assert_allclose(found.arrays[f"layer{number}/M"], expected, atol=1e-6)
        assert found.numbers[f"layer{number}/relative"] == pytest.approx(1)
        assert found.numbers[f"layer{number}/share"] == pytest.approx(1)
        assert found.numbers[f"layer{number}/floor"] < 1e-6


def test_what_a_head_must_not_see_is_no_number():
    """Hidden keys are left out of kernels and of their numbers."""
    found = measured("kernel", network("lookhere"), images=12)
    kernel = found.arrays["layer0/K"]

    assert np.isnan(kernel).any()
    assert np.nanmax(np.abs(kernel)) < 1e3


@pytest.mark.parametrize("prefix", [{}, PREFIX], ids=["mean", "cls-1"])
def test_uniform_attention_is_the_reference(prefix):
    """As far as the middles of patches are apart, as much to one side as to the other."""
    found = measured("attention", blind(**prefix), height=24, width=40, images=12)
    at = torch.cartesian_prod(torch.arange(3), torch.arange(5)).double() * 8
    expected = float(torch.cdist(at, at).mean())

    assert found.numbers["distance"] == pytest.approx(expected)
    assert found.numbers["uniform_distance"] == pytest.approx(expected)
    assert found.numbers["to_uniform"] == pytest.approx(1)
    assert found.numbers["entropy"] == pytest.approx(1)
    assert found.numbers["direction"] == pytest.approx(0, abs=1e-6)
    assert found.numbers["prefix"] == pytest.approx(2 / 17 if prefix else 0)
    assert found.arrays["layer0/by_query"].shape == (2, 3, 5)


def test_attention_to_oneself_goes_nowhere():
    """Distance, entropy and receptive field of heads that see one offset: none."""
    model = biased(table())
    found = measured("attention", model, images=12).numbers
    field = measured("receptive", model, images=12)

    assert found["distance"] == found["to_uniform"] == pytest.approx(0)
    assert found["entropy"] == pytest.approx(0, abs=1e-9)
    assert field.numbers["own"] == pytest.approx(1)
    assert field.numbers["sigma"] < 4


def test_attention_to_one_side_has_a_direction():
    """A cell to the right where there is one: 8 pixels for 3 of 4 columns, then all."""
    found = measured("attention", biased(table(right=1)), images=12)
    way = found.arrays["layer0/direction"]

    assert way.shape == (2, 2)
    np.testing.assert_allclose(way[:, 0], 0, atol=1e-6)
    np.testing.assert_allclose(way[:, 1], (3 * 8 - 12) / 4, rtol=1e-6)


def test_receptive_fields_see_sides():
    """A network that reads what is below depends on nothing above."""
    one = measured("receptive", biased(table(down=1)), images=12)
    field = one.arrays["layer0/field"]

    assert field[:16].sum() == 0
    assert field.sum() == pytest.approx(1)
    assert one.numbers["layer0/asymmetry"] == pytest.approx(1)


def test_rollout_of_uniform_attention_is_uniform():
    """Of the map, once the identity is no part of it; rows of R sum to one."""
    model = blind(**PREFIX)
    found = measured("rollout", model, height=24, images=12)
    (layers,) = traced(model, networks.noise(2, 3, 24, 32), attention=True)
    rolled = rollout(layers)
    depth, tokens = len(layers), 14
    expected = torch.full((tokens, tokens), (1 - 0.5**depth) / tokens, dtype=torch.float64)
    expected += torch.eye(tokens) * 0.5**depth

    torch.testing.assert_close(rolled[0], expected)
    assert found.numbers["entropy"] == pytest.approx(1)
    np.testing.assert_allclose(found.arrays["map"], 1 / 12)


def test_rollout_of_attention_to_oneself_is_the_identity():
    """Whatever the depth."""
    (layers,) = traced(biased(table()), networks.noise(2, 3, 32, 32), attention=True)

    torch.testing.assert_close(rollout(layers)[1], torch.eye(16, dtype=torch.float64))


def test_rollout_keeps_rows():
    """They sum to one, with prefix tokens and on noise."""
    (layers,) = traced(network("gpsa", **PREFIX), networks.noise(2, 3, 24, 40), attention=True)

    torch.testing.assert_close(rollout(layers).sum(-1), torch.ones(2, 17, dtype=torch.float64))


def test_tables_of_rows_and_columns_are_told():
    """A sum of both is additive; sinusoids are alike where they are near."""
    added = measured("similarity", network("learned2d_add"), height=24, images=12)
    smooth = measured("similarity", network("sincos2d"), height=24, images=12)
    cosine = smooth.arrays["layer0/table/cosine"]

    assert added.numbers["table/row_column"] == pytest.approx(1, abs=1e-5)
    assert smooth.numbers["table/nearness"] > 0.8
    assert smooth.numbers["layer0/nearness"] > 0.5
    assert cosine.shape == (3, 4, 3, 4)
    np.testing.assert_allclose(cosine[1, 2, 1, 2], 1)


def test_near_tokens_are_alike_by_place():
    """Of sinusoids the structure stays when patches move."""
    found = measured("anchoring", quiet(network("sincos2d"))).numbers

    assert found["start/shuffled"] > 0.3
    assert found["start/anchored"] == pytest.approx(1, abs=0.1)


def test_variance_is_shared_out():
    """Place, image and rest, as they were planted; chance alone is no position."""
    from vitpos.probes.variance import Sums, shares

    place, image, rest = 2.0, 3.0, 1.0
    random = torch.Generator().manual_seed(0)
    tokens = place * torch.randn(1, 12, 400, generator=random)
    tokens = tokens + image * torch.randn(300, 1, 400, generator=random)
    tokens = tokens + rest * torch.randn(300, 12, 400, generator=random) + 5
    sums = Sums(Grid(3, 4))
    for part in tokens.split(100):
        sums.add(part)
    total = place**2 + image**2 + rest**2

    assert shares(sums) == pytest.approx([x**2 / total for x in (place, image, rest)], abs=0.02)


def test_norms_tell_what_is_added():
    """By the norm of what was there, before the first block alone; beside the stream if so."""
    model = network("learned1d")
    found = measured("variance", model, images=12).numbers
    model.position.inject = "qk"
    beside = measured("variance", model, images=12).numbers

    assert found["added"] == found["layer0/added"] > 0.1
    assert found["layer1/added"] == found["asked"] == 0
    assert beside["added"] == 0
    assert beside["asked"] > 0.1


def test_waves_of_an_axial_rotation():
    """Wavelengths from the formula, in cells, whatever the unit of coordinates."""
    model = network("rope2d")
    found = measured("spectra", model, height=24, width=48)
    own = 100.0 ** -(torch.arange(4) / 4)
    waves = torch.from_numpy(found.arrays["layer0/waves"][0])

    torch.testing.assert_close(waves[:4, 1], own.double(), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(waves[4:, 0], own.double(), rtol=1e-5, atol=1e-7)
    assert found.numbers["shortest"] == pytest.approx(2 * math.pi, rel=1e-5)
    assert found.numbers["unused"] == 0.5  # of 6.3, 19.9, 62.8 and 199 cells, on 6 columns
    assert found.numbers["aliased"] == 0
    assert "commutator" not in found.numbers
    np.testing.assert_allclose(found.arrays["layer0/kernel"][:, 2, 5], 1)


def test_finds_the_rotation_among_others():
    """Of strategies together, and inside of one that turns values."""
    for names in ("learned1d+rope2d", "peg+alibi2d+rope2d", "rope_value", "harope"):
        assert "layer1/waves" in measured("spectra", network(names)).arrays, names


def test_a_sequence_turns_a_whole_row_downwards():
    """As many times as a row has columns."""
    waves = measured("spectra", network("rope1d"), height=24, width=40).arrays["layer0/waves"][0]

    np.testing.assert_allclose(waves[:, 0], 5 * waves[:, 1], rtol=1e-4, atol=1e-6)


def test_waves_of_matrices():
    """Blocks of two are planes: their generators are the numbers that were drawn."""
    model = networks.vit("liere2")
    found = measured("spectra", model)
    upper = model.position.upper[:, 0, :, :, 0].detach().double()  # [2, heads, blocks]
    unit = 1 / 3 if networks.options("liere2")["liere2"]["coords"] == "corner01" else 1
    expected = np.sort(upper.norm(dim=0).numpy() * unit, axis=-1)
    size = np.sort(np.linalg.norm(found.arrays["layer0/waves"], axis=-1), axis=-1)

    np.testing.assert_allclose(size, expected, rtol=2e-3)
    assert found.numbers["commutator"] < 1e-3


def test_tells_matrices_that_do_not_commute():
    """Circulant ones do, free ones do not, and turning about two axes does not."""
    found = {
        name: measured("spectra", network(name)).numbers["commutator"]
        for name in ("string_circulant", "string_cayley", "liere8", "rope_spherical")
    }

    assert max(found["string_circulant"], found["string_cayley"]) < 1e-2
    assert min(found["liere8"], found["rope_spherical"]) > 0.1


def test_all_waves_draw_a_point():
    """As many functions as cells draw anything; one frequency for all draws little."""
    from vitpos.probes.spectra import drawing

    grid = Grid(3, 4)
    at = grid.indices(CPU).double()
    waves = torch.cartesian_prod(torch.arange(3) / 3, torch.arange(4) / 4).double()
    angles = 2 * torch.pi * (at - at[grid.middle]) @ waves.T
    whole = torch.cat([angles.cos(), angles.sin()], -1)[:, None]
    point = torch.zeros(12, dtype=torch.float64)
    point[grid.middle] = 1

    torch.testing.assert_close(drawing(whole, grid)[0], point)
    constant = drawing(torch.ones(12, 1, 1, dtype=torch.float64), grid)
    torch.testing.assert_close(constant[0], torch.full((12,), 1 / 12, dtype=torch.float64))


def test_one_patch_is_no_place():
    """Nothing to measure, said before anything is."""
    subject = subjects.subject(network("rope2d"), 8, 8, images=4)

    assert all(load(which).why_not(subject) for which in INSIDE)
