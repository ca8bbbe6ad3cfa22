"""Small networks with images of noise to probe them on."""

import functools
from dataclasses import replace
from typing import Any

import torch

from vitpos import config
from vitpos.data.samples import Samples
from vitpos.machine import Machine
from vitpos.probes import probe
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.vit import ViT

CPU = Machine(torch.device("cpu"), "fp32", 1, "sdpa")


@functools.cache
def run() -> Any:
    """Any run: probes only ask it for its seed."""
    return config.compose([])


def subject(model: ViT, height: int = 32, width: int = 32, images: int = 40, seed: int = 0) -> Any:
    """The network in evaluation, with images of as many channels as it reads."""
    channels = model.position.trunk.channels
    random = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (images, channels, height, width), generator=random)
    samples = Samples(pixels.to(torch.uint8), torch.zeros(images, dtype=torch.int64))
    mean, std = (0.5,) * channels, (0.25,) * channels
    return Subject(replace(run(), seed=seed), model.eval(), samples, mean, std, CPU)


def measured(name: str, model: ViT, **of_subject: Any) -> Found:
    """What a probe finds in such a network."""
    asked = subject(model, **of_subject)
    found = probe(name)

    assert found.why_not(asked) == ""
    return found.measure(asked)
