"""The same patches, seen through larger or smaller ones: the patch projection resized.

A patch of s x s pixels, resized to t x t, is `B` times the old one, with `B` of t² x s² numbers.
The weights of the new patches are those that answer the resized patch as the old weights answered
the old one, as far as that can be: the pseudo-inverse of `B` transposed, times the old weights
(PI-resize of Beyer et al. 2023, FlexiViT, https://arxiv.org/abs/2212.08013). For larger patches
they answer exactly.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float64
from torch import Tensor

from vitpos.patches import Linear


def resizing(old: int, new: int) -> Float64[Tensor, "{new}*{new} {old}*{old}"]:
    """The matrix that resizes a square of pixels, bilinear and without aliasing."""
    unit = torch.eye(old * old, dtype=torch.float64).view(-1, 1, old, old)
    resized = F.interpolate(unit, [new, new], mode="bilinear", antialias=True)
    return resized.flatten(1).T


def with_patches(patches: Linear, size: int) -> Linear:
    """Patches of another size that answer resized images as these answer the images."""
    weight = patches.project.weight.detach()
    cells = patches.size**2
    dim, channels = weight.shape[0], weight.shape[1] // cells
    turned = torch.linalg.pinv(resizing(patches.size, size).T).to(weight.device)
    by_channel = weight.double().view(dim, channels, cells)
    found = torch.einsum("np,dcp->dcn", turned, by_channel)
    with torch.random.fork_rng(devices=[]):  # torch's layers draw numbers, which are replaced
        other = Linear(patches.planes - patches.extra, patches.extra, size, dim)
    other.to(weight.device, weight.dtype)
    with torch.no_grad():
        other.project.weight.copy_(found.flatten(1))
        other.project.bias.copy_(patches.project.bias)
    return other.eval()
