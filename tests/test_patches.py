"""How pixels become tokens: each file of `configs/patch`, alone and in a network."""

import dataclasses
import re

import networks
import pytest
import torch
from networks import noise
from timm.models.vision_transformer_hybrid import HybridEmbed
from torch import nn
from vit_pytorch.vit_for_small_dataset import SPT

from vitpos import build, catalogue, checks, config, metrics, sizes
from vitpos.embeddings.base import PositionEmbedding
from vitpos.errors import BadInput
from vitpos.lanes import rule
from vitpos.patches import ConvStem, Hybrid, Linear, Overlap, Shifted, leak, made
from vitpos.schema import Patch
from vitpos.specimens import loud
from vitpos.sweeps import forecast
from vitpos.vit import Plain
from vitpos.words import counted

FILES = config.options("patch")
ACTING = [*networks.NAMES, "coordconv+learned1d"]


def patch(file, size=None):
    """What a file says, at 4 pixels where it follows the data."""
    given = catalogue.read(config.files("patch")[file]).options
    usual = given["size"] if isinstance(given["size"], int) else 4
    return Patch(kind=given["kind"], size=size or usual, shuffle=False)


def reader(file, *, dim=192, extra=0, size=None):
    """The module for images in three colours, as torch draws it from seed 0."""
    torch.manual_seed(0)
    return made(patch(file, size), 3, extra, dim)


def vit(names, file, *, size=None, side=12, **changes):
    """A small network with the first weights of seed 0."""
    model = Plain(
        lambda trunk: build.embedding(networks.options(names), trunk, 0),
        dataclasses.replace(networks.BACKBONE, **(networks.specimens.fitting(names) | changes)),
        channels=3,
        image_size=side,
        patch=patch(file, size),
        classes=5,
    )
    build.draw(model, 0)
    return model


@pytest.mark.parametrize("file", FILES)
def test_a_file_says_what_is_so(file):
    """Its source, and as measured: tokens, operations, and what they tell of position."""
    entry = catalogue.read(config.files("patch")[file])
    module = reader(file)
    vectors, r2 = leak.leak(module, 32, 32)
    tokens, size = module.grid(32, 32).cells, module.size

    assert re.search(r"(19|20)\d\d.*arXiv \d{4}\.\d{5}", entry.paper)
    assert entry.facts == {
        "tokens": f"{tokens:,} of {size} x {size} pixels, of 32 x 32 in three colours",
        "operations": f"{leak.operations(module, 32, 32):,} for 192 channels",
        "leak": f"{counted(vectors, 'vector')} on an image of one colour;"
        f" rows, columns: R2 {r2:.2f}",
    }


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("size", [1, 2, 4, 7])
def test_tiles_oblong_images_or_says_what_would_do(file, size):
    """A token for each whole patch; half a patch is refused; a stem wants powers of two."""
    if file == "conv_stem" and size in (1, 7):
        with pytest.raises(ValueError, match="2, 4, 8"):
            reader(file, size=size)
        return
    module = reader(file, dim=16, size=size)

    assert module(noise(2, 3, 2 * size, 5 * size)).shape == (2, 10, 16)
    assert module.grid(2 * size, 5 * size) == (2, 5)
    for height, width in ((size, 0), (0, size), (2 * size + 1, size), (size, 2 * size + 1)):
        if size > 1 or not height * width:
            with pytest.raises(ValueError, match=f"{height}x{width} pixels are not patches"):
                module(noise(1, 3, height, width))


@pytest.mark.parametrize("file", FILES)
def test_each_token_is_made_of_its_own_place(file):
    """A change inside a patch changes its token, and tokens more than three patches away never."""
    module = loud(reader(file, dim=16, size=4).double(), std=0.3)
    plain = noise(1, 3, 40, 40).double()
    changed = plain.clone()
    changed[..., 17:19, 21:23] += 3.0  # row 4, column 5
    moved = (module(changed) - module(plain)).norm(dim=-1).view(10, 10)

    assert moved[4, 5] > 0
    assert moved[:1].max() == moved[8:].max() == moved[:, :2].max() == moved[:, 9:].max() == 0


def test_padding_tells_position():
    """Nothing by patches alone; the first row and column by an overlap, every border by others."""
    found = {file: leak.leak(reader(file), 32, 32) for file in FILES}

    assert found["linear"] == found["pixel"] == (1, 0.0)
    assert found["overlap"].vectors == found["conv_stem"].vectors == 4
    assert found["spt"].vectors == 9
    assert found["hybrid"].vectors > 4
    assert all(0.2 < found[file].r2 < 1 for file in ("overlap", "conv_stem", "spt", "hybrid"))


def test_a_planted_position_is_found():
    """Tokens that hold their row and column leave nothing unexplained; a single cell has none."""
    grid = Linear(3, 0, 4, 8).grid(8, 12)
    known = torch.cat([grid.indices(torch.device("cpu")), torch.zeros(6, 2)], dim=1).double()

    assert leak.explained(known, grid) == pytest.approx(1.0)
    assert leak.explained(known[:, 1:], grid) == pytest.approx(0.5)
    assert leak.leak(reader("spt"), 4, 4) == (1, 0.0)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_overlap_is_the_convolution_of_pvt(size):
    """3/2/1 for patches of 2 and 7/4/3 for patches of 4, then a LayerNorm."""
    module = Overlap(3, 0, size, 16)
    conv = module.project

    assert (conv.kernel_size[0], conv.stride[0], conv.padding[0]) == (2 * size - 1, size, size - 1)
    x = noise(2, 3, 4 * size, 6 * size)
    wanted = nn.functional.conv2d(x, conv.weight, conv.bias, size, size - 1).flatten(2).mT
    torch.testing.assert_close(module(x), nn.functional.layer_norm(wanted, (16,)))


def test_shifted_patches_are_those_of_vit_pytorch():
    """With its shifts of a pixel along the axes and its order of inputs: tokens and gradients."""
    theirs, ours = SPT(dim=16, patch_size=4, channels=3), Shifted(3, 0, 4, 16)
    ours.shifts = [(0, 1), (0, -1), (1, 0), (-1, 0)]
    norm, project = theirs.to_patch_tokens[1:]
    order = torch.arange(5 * 3 * 16).view(4, 4, 5, 3).permute(3, 2, 0, 1).flatten()
    ours.norm.weight.data.copy_(norm.weight[order])
    ours.project.weight.data.copy_(project.weight[:, order])
    ours.project.bias.data.copy_(project.bias)
    x, y = (noise(2, 3, 12, 20).requires_grad_() for _ in range(2))
    mine, other = ours(x), theirs(y)
    mine.square().sum().backward()
    other.square().sum().backward()

    torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-4, atol=1e-4)


def test_half_a_patch_comes_from_each_diagonal_neighbour():
    """Copies are the image moved by half a patch, with zeros where nothing came from."""
    assert sorted(Shifted(1, 0, 4, 8).shifts) == [(-2, -2), (-2, 2), (2, -2), (2, 2)]
    assert Shifted(1, 0, 1, 8).shifts == [(0, 0)] * 4


def test_the_projection_of_a_hybrid_is_that_of_timm():
    """Around the same convolutions: HybridEmbed with a 1x1 convolution."""
    ours = Hybrid(3, 0, 4, 16)
    ours.layers.num_features = 16
    theirs = HybridEmbed(ours.layers, img_size=16, feature_size=4, in_chans=3, embed_dim=16)
    theirs.proj.weight.data.copy_(ours.project.weight[..., None, None])
    theirs.proj.bias.data.copy_(ours.project.bias)

    torch.testing.assert_close(ours(noise(2, 3, 16, 16)), theirs(noise(2, 3, 16, 16)))


def test_a_stem_halves_until_a_patch_is_a_pixel():
    """As many convolutions as halvings, each twice as wide, at last as wide as the network."""
    convs = [m for m in ConvStem(1, 0, 8, 64).modules() if isinstance(m, nn.Conv2d)]

    assert [conv.out_channels for conv in convs] == [16, 32, 64, 64]
    assert [conv.stride[0] for conv in convs] == [2, 2, 2, 1]


@pytest.mark.parametrize("file", FILES)
def test_appended_channels_leave_the_weights_of_the_image_alone(file):
    """The same bits in all weights, but for the inputs that only coordinates have."""
    with_them, without = vit("coordconv", file), vit("none", file)
    reads = with_them.patches.reads
    compared = 0
    for name, weight in without.named_parameters():
        other = with_them.get_parameter(name)
        if weight.shape == other.shape:
            assert torch.equal(weight, other), name
            continue
        compared += 1
        if weight.ndim > 1:
            assert other is reads
            assert torch.equal(weight.flatten(1), other.flatten(1)[:, : weight[0].numel()])

    assert compared == (3 if file == "spt" else 1)  # its norm is of all that a patch reads


@pytest.mark.parametrize("file", ["overlap", "conv_stem", "spt", "hybrid"])
@pytest.mark.parametrize("names", ACTING)
def test_every_strategy_works_with_every_kind(names, file):
    """Forward and backward on a square and on an oblong image, all finite, all weights reached."""
    model = vit(names, file, size=2, side=4, pool="cls", mlp_ratio=1.0)
    for height, width in ((4, 4), (2, 6)):
        scores = model(noise(1, 3, height, width))
        scores.square().sum().backward()
        assert scores.isfinite().all()
    grads = [(n, p.grad) for n, p in model.patches.named_parameters()]

    assert [name for name, grad in grads if grad is None or not grad.isfinite().all()] == []
    assert not any(grad.eq(0).all() for _, grad in grads)


@pytest.mark.parametrize("file", FILES)
@torch.no_grad()
def test_only_patches_of_their_own_leave_a_silent_network_without_order(file):
    """Without position, scores do not change with the order of patches: exactly if none leak."""
    model = vit("none", file, size=1 if file == "pixel" else 4, side=16).eval()
    size = model.patches.size
    image = noise(2, 3, 16, 16)
    cells = nn.functional.unfold(image, size, stride=size)
    order = torch.randperm(cells.shape[-1], generator=torch.Generator().manual_seed(1))
    moved = nn.functional.fold(cells[..., order], (16, 16), size, stride=size)
    change = (model(image) - model(moved)).abs().max()

    assert type(model.position) is PositionEmbedding
    assert change < 1e-5 if file in ("linear", "pixel") else change > 1e-4


@pytest.mark.parametrize("file", FILES)
def test_work_is_counted_as_it_is_measured(file):
    """The arithmetic of sizes finds the operations that PyTorch counts, and the tokens."""
    for words in ([f"patch={file}", "patch.size=2"], [f"patch={file}", "dataset=cifar10"]):
        run = config.compose(["embedding=none", "backbone.depth=1", "backbone.dim=32", *words])
        found = metrics.cost(build.network(run, 10), run.dataset.channels, run.dataset.size)

        assert forecast.flops(run) == found["flops_per_image"]
        assert sizes.tokens(run) == found["tokens"]


def test_a_stem_is_refused_where_it_cannot_be():
    """At once, with sizes that fit."""
    with pytest.raises(BadInput, match="power of two") as caught:
        config.compose(["patch=conv_stem", "patch.size=7"])

    assert caught.value.problems[0].hint == "try 2, 4"


def test_shuffling_and_lanes_know_linear_patches():
    """Shuffling others is noted; lanes of them are refused, with the reason."""
    noted = checks.notes(config.compose(["patch=overlap", "patch.shuffle=true"]))
    silent = checks.notes(config.compose(["patch.shuffle=true"]))

    assert "overlap looks over the borders" in " ".join(noted)
    assert silent == []
    assert "linear patches only" in rule.forbidden(config.compose(["patch=spt"]))
