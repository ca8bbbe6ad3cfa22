"""Images moved and changed, and logistic regression."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from vitpos.probes.moving import scale, shift
from vitpos.probes.regression import WEIGHT, accuracy, fit
from vitpos.probes.symmetry import changes
from vitpos.probes.translation import shifts
from vitpos.specimens import noise

MODES = {"zeros": "constant", "reflect": "reflect", "circular": "wrap"}
GROUND = torch.tensor([0.25, -0.5, 2.0])


@settings(max_examples=25, deadline=None)
@given(st.integers(-5, 5), st.integers(-5, 5), st.sampled_from(sorted(MODES)))
def test_shifts_as_numpy_pads(down: int, right: int, fill: str) -> None:
    """Whatever comes in over the border."""
    images = noise(2, 3, 6, 8)
    level = GROUND[:, None, None].numpy() if fill == "zeros" else 0
    around = ((0, 0), (0, 0), (5, 5), (5, 5))
    wide = np.pad(images.numpy() - level, around, mode=MODES[fill]) + level
    wanted = wide[:, :, 5 - down : 11 - down, 5 - right : 13 - right]

    moved = shift(images, down, right, fill, GROUND)

    np.testing.assert_allclose(moved.numpy(), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.0, 1.5, 2.0])
def test_scales_about_the_centre(factor: float) -> None:
    """A square in the middle stays there and grows; a flat image of the ground stays flat."""
    images = torch.zeros(1, 3, 32, 32)
    images[:, :, 12:20, 12:20] = 1
    flat = GROUND[None, :, None, None].expand(2, 3, 32, 32)
    grown = scale(images, factor, torch.zeros(3))

    torch.testing.assert_close(scale(flat, factor, GROUND), flat)
    torch.testing.assert_close(grown, grown.flip(-1).flip(-2))
    assert float(grown.sum()) == pytest.approx(3 * 64 * factor**2, rel=0.02)


def test_quarter_turns_are_exact_and_only_of_squares() -> None:
    """Four of them are none; an image that is not square has no such turn."""
    square, other = noise(1, 3, 8, 8), noise(1, 3, 8, 16)
    turn = changes(square)["rotate90"]

    assert torch.equal(turn(turn(turn(turn(square)))), square)
    assert torch.equal(changes(square)["rotate180"](square), turn(turn(square)))
    assert not any(name.startswith("rotate") for name in changes(other))


def test_shifts_are_of_whole_patches_or_of_less() -> None:
    """And never of half the image and more."""
    assert shifts(7, 28) == ([7, 14], [1, 3])
    assert shifts(4, 32) == ([4, 8], [1, 2])
    assert shifts(2, 6) == ([2], [1])
    assert shifts(1, 4) == ([1, 2], [])


def test_regression_is_at_its_minimum() -> None:
    """As SciPy finds it from elsewhere."""
    features, labels = noise(60, 4).double(), torch.arange(60) % 3

    def loss(flat: np.ndarray) -> float:
        weights = torch.from_numpy(flat).view(5, 3)
        logits = torch.nn.functional.pad(features, (0, 1), value=1.0) @ weights
        penalty = WEIGHT / 2 * weights[:-1].square().sum()
        return float(torch.nn.functional.cross_entropy(logits, labels) + penalty)

    theirs = minimize(loss, np.full(15, 0.3)).fun

    assert loss(fit(features, labels, 3).flatten().numpy()) == pytest.approx(theirs, abs=1e-7)


def test_regression_reads_what_is_linear() -> None:
    """Classes that a line parts are all found, whatever the scale of a feature."""
    features = noise(200, 5)
    labels = (features[:, 1] > 0).long()
    scaled = features * torch.tensor([1.0, 1e-3, 1e3, 1.0, 0.0])

    assert accuracy(scaled[:100], labels[:100], scaled[100:], labels[100:]) > 0.9
    assert accuracy(scaled[:100], labels[100:], scaled[100:], labels[:100]) < 0.75
