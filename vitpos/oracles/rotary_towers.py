"""References for rotations: the vision towers of transformers."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from vitpos.grid import Grid
from vitpos.oracles.base import OTHER, SAME, SQUARE, Answer, Case, Oracle, cases
from vitpos.oracles.rotary import HEAD_DIM, HEADS, Turn, compared, made


def config(theta: float, **more: Any) -> Any:
    """What the rotation of a tower reads of its configuration."""
    return SimpleNamespace(
        hidden_size=HEADS * HEAD_DIM,
        embed_dim=HEADS * HEAD_DIM,
        num_attention_heads=HEADS,
        num_heads=HEADS,
        head_dim=HEAD_DIM,
        rope_parameters={"rope_type": "axial", "rope_theta": theta},
        **more,
    )


def halves(cosines: Tensor, sines: Tensor) -> Turn:
    """Channels ``k, k + d / 2`` turned by sines and cosines [cells, head_dim]."""
    from transformers.models.pixtral.modeling_pixtral import rotate_half

    return lambda x: x * cosines + rotate_half(x) * sines


def ids(grid: Grid) -> Tensor:
    """Rows and columns of all cells, [cells, 2]."""
    return grid.indices(torch.device("cpu"))


def pixtral(case: Case) -> Iterator[Answer]:
    """Pixtral: one spectrum for both axes."""
    from transformers.models.pixtral.modeling_pixtral import PixtralVisionRotaryEmbedding

    x = torch.zeros(1)
    turn = halves(*PixtralVisionRotaryEmbedding(config(10000.0))(x, ids(case.grid)))
    yield from compared(made("rope2d_pixtral", case), case, turn)


def qwen2vl(case: Case) -> Iterator[Answer]:
    """Qwen2-VL: both axes tiled twice."""
    from transformers.models.qwen2_vl.modeling_qwen2_vl import (
        Qwen2VLVisionRotaryEmbedding,
        apply_rotary_pos_emb_vision,
    )

    cosines, sines = Qwen2VLVisionRotaryEmbedding(config(10000.0))(torch.zeros(1), ids(case.grid))

    def turn(x: Tensor) -> Tensor:
        tokens_first = x.transpose(1, 2)
        turned, _ = apply_rotary_pos_emb_vision(tokens_first, tokens_first, cosines, sines)
        return turned.transpose(1, 2)

    yield from compared(made("rope2d_qwen2vl", case), case, turn)


def llama4(case: Case) -> Iterator[Answer]:
    """Llama 4: square grids, CLS at the end of the sequence."""
    from transformers.models.llama4.modeling_llama4 import (
        Llama4VisionRotaryEmbedding,
        vision_apply_rotary_emb,
    )

    given = config(10000.0, image_size=case.grid.cols, patch_size=1)
    rotors = Llama4VisionRotaryEmbedding(given)(torch.zeros(1))

    def turn(x: Tensor) -> Tensor:
        with_cls = torch.cat([x, x[:, :, :1]], dim=2).transpose(1, 2)
        turned, _ = vision_apply_rotary_emb(with_cls, with_cls, rotors)
        return turned.transpose(1, 2)[:, :, :-1]

    yield from compared(made("rope2d_llama4", case), case, turn)


def gemma4(case: Case) -> Iterator[Answer]:
    """Gemma 4: columns in the first half of a head, as its image processor counts them."""
    from transformers.models.gemma4.modeling_gemma4 import (
        Gemma4VisionRotaryEmbedding,
        apply_multidimensional_rope,
    )

    places = ids(case.grid).flip(-1)[None]  # columns first
    cosines, sines = Gemma4VisionRotaryEmbedding(config(100.0))(torch.zeros(1), places)

    def turn(x: Tensor) -> Tensor:
        turned = apply_multidimensional_rope(x.transpose(1, 2), cosines, sines, places)
        return turned.transpose(1, 2)

    yield from compared(made("rope2d_gemma4", case), case, turn)


def sam3(case: Case) -> Iterator[Answer]:
    """SAM 3: its window is our trained grid; one ratio for both axes."""
    from transformers.models.sam3.modeling_sam3 import (
        Sam3ViTLayer,
        Sam3ViTRotaryEmbedding,
        apply_rotary_pos_emb_2d,
    )

    given = config(10000.0, image_size=case.grid.cols, patch_size=1, window_size=case.trained.cols)
    places = Sam3ViTLayer.precompute_positions(given, 0)
    cosines, sines = Sam3ViTRotaryEmbedding(given)(torch.zeros(1), places)

    def turn(x: Tensor) -> Tensor:
        turned, _ = apply_rotary_pos_emb_2d(x, x, cosines, sines)
        return turned

    yield from compared(made("rope2d_sam3", case), case, turn)


def dinov3(case: Case) -> Iterator[Answer]:
    """DINOv3 in transformers."""
    from transformers.models.dinov3_vit.modeling_dinov3_vit import DINOv3ViTRopePositionEmbedding

    given = config(100.0, rope_theta=100.0, image_size=8, patch_size=1)
    theirs = DINOv3ViTRopePositionEmbedding(given).eval()
    turn = halves(*theirs(torch.zeros(1, 3, *case.grid)))
    yield from compared(made("rope_dinov3", case), case, turn)


def vjepa2(case: Case) -> Iterator[Answer]:
    """V-JEPA 2 on one frame; a third of 16 channels are 4, the last 4 stay."""
    from transformers.models.vjepa2.modeling_vjepa2 import rotate_queries_or_keys

    rows, cols = ids(case.grid).T

    def turn(x: Tensor) -> Tensor:
        thirds = [x[..., i : i + 4] for i in (0, 4, 8)]
        places = (torch.zeros_like(rows), rows, cols)
        turned = [rotate_queries_or_keys(t, p) for t, p in zip(thirds, places, strict=True)]
        return torch.cat([*turned, x[..., 12:]], dim=-1)

    yield from compared(made("rope_vjepa2_as_released", case), case, turn)


ALL = cases((*SAME, *OTHER))
EVEN = cases(((SQUARE, SQUARE), (SQUARE, Grid(6, 6)), (SQUARE, Grid(3, 3))))
TOWERS = "transformers.models"
ORACLES = [
    Oracle("rope2d_pixtral", "transformers", f"{TOWERS}.pixtral", pixtral, ALL),
    Oracle("rope2d_qwen2vl", "transformers", f"{TOWERS}.qwen2_vl", qwen2vl, ALL),
    Oracle("rope2d_llama4", "transformers", f"{TOWERS}.llama4", llama4, EVEN),
    Oracle("rope2d_gemma4", "transformers", f"{TOWERS}.gemma4", gemma4, ALL),
    Oracle("rope2d_sam3", "transformers", f"{TOWERS}.sam3", sam3, EVEN),
    Oracle("rope_dinov3", "transformers", f"{TOWERS}.dinov3_vit", dinov3, ALL),
    Oracle("rope_vjepa2_as_released", "transformers", f"{TOWERS}.vjepa2", vjepa2, ALL),
]
