"""Options of the plain backbone: norms of queries and keys, pooling by attention."""

import networks
import pytest
import torch
from networks import BACKBONE, loud, noise
from timm.layers import Attention as Theirs
from torch import nn

from vitpos import build, config, identities, metrics, optim
from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.grid import Grid
from vitpos.lanes import rule
from vitpos.specimens import trunk
from vitpos.sweeps import forecast
from vitpos.vit import Attention, Pooling

SMALL = ("backbone.depth=1", "backbone.dim=16", "backbone.heads=2")


@pytest.mark.parametrize("way", ["explicit", "sdpa", "tile"])
def test_norms_of_queries_and_keys_are_those_of_timm(way):
    """LayerNorm in each head, before position: outputs and gradients of timm's attention."""
    ours, theirs = (
        Attention(16, 2, qk_norm=True),
        Theirs(16, 2, qkv_bias=True, qk_norm=True, norm_layer=nn.LayerNorm),
    )
    loud(ours, std=0.3)
    ours.implementation = way
    pairs = {"qkv": "qkv", "out": "proj", "norm_q": "q_norm", "norm_k": "k_norm"}
    for mine, other in pairs.items():
        theirs.get_submodule(other).load_state_dict(ours.get_submodule(mine).state_dict())
    x, y = (noise(2, 6, 16).requires_grad_() for _ in range(2))
    silent = PositionEmbedding(trunk(dim=16))
    mine, other = ours(x, silent, Site(Grid(2, 3), 0, 0)), theirs(y)
    (mine * noise(2, 6, 16, seed=1)).sum().backward()
    (other * noise(2, 6, 16, seed=1)).sum().backward()

    torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-4, atol=1e-5)


def test_pooling_is_attention_of_one_query():
    """PyTorch's multi-head attention, asked by the query itself."""
    ours, theirs = loud(Pooling(16, 4), std=0.4), nn.MultiheadAttention(16, 4, batch_first=True)
    theirs.in_proj_weight.data[:16] = torch.eye(16)
    theirs.in_proj_weight.data[16:] = ours.kv.weight
    theirs.in_proj_bias.data[:16] = 0
    theirs.in_proj_bias.data[16:] = ours.kv.bias
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    x = noise(3, 7, 16)
    wanted, _ = theirs(ours.query.expand(3, 1, 16), x, x)

    torch.testing.assert_close(ours(x), wanted[:, 0], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_pooling_reads_cells_only():
    """What registers become has no part in what is pooled."""
    model = networks.vit("none", pool="attention", registers=2).eval()
    x = noise(2, 18, BACKBONE.dim)
    other = x.clone()
    other[:, :2] += 1

    assert torch.equal(model.pooled(x), model.pooled(other))
    assert not torch.equal(model.pooled(x), model.pooled(x.flip(2)))
    assert model(noise(2, 3, 24, 40)).shape == (2, networks.CLASSES)


def test_first_weights_and_roles_of_the_options():
    """Keys and values are drawn each on their own; the query is small, random and never decays."""
    run = config.compose(["backbone.pool=attention", "backbone.qk_norm=true"])
    model = build.network(run, 10)
    roles = optim.groups(model, 0.1)
    dim = run.backbone.dim

    assert model.pooling.query.std().item() == pytest.approx(0.02, rel=0.3)
    assert model.pooling.kv.weight.abs().max() > 0.95 * (6 / (2 * dim)) ** 0.5
    assert "pooling.query" in roles["no_decay"]
    assert "pooling.kv.weight" in roles["decay"]


def test_options_change_no_other_weight_and_no_old_identity():
    """All shared weights keep their bits; a run without the new words is the run that it was."""
    usual = config.compose([*SMALL])
    more = config.compose([*SMALL, "backbone.pool=attention", "backbone.qk_norm=true"])
    old = build.network(usual, 10).state_dict()
    new = build.network(more, 10).state_dict()

    assert all(torch.equal(old[name], new[name]) for name in old)
    assert len(new) == len(old) + 9
    assert "qk_norm" not in str(identities.essence(identities.asdict(usual)))
    assert identities.identity(usual) != identities.identity(more)


def test_options_are_counted_and_no_lanes():
    """Operations are counted as PyTorch counts them; lanes of these networks are refused."""
    words = ["embedding=none", *SMALL, "backbone.pool=attention", "backbone.registers=1"]
    run = config.compose(words)

    found = metrics.cost(build.network(run, 10), 1, 28)
    assert forecast.flops(run) == found["flops_per_image"]
    assert "pooling by attention" in rule.forbidden(run)
    assert "norms of queries" in rule.forbidden(config.compose(["backbone.qk_norm=true"]))
