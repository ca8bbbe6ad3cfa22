"""Subjects of probes: small networks with images of noise, and one whose answers are places."""

from dataclasses import replace
from functools import cache
from typing import Any

import networks
import torch
from networks import PATCH, SIZE

from vitpos import config
from vitpos.data.samples import Samples
from vitpos.machine import Machine
from vitpos.probes.subject import Subject
from vitpos.schema import Run
from vitpos.vit import ViT

CPU = Machine(torch.device("cpu"), "fp32", 1, "sdpa")
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


@cache
def composed() -> Run:
    """A run on images of 32 pixels with patches of 8."""
    return config.compose(["dataset=cifar10", f"patch.size={PATCH}"])


def subject(names: str, *, images: int = 24, **asked: str) -> Subject:
    """A network with loud random weights, on images of noise."""
    model = networks.loud(networks.vit(names))
    return given(model, noise(images), networks.options(names), **asked)


def given(model: ViT, samples: Samples, embedding: Any, **asked: str) -> Subject:
    """A network as the subject of probes."""
    run = replace(composed(), embedding=embedding, backbone=networks.BACKBONE)
    return Subject(run, model.eval(), samples, MEAN, STD, CPU, asked=asked)


def noise(images: int) -> Samples:
    """Images of noise, and classes that say nothing of them."""
    random = torch.Generator().manual_seed(3)
    shape = (images, 3, SIZE, SIZE)
    pixels = torch.randint(256, shape, generator=random, dtype=torch.uint8)
    return Samples(pixels, torch.randint(10, (images,), generator=random))


def planted(*, images: int = 64, **asked: str) -> Subject:
    """Images with one bright patch, whose class is the half in which it lies.

    Written by hand into a network of two blocks: channel 0 of a token says whether its patch is
    bright, channel 1 of the learned table whether its cell is on the left, and the perceptron of
    block 0 puts both together. Attention reads nothing. Without the table nobody could tell.
    """
    model = networks.vit("learned1d", dim=8, heads=1)
    with torch.no_grad():
        for weight in model.blocks.parameters():
            weight.zero_()
        for block in model.blocks:
            block.norm1.weight.fill_(1)
            block.norm2.weight.fill_(1)
        model.patches.project.weight.zero_()
        model.patches.project.weight[0] = 1 / (2 * 3 * PATCH**2)
        model.patches.project.bias.zero_()
        model.patches.project.bias[0] = 1  # dark is -2 as the network gets it, bright 2
        table = next(model.position.parameters())
        sides = torch.tensor([1.0, 1, -1, -1]).repeat(4)
        table.zero_()
        table.view(16, 8)[:, 1] = sides
        both, out = model.blocks[0].mlp[0], model.blocks[0].mlp[2]
        both.weight[0, :2] = torch.tensor([40.0, 40.0])
        both.weight[1, :2] = torch.tensor([40.0, -40.0])
        both.bias[:2] = -40 * 3.5
        out.weight[2, 0] = out.weight[3, 1] = 1
        model.head.weight.zero_()
        model.head.weight[0, 2] = model.head.weight[1, 3] = 1
        model.head.bias.fill_(-100)
        model.head.bias[:2] = 0
    cells = torch.arange(images) % 16
    pixels = torch.zeros(images, 3, 4, PATCH, 4, PATCH, dtype=torch.uint8)
    pixels[torch.arange(images), :, cells // 4, :, cells % 4] = 255
    samples = Samples(pixels.view(images, 3, SIZE, SIZE), (cells % 4 >= 2).long())
    return given(model, samples, networks.options("learned1d"), **asked)
