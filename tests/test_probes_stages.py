"""Every probe measures networks of several stages, or says why it cannot."""

import networks
import numpy as np
import probing
import pytest
import torch

from vitpos import build, config
from vitpos.probes import PROBES
from vitpos.probes.asking import replaced, scores
from vitpos.probes.running import looked
from vitpos.probes.silence import Silent
from vitpos.probes.subject import Subject

SMALL = ("backbone.dim=8", "backbone.heads=2", "backbone.depth=3", "patch.size=4")
ONE_GRID = {"shuffle", "rollout"}  # what they say is defined for networks of one grid
ALL_ATTEND = {"kernel", "attention", "rollout", "shuffle"}


def subject(kind: str, embedding: str) -> Subject:
    """Two stages on images of noise; of a hybrid the first has convolutions."""
    stages = ("backbone.depths=[1,2]", "training=smoke", f"embedding={embedding}")
    run = config.compose(["dataset=cifar10", f"backbone={kind}", *SMALL, *stages])
    model = networks.loud(build.network(run, networks.CLASSES))
    samples = probing.noise(12)
    return Subject(run, model, samples, probing.MEAN, probing.STD, probing.CPU, limit=12)


@pytest.mark.parametrize("kind", ["pyramid", "hybrid"])
@pytest.mark.parametrize("which", sorted(set(PROBES) - {"transfer"}))  # which reads a data set
def test_stages_are_probed(kind: str, which: str) -> None:
    """Numbers, or a reason."""
    entry, arrays = looked(subject(kind, "learned1d+rope2d"), which)
    left_out = ONE_GRID if kind == "pyramid" else ALL_ATTEND

    assert bool(entry["numbers"]) is (which not in left_out)
    assert bool(entry["why_not"]) is (which in left_out)
    assert all(np.asarray(array).size for array in arrays.values())


@pytest.mark.parametrize("kind", ["pyramid", "hybrid"])
def test_silence_everywhere_is_no_position(kind: str) -> None:
    """Stages too: the scores are those of a network with the same weights and no strategy."""
    whole, bare = subject(kind, "learned1d+rope2d"), subject(kind, "none")
    weights = {n: w for n, w in whole.model.state_dict().items() if not n.startswith("position.")}
    bare.model.load_state_dict(weights)
    images, own = whole.images(12), whole.model.position
    places = [(site.stage, site.layer) for site in own.sites()]
    said, wanted = scores(whole, images), scores(bare, images)
    with replaced(whole.model, "position", Silent(own, places, blind=True)):
        silent = scores(whole, images)

    torch.testing.assert_close(silent, wanted)
    assert not torch.allclose(said, wanted)
