"""LayerNorm where each lane has a scale and a shift of its own.

On a CPU a call for each lane, whose results lie side by side: quicker there than one for all and a
product, and the bits of a run alone.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from vitpos.lanes.shapes import Tokens

EPSILON = 1e-5


def layer_norm(
    x: Tokens, weight: Float[Tensor, "lanes dim"], bias: Float[Tensor, "lanes dim"]
) -> Tokens:
    """Ba et al. 2016, https://arxiv.org/abs/1607.06450, over the last dimension."""
    return Normed.apply(x, weight, bias) if x.device.type == "cpu" else plain(x, weight, bias)


def plain(
    x: Tokens, weight: Float[Tensor, "lanes dim"], bias: Float[Tensor, "lanes dim"]
) -> Tokens:
    """The same in calls that do not grow with the number of lanes, and that compile."""
    normal = F.layer_norm(x, x.shape[-1:], eps=EPSILON)
    return torch.addcmul(bias[:, None, None], normal, weight[:, None, None])


class Normed(torch.autograd.Function):
    """The calls of CPUs, forward and backward."""

    @staticmethod
    @override
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        shape = x.shape[-1:]
        lanes = zip(x.contiguous(), weight, bias, strict=True)
        found = [torch.native_layer_norm(row, shape, w, b, EPSILON) for row, w, b in lanes]
        values, means, spreads = zip(*found, strict=True)
        ctx.save_for_backward(x, weight, bias, *means, *spreads)
        return torch.stack(values)

    @staticmethod
    @override
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight, bias, *moments = ctx.saved_tensors
        means, spreads = moments[: len(x)], moments[len(x) :]
        call, shape = torch.ops.aten.native_layer_norm_backward, x.shape[-1:]
        lanes = zip(grad.contiguous(), x, means, spreads, weight, bias, strict=True)
        found = [call(g, row, shape, m, s, w, b, [True] * 3) for g, row, m, s, w, b in lanes]
        of_x, of_weight, of_bias = (torch.stack(column) for column in zip(*found, strict=True))
        return of_x, of_weight, of_bias
