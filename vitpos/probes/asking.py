"""What a network says of images, as the probes of behaviour ask it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from vitpos.patches import Linear
from vitpos.probes.subject import Subject, passes
from vitpos.shapes import Images, Scores
from vitpos.vit import Plain, ViT


def scores(subject: Subject, images: Images, model: ViT | None = None) -> Scores:
    """The logits of all classes, in float32; of the subject's network, or of a variant of it."""
    asked = subject.model if model is None else model
    with torch.no_grad(), subject.machine.autocast():
        return torch.cat([asked(part).float() for part in passes(images)])


def answers(subject: Subject, images: Images, model: ViT | None = None) -> Int64[Tensor, " images"]:
    """The class that each image is given."""
    return scores(subject, images, model).argmax(dim=-1)


def share(held: Bool[Tensor, " images"]) -> float:
    """Of how many images something is true, 0..1."""
    return int(held.sum()) / len(held)


@contextmanager
def replaced(model: nn.Module, part: str, by: nn.Module) -> Iterator[None]:
    """A network with another part in the place of one, for a while."""
    own = getattr(model, part)
    setattr(model, part, by)
    try:
        yield
    finally:
        setattr(model, part, own)


def change(a: Float[Tensor, "images classes"], b: Float[Tensor, "images classes"]) -> float:
    """How far answers are from what they were, ‖a - b‖ / ‖a‖, the mean over images."""
    ratio = (a - b).double().norm(dim=-1) / a.double().norm(dim=-1).clamp_min(1e-30)
    return float(ratio.mean())


def no_classes(subject: Subject) -> str:
    """Why it cannot be probed; empty for a network that gives an image one of its classes.

    Where images are changed to see whether the answer stays, it has to be one that should stay: a
    digit that is shifted is the same digit, but not in the same place.
    """
    if subject.run.task.kind != "classify":
        return "it is defined for networks that say the class of an image, which no place changes"
    return ""


def no_patches(subject: Subject) -> str:
    """Why patches cannot be told apart in the image; empty where each token is one square of it."""
    if not isinstance(subject.model, Plain):
        return "it is defined for networks of one grid: later stages read neighbours together"
    if type(subject.model.patches) is not Linear:
        return "it is defined for patches that do not overlap, each projected by one matrix"
    return ""
