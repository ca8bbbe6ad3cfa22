"""Small networks whose strategies have other options than their files say."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import networks

from vitpos import build
from vitpos.specimens import options
from vitpos.vit import Plain, ViT


def vit(
    name: str, changes: Mapping[str, Any], *, size: int = 32, patch: int = 8, **backbone: Any
) -> ViT:
    """A network for square images of `size` pixels; `backbone` are fields of the backbone."""
    model = Plain(
        lambda trunk: build.embedding(options(name, changes), trunk, 0),
        dataclasses.replace(networks.BACKBONE, **backbone),
        channels=3,
        image_size=size,
        patch=networks.patches(patch),
        classes=networks.CLASSES,
    )
    build.draw(model, 0)
    return model
