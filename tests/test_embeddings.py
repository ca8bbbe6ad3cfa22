"""The baseline, and strategies together; what each promises is in `vitpos/contract`."""

import networks
import torch
from networks import loud, noise

from vitpos.attention import Attend
from vitpos.embeddings.base import Site
from vitpos.grid import Grid

SITE = Site(Grid(3, 5), layer=1, prefix=2)


@torch.no_grad()
def test_none_is_silent(images):
    """The baseline says nothing at any of the six places."""
    silent = networks.position("none")
    x, q = noise(1, 17, 32), noise(1, 2, 17, 16)

    assert silent.pixels(images) is images
    assert silent.tokens(x, SITE) is x
    assert silent.inputs(x, x, SITE) == (x, x)
    assert silent.heads(q, q, SITE) == (q, q)
    assert silent.logits(q, q, SITE) is None
    gather = Attend(q, q, None, 0.25, "explicit")
    assert torch.equal(silent.values(q, gather, SITE), gather(q))
    assert not list(silent.parameters())


@torch.no_grad()
def test_logits_of_several_add_up():
    """Two biases at once give the sum of the two."""
    both = loud(networks.position("alibi2d+swin_rpb"))
    q = noise(1, 2, 17, 16)
    first, second = (part.logits(q, q, SITE) for _, part in both.strategies())

    assert first.any()
    assert second.any()
    torch.testing.assert_close(both.logits(q, q, SITE), first + second)
