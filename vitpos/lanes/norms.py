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
    if x.device.type == "cpu":
        return Normed.apply(x, weight, bias)
    plain = F.layer_norm(x, x.shape[-1:], eps=EPSILON)
    return torch.addcmul(bias[:, None, None], plain, weight[:, None, None])


class Normed(torch.autograd.Function):
    """The calls of CPUs, forward and backward."""

    @staticmethod
    @override
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        mean = weight.new_empty(*x.shape[:-1], 1)  # of half precision too in float32
        rstd = torch.empty_like(mean)
        call = torch.ops.aten.native_layer_norm.out
        for i in range(len(x)):
            call(x[i], x.shape[-1:], weight[i], bias[i], EPSILON,
                 out0=y[i], out1=mean[i], out2=rstd[i])  # fmt: skip
        ctx.save_for_backward(x, weight, bias, mean, rstd)
        return y

    @staticmethod
    @override
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight, bias, mean, rstd = ctx.saved_tensors
        of_x, of_weight, of_bias = map(torch.empty_like, (x, weight, bias))
        call = torch.ops.aten.native_layer_norm_backward.out
        grad = grad.contiguous()
        for i in range(len(x)):
            call(grad[i], x[i], x.shape[-1:], mean[i], rstd[i], weight[i], bias[i], [True] * 3,
                 out0=of_x[i], out1=of_weight[i], out2=of_bias[i])  # fmt: skip
        return of_x, of_weight, of_bias
