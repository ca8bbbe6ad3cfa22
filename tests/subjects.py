"""Small networks with images of noise of any size, to look inside."""

from typing import Any

import probing
import torch

from vitpos.data.samples import Samples
from vitpos.probes import load
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.vit import ViT


def subject(model: ViT, height: int = 32, width: int = 32, images: int = 40) -> Subject:
    """The network in evaluation; its run knows nothing of it but a seed."""
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (images, 3, height, width), generator=random, dtype=torch.uint8)
    return probing.given(model, Samples(pixels, torch.zeros(images, dtype=torch.int64)), {})


def measured(name: str, model: ViT, **of_subject: Any) -> Found:
    """What a probe finds in such a network."""
    asked = subject(model, **of_subject)
    found = load(name)

    assert found.why_not(asked) == ""
    return found.measure(asked)
