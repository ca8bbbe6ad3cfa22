"""References for parabolas."""

from types import SimpleNamespace

import torch

from repositories.loading import member
from vitpos.embeddings.base import Site
from vitpos.oracles.base import OTHER, SAME, Answer, Oracle, cases, gradients, wanted
from vitpos.specimens import position

HEADS, HEAD_DIM, DIM, PARABOLAS = 2, 16, 32, 3
REPOSITORY = "DTU-PAS/parabolic-position-encoding"


def made(file, kind):
    """The released encoder for a small network."""
    module = member(REPOSITORY, f"pape.nn.positions.{file}", pretend=("pape.configs",))
    config = SimpleNamespace(
        model=SimpleNamespace(hidden_size=DIM, num_heads=HEADS, head_size=HEAD_DIM),
        pape=SimpleNamespace(parabolas=PARABOLAS),
        num_positions=2,
    )
    found = getattr(module, kind)(config)
    found.register_layer_weights()
    return found


def compared(ours, case, theirs, learned):
    """Logits and gradients; the released positions are column and row, and (0, 0) for CLS."""
    site, p = Site(case.grid, case.layer, case.prefix), case.prefix
    tokens = p + case.grid.cells
    content = wanted(2, tokens, DIM, seed=4)
    q, k = (wanted(2, HEADS, tokens, HEAD_DIM, seed=i) for i in (1, 2))
    places = torch.cat([torch.zeros(p, 2), case.grid.indices(q.device).flip(-1)])[None]
    c, d = theirs.encode_query_key(content, q, k, theirs.prepare_positions(places))
    other = c @ d.mT * HEAD_DIM**-0.5
    mine = q @ k.mT * HEAD_DIM**-0.5 + ours.logits(q, k, site._replace(content=content))
    yield Answer("logits", mine, other)
    yield Answer("parabolas", mine - q @ k.mT / 4, other - q @ k.mT / 4)
    a = gradients([mine], [content, q, k, *(x for x, _, _ in learned)])
    b = gradients([other], [content, q, k, *(y for _, y, _ in learned)])
    names = ["content", "queries", "keys", *("weights" for _ in learned)]
    same = [None, None, None, *(pick for _, _, pick in learned)]
    for name, x, y, pick in zip(names, a, b, same, strict=True):
        yield Answer(f"gradient of {name}", pick(x) if pick else x, y)


def pape(case):
    """Several parabolas per head; curvatures and slopes are one layer there."""
    changes = {"parabolas": PARABOLAS, "prefix": "origin"}
    ours = position("pape", changes=changes, grid=case.trained, prefix=case.prefix)
    theirs = made("pape", "ParabolicPositionEncoder")
    both = torch.cat([ours.widths, ours.slopes], dim=1)
    theirs.position.weight.data.copy_(ours.directions[case.layer].flip(-1))
    theirs.ab.weight.data.copy_(both[case.layer])
    number = HEADS * PARABOLAS
    yield from compared(
        ours,
        case,
        theirs,
        [(ours.directions, theirs.position.weight, lambda x: x[case.layer].flip(-1))],
    )
    content = wanted(2, case.prefix + case.grid.cells, DIM, seed=4)
    q, k = (wanted(2, HEADS, content.shape[1], HEAD_DIM, seed=i) for i in (1, 2))
    site = Site(case.grid, case.layer, case.prefix, content=content)
    (a, c) = gradients([ours.logits(q, k, site)], [ours.widths, ours.slopes])
    places = torch.cat([torch.zeros(case.prefix, 2), case.grid.indices(q.device).flip(-1)])[None]
    wide, high = theirs.encode_query_key(content, q, k, places.float())
    (ac,) = gradients([wide @ high.mT * HEAD_DIM**-0.5], [theirs.ab.weight])
    yield Answer("gradient of widths", a[case.layer], ac[:number])
    yield Answer("gradient of slopes", c[case.layer], ac[number:])


def pape_ri(case):
    """One round parabola per head."""
    changes = {"prefix": "origin"}
    ours = position("pape_ri", changes=changes, grid=case.trained, prefix=case.prefix)
    theirs = made("pape_ri", "ParabolicRotationInvariantPositionEncoder")
    theirs.position_scales.copy_(ours.lengths()[case.layer].view(1, -1, 1, 1))
    theirs.a.weight.data.copy_(ours.widths[case.layer])
    learned = [(ours.widths, theirs.a.weight, lambda x: x[case.layer])]
    yield from compared(ours, case, theirs, learned)


ALL = cases((*SAME, *OTHER))
ORACLES = [
    Oracle("pape", REPOSITORY, "ParabolicPositionEncoder", pape, ALL),
    Oracle("pape_ri", REPOSITORY, "ParabolicRotationInvariantPositionEncoder", pape_ri, ALL),
]
