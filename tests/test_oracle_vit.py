"""The plain network is timm's VisionTransformer: scores and gradients, with copied weights."""

import networks
import pytest
import torch
from networks import BACKBONE, loud, noise
from timm.models.vision_transformer import VisionTransformer
from torch import nn

BLOCK = {
    "norm1": "norm1",
    "attention.qkv": "attn.qkv",
    "attention.out": "attn.proj",
    "norm2": "norm2",
    "mlp.0": "mlp.fc1",
    "mlp.2": "mlp.fc2",
}


def reference(pool, registers, scale):
    """The network of the same shape in timm."""
    return VisionTransformer(
        img_size=networks.SIZE,
        patch_size=networks.PATCH,
        num_classes=networks.CLASSES,
        global_pool="token" if pool == "cls" else "avg",
        embed_dim=BACKBONE.dim,
        depth=BACKBONE.depth,
        num_heads=BACKBONE.heads,
        mlp_ratio=BACKBONE.mlp_ratio,
        init_values=scale or None,
        class_token=pool == "cls",
        pos_embed="learn",
        no_embed_class=True,
        reg_tokens=registers,
        fc_norm=False,
        dynamic_img_size=True,
        norm_layer=nn.LayerNorm,
    )


def couples(ours, theirs):
    """Each weight of ours with timm's; the prefix is one tensor here and two there."""
    names = {"patches.project": "patch_embed.proj", "norm": "norm", "head": "head"}
    for i in range(BACKBONE.depth):
        names |= {f"blocks.{i}.{a}": f"blocks.{i}.{b}" for a, b in BLOCK.items()}
    for a, b in names.items():
        for kind in ("weight", "bias"):
            yield [ours.get_parameter(f"{a}.{kind}")], [theirs.get_parameter(f"{b}.{kind}")]
    for block, other in zip(ours.blocks, theirs.blocks, strict=True):
        if block.join1.scale is not None:
            yield [block.join1.scale], [other.ls1.gamma]
            yield [block.join2.scale], [other.ls2.gamma]
    yield [ours.position.source.weight], [theirs.pos_embed]
    if len(ours.prefix):
        yield [ours.prefix], [t for t in (theirs.cls_token, theirs.reg_token) if t is not None]


def flat(tensors):
    """All numbers of some tensors, one after another."""
    return torch.cat([t.flatten() for t in tensors])


def relative_error(ours, theirs):
    """The length of the difference in units of the length."""
    return ((ours - theirs).norm() / theirs.norm()).item()


@pytest.mark.parametrize("pool", ["mean", "cls"])
@pytest.mark.parametrize("registers", [0, 2])
@pytest.mark.parametrize("scale", [0.0, 0.5])
@pytest.mark.parametrize("size", [(32, 32), (24, 40)], ids=["square", "oblong"])
def test_is_timms_vision_transformer(pool, registers, scale, size):
    """Scores and the gradient of every weight agree to 1e-5, on a new oblong grid too."""
    ours = networks.vit("learned1d", pool=pool, registers=registers, layer_scale=scale)
    loud(ours, std=0.2)
    theirs = reference(pool, registers, scale).eval()
    for mine, yours in couples(ours, theirs):
        numbers = flat(mine).detach().split([t.numel() for t in yours])
        for tensor, values in zip(yours, numbers, strict=True):
            tensor.data.copy_(values.view_as(tensor))
    images = noise(3, 3, *size)
    scores = [model(images) for model in (ours, theirs)]
    for result in scores:
        result.square().sum().backward()

    assert relative_error(*scores) < 1e-5
    seen = 0
    for mine, yours in couples(ours, theirs):
        assert relative_error(*(flat(t.grad for t in side) for side in (mine, yours))) < 1e-5
        seen += sum(tensor.numel() for tensor in yours)
    assert seen == sum(p.numel() for p in theirs.parameters())
    assert seen == sum(p.numel() for p in ours.parameters())
