"""The hot paths as other packages have them, where these are installed."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vitpos.bench.asked import Missing

Function = Callable[[Tensor, Tensor], Sequence[Tensor]]


def found(package: str, path: str, name: str) -> Any:
    """Something of a package that may not be installed; `Missing` says so."""
    try:
        return getattr(importlib.import_module(path), name)
    except ImportError as error:
        raise Missing(f"not installed: {package}") from error
    except Exception as error:  # compiled for another torch, say
        reason = (str(error).splitlines() or [""])[0]
        raise Missing(f"{package} cannot be imported: {reason}") from error


def tables(tokens: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Some cosines and sines, [tokens, width / 2]: which angles they are of costs nothing."""
    waves = 100 ** -(torch.arange(width // 2, device=like.device) / (width // 2))
    angles = torch.arange(tokens, device=like.device)[:, None] * waves
    return angles.cos(), angles.sin()


def timm_rotary(tokens: int, width: int, like: Tensor) -> Function:
    """timm's, on queries and keys one after the other."""
    rotate = found("timm", "timm.layers", "apply_rot_embed_cat")
    cos, sin = (t.repeat_interleave(2, -1) for t in tables(tokens, width, like))
    both = torch.cat([sin, cos], dim=-1)
    return lambda q, k: (rotate(q, both).to(q), rotate(k, both).to(k))


def flash_rotary(tokens: int, width: int, like: Tensor) -> Function:
    """flash-attn's, on queries and keys one after the other."""
    rotate = found("flash-attn", "flash_attn.layers.rotary", "apply_rotary_emb")
    on_gpu("flash-attn", like)
    cos, sin = (t.to(like) for t in tables(tokens, width, like))

    def both(q: Tensor, k: Tensor) -> Sequence[Tensor]:
        turned = (rotate(x.transpose(1, 2), cos, sin, True) for x in (q, k))
        return tuple(x.transpose(1, 2) for x in turned)

    return both


def liger_rotary(tokens: int, width: int, like: Tensor) -> Function:
    """Liger's, which writes over what it is given: so it is given copies."""
    rotate = found("liger-kernel", "liger_kernel.ops.rope", "LigerRopeFunction").apply
    on_gpu("liger-kernel", like)
    cos, sin = (torch.cat([t, t], dim=-1)[None].to(like) for t in tables(tokens, width, like))
    return lambda q, k: rotate(q.clone(), k.clone(), cos, sin)


def flash_attention() -> Callable[[Tensor, Tensor, Tensor], Sequence[Tensor]]:
    """flash-attn's, on tensors [batch, tokens, heads, width]."""
    attend = found("flash-attn", "flash_attn", "flash_attn_func")
    if not torch.cuda.is_available():
        raise Missing("flash-attn needs a GPU")

    def run(q: Tensor, k: Tensor, v: Tensor) -> Sequence[Tensor]:
        out = attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return (out.transpose(1, 2),)

    return run


def on_gpu(package: str, like: Tensor) -> None:
    """Raise `Missing` elsewhere."""
    if not like.is_cuda:
        raise Missing(f"{package} needs a GPU")
