"""Multinomial logistic regression: what can be read off features by a linear map."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

Features = Float[Tensor, "images features"]

WEIGHT = 1e-3  # of the squared weights, halved, beside the mean cross-entropy
STEPS = 200


def fit(
    features: Features, labels: Int64[Tensor, " images"], classes: int
) -> Float[Tensor, "features+1 classes"]:
    """The weights with the least mean cross-entropy plus `WEIGHT` / 2 of their squares, in float64.

    Features should have mean zero and deviation one; the last row are biases, which are free. The
    problem is convex, L-BFGS starts at zero and draws nothing, so the answer is always the same.
    """
    known = with_ones(features)
    weights = torch.zeros(known.shape[1], classes, dtype=known.dtype, device=known.device)
    weights.requires_grad_()
    search = torch.optim.LBFGS(
        [weights],
        max_iter=STEPS,
        tolerance_grad=1e-7,
        tolerance_change=1e-10,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        search.zero_grad()
        found = F.cross_entropy(known @ weights, labels)
        found = found + WEIGHT / 2 * weights[:-1].square().sum()
        found.backward()
        return found

    with torch.enable_grad():
        search.step(loss)
    return weights.detach()


def accuracy(
    train: Float[Tensor, "learned features"],
    train_labels: Int64[Tensor, " learned"],
    test: Float[Tensor, "others features"],
    test_labels: Int64[Tensor, " others"],
) -> float:
    """Of the test images, by a regression on the training images, standardised by those."""
    train, test = train.double(), test.double()
    mean, spread = train.mean(dim=0), train.std(dim=0).clamp_min(1e-8)
    train, test = ((x - mean) / spread for x in (train, test))
    weights = fit(train, train_labels, int(train_labels.max()) + 1)
    right = (with_ones(test) @ weights).argmax(dim=-1) == test_labels
    return int(right.sum()) / len(test_labels)


def with_ones(features: Features) -> Float[Tensor, "images features+1"]:
    """Features with a column for the bias."""
    return F.pad(features.double(), (0, 1), value=1.0)
