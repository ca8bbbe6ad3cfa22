"""Softmax attention, by the implementation that is fast on this device at this precision."""

import torch
import torch.nn.functional as F

from vitpos.shapes import Heads, Logits

HALF_LANES = 32  # of a 512-bit register: CPUs go through shorter rows one number at a time


def attend(q: Heads, k: Heads, v: Heads, bias: Logits | None, implementation: str) -> Heads:
    """``softmax(q kᵀ / √d + bias) v``; `implementation` is ``sdpa`` or ``explicit``."""
    if implementation == "sdpa":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    logits = (q * q.shape[-1] ** -0.5) @ k.mT
    if bias is not None:
        logits = logits + bias
    return softmax(logits).to(v) @ v


def softmax(logits: Logits) -> Logits:
    """Softmax over keys; rows too short for a vector of 32 half-precision numbers, in float32."""
    exact = logits.shape[-1] < HALF_LANES or logits.dtype == torch.float32
    return logits.softmax(dim=-1, dtype=torch.float32 if exact else None)


def choose(device: torch.device, dtype: torch.dtype) -> str:
    """SDPA on GPUs and in float32; its bfloat16 backward on CPUs is several times slower."""
    return "explicit" if device.type == "cpu" and dtype != torch.float32 else "sdpa"
