"""The network: it knows no strategy by name, and each of its parts does what it says."""

import ast
import inspect
from dataclasses import replace

import networks
import pytest
import torch
from networks import loud, noise
from torch import nn

from vitpos import vit
from vitpos.attention import Attend, choose
from vitpos.embeddings.base import PositionEmbedding
from vitpos.grid import Grid
from vitpos.patches import Linear
from vitpos.vit import Branch

TREE = ast.parse(inspect.getsource(vit))


def test_imports_only_the_protocol():
    """From the embeddings, the network imports their base and nothing else."""
    modules = [n.module or "" for n in ast.walk(TREE) if isinstance(n, ast.ImportFrom)]
    modules += [a.name for n in ast.walk(TREE) if isinstance(n, ast.Import) for a in n.names]

    ours = [module for module in modules if module.startswith("vitpos.embeddings")]
    assert ours == ["vitpos.embeddings.base"]


def test_never_asks_what_the_position_is():
    """No condition, comprehension filter or match mentions position."""
    asked = []
    for node in ast.walk(TREE):
        tests = [getattr(node, "test", None), getattr(node, "subject", None)]
        tests += getattr(node, "ifs", [])
        tests += node.values if isinstance(node, ast.BoolOp) else []
        asked += [ast.unparse(test) for test in tests if isinstance(test, ast.AST)]

    assert asked  # there are conditions, on other things
    assert [test for test in asked if "position" in test] == []
    assert "isinstance" not in ast.unparse(TREE)


class Recorder(PositionEmbedding):
    """Remembers how it was asked."""

    def __init__(self, trunk):
        super().__init__(trunk)
        self.asked = []

    def pixels(self, x):
        self.asked.append(("pixels", None))
        return x

    def tokens(self, x, site):
        self.asked.append(("tokens", site))
        return x

    def inputs(self, x, told, site):
        self.asked.append(("inputs", site))
        return x, told

    def heads(self, q, k, site):
        self.asked.append(("heads", site))
        return q, k

    def logits(self, q, k, site):
        self.asked.append(("logits", site))

    def values(self, v, gather, site):
        self.asked.append(("values", site))
        return gather(v)


def recorder(**changes):
    """A network that tells what it asks."""
    backbone = replace(networks.BACKBONE, **changes)
    return vit.Plain(
        Recorder, backbone, channels=3, image_size=32, patch=networks.patches(8), classes=10
    )


def test_asks_at_all_six_places_in_order():
    """Pixels once; then the five others at each block, with its site."""
    model = recorder(pool="cls", registers=2, depth=3)
    model.eval()(noise(1, 3, 24, 40))
    hooks = ("tokens", "inputs", "heads", "logits", "values")

    asked = [(hook, site and tuple(site[:3])) for hook, site in model.position.asked]
    assert asked == [
        ("pixels", None),
        *((hook, (Grid(3, 5), layer, 3)) for layer in range(3) for hook in hooks),
    ]
    assert model.position.trunk.prefix == 3
    assert model.position.trunk.grid == (4, 4)


def test_a_site_tells_what_attention_reads_and_how_training_moves():
    """Content inside attention only; the same uniform numbers in all layers, in training only."""
    model = recorder(depth=2)
    model.eval()(noise(1, 3, 32, 32))
    sites = [(hook, site) for hook, site in model.position.asked if site]
    inside = {hook for hook, site in sites if site.content is not None}

    assert inside == {"heads", "logits", "values"}
    assert all(site.content.shape == (1, 16, 32) for hook, site in sites if hook in inside)
    assert all(site.draws is None for _, site in sites)

    model.position.asked.clear()
    model.train()(noise(1, 3, 32, 32))
    draws = [site.draws for _, site in model.position.asked if site]
    assert draws[0].shape == (2, 3 + 16)
    assert draws[0].min() >= 0
    assert draws[0].max() < 1
    assert all(drawn is draws[0] for drawn in draws)


@pytest.mark.parametrize("channels", [1, 3])
def test_patches_are_a_strided_convolution(channels):
    """The matrix product over patches equals Conv2d with the same weights, on oblong images."""
    patches = loud(Linear(channels, 0, 4, 16))
    conv = nn.Conv2d(channels, 16, 4, stride=4)
    conv.weight.data.copy_(patches.project.weight.view_as(conv.weight))
    conv.bias.data.copy_(patches.project.bias)
    images = noise(2, channels, 12, 20)

    assert patches.grid(12, 20) == (3, 5)
    torch.testing.assert_close(patches(images), conv(images).flatten(2).mT, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(30, 32), (32, 30), (4, 32), (0, 32)])
def test_pixels_that_are_no_whole_patches_are_refused(size):
    """Nothing is cropped or padded in silence."""
    model = networks.vit("none")
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]} pixels are not patches of 8x8"):
        model(noise(1, 3, *size))


@pytest.mark.parametrize("size", [30, 4])
def test_is_not_built_for_pixels_that_are_no_whole_patches(size):
    """The training size is checked when the network is built."""
    with pytest.raises(ValueError, match="not patches"):
        vit.Plain(
            Recorder,
            networks.BACKBONE,
            channels=3,
            image_size=size,
            patch=networks.patches(),
            classes=2,
        )


@torch.no_grad()
def test_pools_what_it_says():
    """With `mean`, registers are left out of the mean; with `cls`, only the first token counts."""
    for pool, registers in (("mean", 2), ("cls", 2)):
        model = networks.vit("none", pool=pool, registers=registers).eval()
        seen = []
        model.norm.register_forward_hook(lambda module, x, y, seen=seen: seen.append(y))
        scores = model(noise(2, 3, 32, 32))
        kept = seen[0][:, 0] if pool == "cls" else seen[0][:, registers:].mean(1)

        assert seen[0].shape[1] == 16 + registers + (pool == "cls")
        assert torch.equal(scores, model.head(kept))


def test_a_branch_at_rest_is_the_identity():
    """Without scale, dropout and stochastic depth a branch passes; in evaluation always."""
    x = noise(2, 3, 8)
    assert torch.equal(Branch(8, scale=0.0, dropout=0.0, drop_path=0.0).train()(x), x)
    assert torch.equal(Branch(8, scale=0.0, dropout=0.5, drop_path=0.5).eval()(x), x)


def test_layer_scale_multiplies_each_channel():
    """It starts at its value and learns a factor for every channel."""
    branch = Branch(8, scale=0.1, dropout=0.0, drop_path=0.0)
    x = noise(2, 3, 8)
    torch.testing.assert_close(branch(x), 0.1 * x)
    with torch.no_grad():
        branch.scale.copy_(torch.arange(8.0))
    torch.testing.assert_close(branch(x), x * torch.arange(8.0))


def test_stochastic_depth_drops_whole_samples_and_keeps_the_mean():
    """Each sample is kept whole, and scaled up, or dropped whole; the expectation stays."""
    torch.manual_seed(0)
    branch = Branch(8, scale=0.0, dropout=0.0, drop_path=0.25).train()
    x = torch.ones(20_000, 2, 8)
    y = branch(x)
    per_sample = y.flatten(1)
    deviation = (0.25 / 0.75 / len(x)) ** 0.5

    assert torch.equal(per_sample.amin(1), per_sample.amax(1))
    assert set(per_sample[:, 0].tolist()) == {0.0, per_sample.max().item()}
    assert per_sample.max().item() == pytest.approx(1 / 0.75)
    assert abs(y.mean().item() - 1) < 4 * deviation


def test_dropout_drops_single_numbers_and_keeps_the_mean():
    """Unlike stochastic depth, it mixes zeros and others within a sample."""
    torch.manual_seed(0)
    y = Branch(8, scale=0.0, dropout=0.5, drop_path=0.0).train()(torch.ones(2_000, 2, 8))

    assert set(y.unique().tolist()) == {0.0, 2.0}
    assert y.flatten(1).std(dim=1).min() > 0
    assert y.mean().item() == pytest.approx(1, abs=4 / (2_000 * 16) ** 0.5)


def test_stochastic_depth_grows_with_depth():
    """The first block is never dropped, the last with the given rate, those between linearly."""
    blocks = networks.vit("none", depth=5, drop_path=0.4).blocks
    rates = [[join.drop_path for join in (b.join1, b.join2)] for b in blocks]

    assert [rate for pair in rates for rate in pair] == pytest.approx(
        [0.0, 0.0, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4]
    )
    assert networks.vit("none", depth=1, drop_path=0.4).blocks[0].join1.drop_path == 0


@torch.no_grad()
def test_randomness_ends_with_training(images):
    """In evaluation, dropout and stochastic depth leave no trace; in training they do."""
    plain = networks.vit("rope2d").eval()
    model = networks.vit("rope2d", dropout=0.3, drop_path=0.5)

    assert torch.equal(model.eval()(images), plain(images))
    torch.manual_seed(0)
    assert not torch.equal(model.train()(images), plain(images))


@pytest.mark.parametrize("implementation", ["explicit", "sdpa"])
@pytest.mark.parametrize("biased", [False, True])
def test_attention_is_softmax_over_keys(implementation, biased):
    """Each query takes the mean of the values, weighted by scaled logits plus bias."""
    q, k, v = (noise(1, 2, 5, 8, seed=i) for i in range(3))
    bias = noise(1, 2, 5, 5, seed=3) if biased else None
    found = Attend(q, k, bias, q.shape[-1] ** -0.5, implementation)(v)
    for head in range(2):
        for i in range(5):
            logits = (k[0, head] @ q[0, head, i]) / 8**0.5
            weights = (logits + (bias[0, head, i] if biased else 0)).exp()
            wanted = (weights[:, None] * v[0, head]).sum(0) / weights.sum()
            torch.testing.assert_close(found[0, head, i], wanted)


def test_attention_is_explicit_in_half_precision_on_a_cpu_only():
    """SDPA elsewhere."""
    cpu, cuda = torch.device("cpu"), torch.device("cuda")

    assert choose(cpu, torch.bfloat16) == "explicit"
    assert choose(cpu, torch.float32) == choose(cuda, torch.bfloat16) == "sdpa"
