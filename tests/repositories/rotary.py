"""References for rotations by angles that exist as repositories only."""

import contextlib
import io
import math
from types import SimpleNamespace

import torch
from torch import nn

from repositories.loading import member, source
from vitpos.attention import Attend
from vitpos.embeddings.base import Site
from vitpos.grid import Grid
from vitpos.oracles.base import (
    OBLONG,
    OTHER,
    SAME,
    SQUARE,
    Answer,
    Oracle,
    cases,
    gradients,
    wanted,
)
from vitpos.oracles.rotary import DEPTH, HEAD_DIM, HEADS, compared, made

CPU = torch.device("cpu")


def rows_and_cols(grid):
    """Of every cell, as floats."""
    return grid.indices(CPU).float().T


def ropevit(case):
    """RoPE-ViT, axial."""
    module = source("naver-ai/rope-vit", "self-attn/rope_self_attn.py")
    rotors = module.compute_axial_cis(HEAD_DIM, case.grid.cols, case.grid.rows, theta=100.0)
    yield from compared(
        made("rope2d", case), case, lambda x: module.apply_rotary_emb(x, x, rotors)[0]
    )


def ropevit_mixed(case):
    """RoPE-ViT, mixed: columns come first among the frequencies."""
    module = source("naver-ai/rope-vit", "self-attn/rope_self_attn.py")
    ours = made("rope_mixed", case)
    own = ours.frequencies[:, case.layer].detach().flip(0).flatten(1)
    places = module.init_t_xy(case.grid.cols, case.grid.rows)
    rotors = module.compute_mixed_cis(own, *places, HEADS)
    yield from compared(ours, case, lambda x: module.apply_rotary_emb(x, x, rotors)[0])


def eva(case):
    """EVA-02, which knows square grids only."""
    module = source("baaivision/EVA", "EVA-02/asuka/rope.py")
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = module.VisionRotaryEmbeddingFast(
            HEAD_DIM // 2, pt_seq_len=case.trained.rows, ft_seq_len=case.grid.rows
        )
    yield from compared(made("rope2d_eva02", case), case, theirs)


def dinov3(coords, normalised):
    """The authors' code, for one way to normalise coordinates."""

    def ask(case):
        module = source("facebookresearch/dinov3", "dinov3/layers/rope_position_encoding.py")
        theirs = module.RopePositionEmbedding(
            HEADS * HEAD_DIM, num_heads=HEADS, normalize_coords=normalised, dtype=torch.float32
        )
        sines, cosines = theirs.eval()(H=case.grid.rows, W=case.grid.cols)

        def turn(x):
            first, second = x.chunk(2, dim=-1)
            return x * cosines + torch.cat([-second, first], dim=-1) * sines

        yield from compared(made("rope_dinov3", case, coords=coords), case, turn)

    return ask


VISIONLLAMA = ("pos_embed", "utils", "timm.models.layers", "timm.models.registry")


def visionllama(case):
    """The path without reduction of keys; oblong grids are not scaled there."""
    module = source("Meituan-AutoML/VisionLLaMA", "deit/my_models.py", pretend=VISIONLLAMA)
    if case.grid.rows == case.grid.cols:
        scale = case.trained.rows / case.grid.rows
        rotors = module.precompute_freqs_cis_2d(HEAD_DIM, case.grid.cells, scale=scale)
    else:
        rotors = module.precompute_freqs_cis_2d_general(HEAD_DIM, case.grid.cells, W=case.grid.cols)

    def turn(x):
        return module.apply_rotary_emb_single(x.transpose(1, 2), rotors).transpose(1, 2)

    yield from compared(made("rope2d_visionllama", case), case, turn)


def schh(case):
    """Square grids; CLS is first and at place 0."""
    file = "positional_encodings/pos_embed_rope.py"
    places = source("s-chh/2D-Positional-Encoding-Vision-Transformer", "utils.py")
    module = source("s-chh/2D-Positional-Encoding-Vision-Transformer", file, pretend=("utils",))
    module.get_x_positions, module.get_y_positions = places.get_x_positions, places.get_y_positions
    theirs = module.RotatoryPositionEmbedding2D(case.grid.cells + 1, HEAD_DIM)

    def turn(x):
        return theirs(torch.cat([x[:, :, :1], x], dim=2))[:, :, 1:]

    yield from compared(made("rope_schh", case), case, turn)


def hdit(case):
    """k-diffusion: each head its own frequencies, on half of the channels."""
    name = "k_diffusion.models.image_transformer_v2"
    pretend = ("k_diffusion.layers", "natten", "flash_attn")
    module = member("crowsonkb/k-diffusion", name, pretend=pretend)
    theirs = module.AxialRoPE(HEAD_DIM // 2, HEADS)
    theta = theirs(module.make_axial_pos(*case.grid)).movedim(-2, -3)
    yield from compared(made("rope_hdit", case), case, lambda x: module.apply_rotary_emb(x, theta))


def vjepa2(case):
    """One frame; a third of 16 channels are 4, the last 4 stay."""
    file = "src/models/utils/modules.py"
    module = source("facebookresearch/vjepa2", file, pretend=("timm.models.layers",))
    rows, cols = rows_and_cols(case.grid)

    def turn(x):
        thirds = [x[..., i : i + 4] for i in (0, 4, 8)]
        places = (torch.zeros_like(rows), rows, cols)
        turned = [module.rotate_queries_or_keys(t, p) for t, p in zip(thirds, places, strict=True)]
        return torch.cat([*turned, x[..., 12:]], dim=-1)

    yield from compared(made("rope_vjepa2_as_released", case), case, turn)


def liere(case):
    """Blocks of two channels; their rotation is the other way round."""
    module = member("StanfordMIMI/LieRE", "models.rope_vit", pretend=("ipdb",))
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = module.LierePositionEncoder(
            tuple(case.trained), 1, HEADS * HEAD_DIM, "learned", "sequential", HEADS, 2, 2, DEPTH,
            True, True, cls_token=False,
        )  # fmt: skip
    ours = made("rope_mixed_liere", case)
    ours.frequencies.data /= 4  # exponentials of large matrices lose digits in float32
    raw = torch.zeros_like(theirs.generator_raw_params)
    raw[..., 0, 1] = -ours.frequencies.detach().flatten(2)
    theirs.generator_raw_params = nn.Parameter(raw)
    found = theirs(torch.tensor([list(case.grid)]), torch.float32)[0, :, case.layer]
    found = found.unflatten(1, (HEADS, -1)).transpose(0, 1)  # [heads, cells, planes, 2, 2]

    def turn(x):
        return (found @ x.unflatten(-1, (-1, 2, 1))).flatten(-3)

    yield from compared(ours, case, turn)
    x = wanted(1, HEADS, case.grid.cells, HEAD_DIM)
    out, _ = ours.heads(x, x, Site(case.grid, case.layer, 0))
    (mine,) = gradients([out], [ours.frequencies])
    (other,) = gradients([turn(x)], [theirs.generator_raw_params])
    yield Answer("gradient of frequencies", mine, -other[..., 0, 1].unflatten(-1, (HEADS, -1)))


def pape(case):
    """Their code learns the reciprocal of our frequencies."""
    name = "pape.nn.positions.rope_mixed"
    module = member("DTU-PAS/parabolic-position-encoding", name, pretend=("pape.configs",))
    given = SimpleNamespace(
        model=SimpleNamespace(num_heads=HEADS, head_size=HEAD_DIM),
        num_positions=2,
        rope_mixed=SimpleNamespace(base=100.0),
    )
    theirs = module.RoPEMixedPositionEncoder(given)
    theirs.register_layer_weights()
    ours = made("rope_mixed_pape", case)
    yield Answer(
        "start", ours.frequencies[:, case.layer], theirs.frequencies.reciprocal().transpose(0, 1)
    )
    places = 1 + torch.stack(list(rows_and_cols(case.grid)), dim=-1).flip(-1)[None]
    yield from compared(ours, case, lambda x: theirs.encode_query_key(x, x, x, places)[0])


def spiral(case):
    """Cells whose angles are not clamped by the border; there, what depends on offsets is equal."""
    file = "RoPE_DeiT/rope.py"
    module = source("huajianduzhuo-code/Spiral_RoPE", file, pretend=("pdb",))
    fan = 2
    theirs = module.VisionRotaryEmbedding(
        HEAD_DIM // 2, case.trained.rows, rotate=fan, max_freq_lang=1.5, same_theta=False
    )
    ours = made("rope_spiral", case)
    q, k = (wanted(1, HEADS, case.grid.cells, HEAD_DIM, seed=i) for i in (1, 2))
    inside = unclamped(case.grid, math.pi / 4)
    a, b = (x[:, :, inside] for x in ours.heads(q, k, Site(case.grid, 0, 0)))
    c, d = (theirs(x.transpose(1, 2)).transpose(1, 2)[:, :, inside] for x in (q, k))
    yield Answer("logits", a @ b.mT, c @ d.mT)
    names = ["gradient of queries", "gradient of keys"]
    yield from map(Answer, names, gradients([a @ b.mT], [q, k]), gradients([c @ d.mT], [q, k]))


def unclamped(grid, angle):
    """Cells that stay within the grid when it is turned around its middle."""
    rows, cols = rows_and_cols(grid)
    rows, cols = rows - rows.mean(), cols - cols.mean()
    away = max(math.sin(angle), math.cos(angle)) * (rows.abs() + cols.abs())
    return (away <= rows.max() + 1e-6).nonzero().flatten()


def spiral_as_released(case):
    """With the clamping, everywhere."""
    module = source("huajianduzhuo-code/Spiral_RoPE", "RoPE_DeiT/rope.py", pretend=("pdb",))
    theirs = module.VisionRotaryEmbedding(
        HEAD_DIM // 2, case.trained.rows, rotate=2, max_freq_lang=1.5, same_theta=False
    )
    ours = made("rope_spiral_as_released", case)
    yield from compared(ours, case, lambda x: theirs(x.transpose(1, 2)).transpose(1, 2))


def spiral_axial(case):
    """Two directions are the rotation of EVA-02, faster; nothing is clamped."""
    module = source("huajianduzhuo-code/Spiral_RoPE", "RoPE_DeiT/rope.py", pretend=("pdb",))
    theirs = module.VisionRotaryEmbedding(
        HEAD_DIM // 2, case.trained.rows, rotate=1, max_freq_lang=1.5, same_theta=False
    )
    ours = made("rope_spiral", case, directions=2)
    yield from compared(ours, case, lambda x: theirs(x.transpose(1, 2)).transpose(1, 2))


def harope(case):
    """Maps and rotations of the released code, with the gradients of what it learns."""
    module = source("Studentxll/HARoPE", "model/models_HARoPE.py")
    ours = made("harope", case)
    for seed, learned in enumerate(ours.parameters()):
        learned.data = wanted(*learned.shape, seed=seed).detach()
    theirs = module.SVDBasedMatrix(HEADS, HEAD_DIM)
    row, col = torch.triu_indices(HEAD_DIM, HEAD_DIM, 1)
    for raw, upper in ((theirs.A_u, ours.left), (theirs.A_v, ours.right)):
        raw.data[:, row, col] = upper.data[case.layer]
        raw.data[:, col, row] = -upper.data[case.layer]
    theirs.sigma.data = ours.sizes.data[case.layer].clone()
    first, second = theirs()
    embed = module.RotaryPosEmbed(10000, [HEAD_DIM // 2] * 2)(module.prepare_latent_ids(*case.grid))
    p, tokens = case.prefix, case.prefix + case.grid.cells
    q, k = (wanted(2, HEADS, tokens, HEAD_DIM, seed=i) for i in (1, 2))
    a, b = ours.heads(q, k, Site(case.grid, case.layer, p))
    maps = (q, first.transpose(-1, -2)), (k, second)
    c, d = (
        torch.cat([x[:, :, :p], module.apply_rotary_emb(x[:, :, p:] @ m, embed)], dim=2)
        for x, m in maps
    )
    yield Answer("queries", a, c)
    yield Answer("keys", b, d)
    yield Answer("logits", a @ b.mT, c @ d.mT)
    mine = gradients([a @ b.mT], [q, k, ours.left, ours.right, ours.sizes])
    other = gradients([c @ d.mT], [q, k, theirs.A_u, theirs.A_v, theirs.sigma])
    yield from map(Answer, ["gradient of queries", "gradient of keys"], mine[:2], other[:2])
    for name, own, raw in zip(("left", "right"), mine[2:4], other[2:4], strict=True):
        both = raw[:, row, col] - raw[:, col, row]  # they have a number on either side
        yield Answer(f"gradient of {name}", own[case.layer], both)
    yield Answer("gradient of sizes", mine[4][case.layer], other[4])


def gta(name):
    """Plane rotations as a group; theirs turns queries and keys in any case."""

    def ask(case):
        module = source("autonomousvision/gta", "source/utils/gta.py")
        ours = made(name, case)
        site = Site(case.grid, case.layer, case.prefix)
        tokens = case.prefix + case.grid.cells
        q, k, v = (wanted(2, HEADS, tokens, HEAD_DIM, seed=i) for i in (1, 2, 3))
        rotors = ours.rotation.rotors(site)
        back = ours.rotation.turn([q, k], ours.rotation.turns(site), back=True)
        reps = {"so2fn": act, **dict.fromkeys(("so2rep_q", "so2rep_k"), matrices(rotors[0]))}
        out, _ = module.multihead_geometric_transform_attention(
            *((q, k) if name == "rope_gta" else back), v, read, {"so2": HEAD_DIM}, reps
        )
        a, b = ours.heads(q, k, site)
        mine = ours.values(v, Attend(a, b, None, HEAD_DIM**-0.5, "sdpa"), site)
        yield Answer("what is read", mine, out)
        names = [f"gradient of {what}" for what in ("queries", "keys", "values")]
        yield from map(Answer, names, gradients([mine], [q, k, v]), gradients([out], [q, k, v]))

    return ask


def matrices(rotors):
    """Rotations of the plane as matrices, [1, tokens, planes, 2, 2]."""
    first = torch.stack([rotors.real, -rotors.imag], dim=-1)
    return torch.stack([first, torch.stack([rotors.imag, rotors.real], dim=-1)], dim=-2)[None]


def act(by, x):
    """Matrices of tokens on vectors of tokens."""
    return torch.einsum("ztpij,bhtpj->bhtpi", by, x)


def read(q, k, v):
    """Attention, and no weights to look at."""
    return Attend(q, k, None, HEAD_DIM**-0.5, "explicit")(v), None


ALL = cases((*SAME, *OTHER))
EVEN = cases(((SQUARE, SQUARE), (SQUARE, Grid(6, 6)), (SQUARE, Grid(3, 3))))
PLAIN = cases(((SQUARE, SQUARE), (SQUARE, Grid(6, 6)), (OBLONG, OBLONG)))
SCHH, SPIRAL = "s-chh/2D-Positional-Encoding-Vision-Transformer", "huajianduzhuo-code/Spiral_RoPE"
ROPEVIT, DINO, GTA = "naver-ai/rope-vit", "facebookresearch/dinov3", "autonomousvision/gta"
PAPE, LLAMA = "DTU-PAS/parabolic-position-encoding", "Meituan-AutoML/VisionLLaMA"
ENCODING, SO2 = "RopePositionEmbedding", "multihead_geometric_transform_attention"
ORACLES = [
    Oracle("rope2d", ROPEVIT, "compute_axial_cis", ropevit, ALL),
    Oracle("rope_mixed", ROPEVIT, "compute_mixed_cis", ropevit_mixed, ALL),
    Oracle("rope2d_eva02", "baaivision/EVA", "VisionRotaryEmbeddingFast", eva, EVEN),
    Oracle("rope_dinov3", DINO, ENCODING, dinov3("centre", "separate"), ALL),
    Oracle("rope_dinov3", DINO, ENCODING, dinov3("longer", "max"), ALL),
    Oracle("rope_dinov3", DINO, ENCODING, dinov3("shorter", "min"), ALL),
    Oracle("rope2d_visionllama", LLAMA, "precompute_freqs_cis_2d", visionllama, PLAIN),
    Oracle("rope_schh", SCHH, "RotatoryPositionEmbedding2D", schh, EVEN),
    Oracle("rope_hdit", "crowsonkb/k-diffusion", "AxialRoPE", hdit, ALL),
    Oracle(
        "rope_vjepa2_as_released", "facebookresearch/vjepa2", "rotate_queries_or_keys", vjepa2, ALL
    ),
    Oracle("rope_mixed_liere", "StanfordMIMI/LieRE", "LierePositionEncoder", liere, ALL),
    Oracle("rope_mixed_pape", PAPE, "RoPEMixedPositionEncoder", pape, ALL),
    Oracle("rope_spiral", SPIRAL, "VisionRotaryEmbedding", spiral, EVEN),
    Oracle("rope_spiral", SPIRAL, "VisionRotaryEmbedding", spiral_axial, EVEN),
    Oracle("rope_spiral_as_released", SPIRAL, "VisionRotaryEmbedding", spiral_as_released, EVEN),
    Oracle("harope", "Studentxll/HARoPE", "SVDBasedMatrix", harope, ALL),
    Oracle("rope_gta", GTA, SO2, gta("rope_gta"), ALL),
    Oracle("rope_value", GTA, SO2, gta("rope_value"), ALL),
]
