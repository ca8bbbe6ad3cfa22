"""Softmax attention, by the implementation that is fast on this device at this precision."""

import torch
import torch.nn.functional as F

from vitpos.shapes import Asked, Heads, Logits, Weights

HALF_LANES = 32  # of a 512-bit register: CPUs go through shorter rows one number at a time


class Attend:
    """``softmax(q kᵀ * scale + bias) v`` for any `v`, by ``sdpa`` or in the ``explicit`` way."""

    def __init__(
        self, q: Asked, k: Asked, bias: Logits | None, scale: float, implementation: str
    ) -> None:
        self.q, self.k, self.bias = q, k, bias
        self.scale, self.implementation = scale, implementation
        self.known: Weights | None = None

    def weights(self) -> Weights:
        """The softmax itself, computed once."""
        if self.known is None:
            logits = (self.q * self.scale) @ self.k.mT
            self.known = softmax(logits if self.bias is None else logits + self.bias)
        return self.known

    def __call__(self, v: Heads) -> Heads:
        """What each token reads."""
        if self.implementation == "sdpa":
            return F.scaled_dot_product_attention(
                self.q, self.k, v, attn_mask=self.bias, scale=self.scale
            )
        return self.weights().to(v) @ v


def softmax(logits: Logits) -> Logits:
    """Softmax over keys; rows too short for a vector of 32 half-precision numbers, in float32."""
    exact = logits.shape[-1] < HALF_LANES or logits.dtype == torch.float32
    return logits.softmax(dim=-1, dtype=torch.float32 if exact else None)


def choose(device: torch.device, dtype: torch.dtype) -> str:
    """SDPA on GPUs and in float32; its bfloat16 backward on CPUs is several times slower."""
    return "explicit" if device.type == "cpu" and dtype != torch.float32 else "sdpa"
