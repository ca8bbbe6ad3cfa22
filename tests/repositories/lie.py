"""References for rotations by matrices."""

import contextlib
import io

import torch
from torch import nn

from repositories.loading import member, source
from vitpos.embeddings.base import Site
from vitpos.embeddings.lie import free
from vitpos.oracles.base import OTHER, SAME, Answer, Oracle, cases, gradients, wanted
from vitpos.specimens import position

HEADS, HEAD_DIM, DEPTH, PATCH = 2, 16, 2, 4


def compared(ours, case, theirs, learned):
    """Queries, keys, logits and gradients; `learned` pairs our parameters with theirs."""
    p, tokens = case.prefix, case.prefix + case.grid.cells
    q, k = (wanted(2, HEADS, tokens, HEAD_DIM, seed=i) for i in (1, 2))
    a, b = ours.heads(q, k, Site(case.grid, case.layer, p))
    c, d = theirs(q), theirs(k)
    yield Answer("queries", a, c)
    yield Answer("keys", b, d)
    yield Answer("logits", a @ b.mT, c @ d.mT)
    mine = gradients([a, b, a @ b.mT], [q, k, *(x for x, _, _ in learned)])
    other = gradients([c, d, c @ d.mT], [q, k, *(x for _, x, _ in learned)])
    names = ["gradient of queries", "gradient of keys", *(name for _, _, (name, _) in learned)]
    same = [lambda x: x] * 2 + [pick for _, _, (_, pick) in learned]
    for name, x, y, pick in zip(names, mine, other, same, strict=True):
        yield Answer(name, *pick(x, y)) if pick is not same[0] else Answer(name, x, y)


def liere(name, block):
    """The released encoder, per layer and head; it takes CLS along and is asked for one layer."""

    def ask(case):
        with contextlib.redirect_stdout(io.StringIO()):
            yield from asked(case)

    def asked(case):
        module = member("StanfordMIMI/LieRE", "models.rope_vit", pretend=("ipdb",))
        changes = {"scale": 3.0}  # at 2 pi their exponential itself is off by 1e-5, in float32
        ours = position(name, changes=changes, grid=case.trained, prefix=case.prefix)
        encoder = module.LierePositionEncoder(
            image_size=[PATCH * side for side in case.trained],
            patch_size=PATCH,
            dim=HEADS * HEAD_DIM,
            phase_type="learned",
            position_sequencing_type="sequential",
            heads=HEADS,
            input_dimensionality=2,
            generator_dim=block,
            depth=1,
            rotary_embedding_per_layer=True,
            rotary_embedding_per_head=True,
            cls_token=False,
        )
        raw = encoder.generator_raw_params
        row, col = torch.triu_indices(block, block, 1)
        with torch.no_grad():
            raw[:, 0, :, row, col] = ours.upper[:, case.layer].flatten(1, 2)
        size = torch.tensor([[PATCH * side for side in case.grid]])
        rotations = encoder(size, torch.float32)
        one = module.identities_like(rotations, case.prefix)
        rotations = torch.cat([one, rotations], dim=1)
        attention = module.FlexibleAttention(HEADS * 64, HEADS, 64, 0.0, True)
        attention.dim_head = HEAD_DIM

        def turn(x):
            return attention.apply_transforms(x, rotations)

        def pick(mine, theirs):
            return mine[:, case.layer].flatten(1, 2), theirs[:, 0, :, row, col]

        yield from compared(ours, case, turn, [(ours.upper, raw, ("gradient of generators", pick))])

    return ask


def comrope(name, kind):
    """The rotations that the released attention makes of its exponent matrices."""

    def ask(case):
        module = source("Longin-Yu/ComRoPE", "model.py")
        ours = position(name, changes={"block": 4}, grid=case.trained, prefix=case.prefix)
        config = module.CustomVITConfig(
            hidden_size=HEADS * HEAD_DIM,
            num_attention_heads=HEADS,
            block_size=4,
            init_std=1.0,
        )
        theirs = getattr(module, kind)(config)
        upper = ours.upper[case.layer].detach()
        row, col = torch.triu_indices(4, 4, 1)
        with torch.no_grad():
            theirs.freqs.zero_()
            theirs.freqs[:, 0, :, row, col] = upper
        learned = [(ours.upper, theirs.freqs, ("gradient of matrices", generators(case, row, col)))]
        if hasattr(theirs, "multiplier"):
            multipliers = ours.multipliers[case.layer].detach()
            theirs.multiplier = nn.Parameter(multipliers[None, :, :, None, None])
            learned += [(ours.multipliers, theirs.multiplier, ("gradient of scales", scales(case)))]
        theirs.set_positions(placed(case))
        rotations = theirs.get_rotation_matrix().transpose(1, 2)
        yield from compared(ours, case, lambda x: (rotations @ x[..., None]).squeeze(-1), learned)

    return ask


def generators(case, row, col):
    """What lies above the diagonal."""
    assert len(row) == free(4)
    return lambda mine, theirs: (mine[case.layer], theirs[:, 0, :, row, col])


def scales(case):
    """Those of one layer."""
    return lambda mine, theirs: (mine[case.layer], theirs[0, :, :, 0, 0])


def placed(case):
    """Middles of cells in an image from 0 to 1, which the released code has for squares only."""
    sides = torch.tensor(tuple(case.grid))
    at = (case.grid.indices(torch.device("cpu")) + 0.5) / sides
    return torch.cat([torch.full((case.prefix, 2), 0.5), at])[None]


ALL = cases((*SAME, *OTHER))
LIERE, COMROPE = "StanfordMIMI/LieRE", "Longin-Yu/ComRoPE"
ORACLES = [
    Oracle("liere2", LIERE, "LierePositionEncoder", liere("liere2", 2), ALL),
    Oracle("liere8", LIERE, "LierePositionEncoder", liere("liere8", 8), ALL),
    Oracle("liere", LIERE, "LierePositionEncoder", liere("liere", HEAD_DIM), ALL),
    Oracle(
        "comrope_ap",
        COMROPE,
        "ComRoPEAPAttention",
        comrope("comrope_ap", "ComRoPEAPAttention"),
        ALL,
    ),
    Oracle(
        "comrope_ld",
        COMROPE,
        "ComRoPELDAttention",
        comrope("comrope_ld", "ComRoPELDAttention"),
        ALL,
    ),
]
