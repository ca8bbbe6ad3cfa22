"""What is recorded of a pass is what the network computed, and the network stays as it is."""

import networks
import pytest
import torch

from vitpos.embeddings.base import PositionEmbedding
from vitpos.embeddings.gated import Gated
from vitpos.probes import trace


def network(names):
    """With CLS and a register, and position that cannot be overheard."""
    model = networks.vit(names, pool="cls", registers=1)
    networks.loud(model.position)
    return model.eval()


def oblong():
    """Images of three rows and five columns of patches."""
    return networks.noise(3, 3, 24, 40, seed=1)


def reads_plainly(position):
    """Whether what tokens read is weights times values and nothing else."""
    plain = type(position).values is PositionEmbedding.values
    return plain or isinstance(position, Gated)


def check(names):
    """Scores, tokens and weights of the record against those of the network."""
    model, seen = network(names), {"v": [], "read": []}
    with torch.no_grad():
        scores = model(oblong())
    hooks = []
    for block in model.blocks:
        attention = block.attention
        hooks.append(attention.qkv.register_forward_hook(lambda m, x, y: seen["v"].append(y)))
        hooks.append(
            attention.out.register_forward_pre_hook(lambda m, x: seen["read"].append(x[0]))
        )
    (layers,) = trace.traced(model, oblong(), attention=True)

    last = {name: found[-len(layers) :] for name, found in seen.items()}

    assert [layer.site.layer for layer in layers] == list(range(len(model.blocks)))
    assert torch.equal(model.head(model.norm(layers[-1].after)[:, 0]), scores)
    for above, layer in zip(layers[1:], layers, strict=False):
        assert torch.equal(above.before, layer.after)
    for layer, block, qkv, read in zip(layers, model.blocks, *last.values(), strict=False):
        torch.testing.assert_close(layer.logits.softmax(-1), layer.weights, rtol=1e-4, atol=1e-6)
        assert layer.weights.shape[-2:] == (17, 17)
        assert torch.equal(layer.cells, layer.after[:, 2:])
        if reads_plainly(model.position):
            v = qkv.unflatten(-1, (3, block.attention.heads, -1))[:, :, 2].transpose(1, 2)
            mixed = (layer.weights @ v).transpose(1, 2).flatten(2)
            torch.testing.assert_close(mixed, read, rtol=1e-4, atol=1e-5)


def test_records_what_every_strategy_does(name):
    """Tokens, logits and weights on an oblong grid with prefix tokens."""
    check(name)


@pytest.mark.parametrize("names", networks.COMBINATIONS)
def test_records_what_strategies_do_together(names):
    """Only what the network itself is told counts, not what parts tell each other."""
    check(names)


def test_leaves_nothing_behind():
    """Neither hooks nor methods, whatever happens."""
    model = network("gpsa+rope2d")
    before = {name: set(vars(module)) for name, module in model.named_modules()}
    with pytest.raises(ValueError, match="pixels"):
        next(trace.traced(model, networks.noise(1, 3, 9, 9)))

    assert {name: set(vars(module)) for name, module in model.named_modules()} == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_hears_what_is_added():
    """A table in the stream, and one beside it for queries and keys."""
    stream, beside = network("learned1d"), network("learned1d")
    beside.position.inject = "qk"
    (of_stream,), (of_beside,) = (trace.traced(m, oblong()) for m in (stream, beside))
    first, second = of_stream[0], of_beside[0]

    assert not torch.equal(first.before, first.entered)
    assert torch.equal(first.plain, first.asked)
    assert torch.equal(second.before, second.entered)
    assert not torch.equal(second.plain, second.asked)


def test_cells_read_each_other():
    """Without prefix tokens the weights of a row sum to one again, in proportion."""
    (layers,) = trace.traced(network("swin_rpb"), oblong(), attention=True)
    logits, weights = layers[0].between_cells()

    assert weights.shape == (3, 2, 15, 15)
    torch.testing.assert_close(weights, logits.softmax(-1), rtol=1e-5, atol=1e-7)


def test_small_passes_say_the_same(monkeypatch):
    """How many images are held at a time changes nothing but rounding."""
    model = network("rope2d")
    (whole,) = trace.traced(model, oblong(), attention=True)
    monkeypatch.setattr(trace, "NUMBERS", 1)
    parts = list(trace.traced(model, oblong(), attention=True))
    together = torch.cat([part[1].weights for part in parts])

    assert len(parts) == 3
    torch.testing.assert_close(together, whole[1].weights)
