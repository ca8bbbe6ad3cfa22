"""References for convolutions over the grid, between blocks and inside attention."""

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from vitpos.embeddings.base import Site
from vitpos.embeddings.conditional import PEG
from vitpos.embeddings.values import CRPE
from vitpos.oracles.base import OTHER, SAME, Answer, Case, Oracle, cases, wanted
from vitpos.oracles.contextual import DIM, HEAD_DIM, compared, lend, strategy

EVERYWHERE = (*SAME, *OTHER)


def peg(case: Case) -> Iterator[Answer]:
    """The generator of Twins, which CPVT's authors wrote; prefix tokens pass by."""
    from timm.models.twins import PosConv

    theirs = PosConv(DIM, DIM)
    yield from between(case, "peg", theirs, theirs.proj[0], bare=True)


def cpe_coat(case: Case) -> Iterator[Answer]:
    """That of CoaT, which has exactly one prefix token."""
    from timm.models.coat import ConvPosEnc

    theirs = ConvPosEnc(DIM)
    yield from between(case, "cpe_coat", theirs, theirs.proj, bare=False)


def between(
    case: Case, name: str, theirs: nn.Module, conv: nn.Module, *, bare: bool
) -> Iterator[Answer]:
    """Tokens before a block; a `bare` reference is given no prefix tokens."""
    ours = cast(PEG, strategy(name, case, changes={"layers": [case.layer]}))
    own, p = ours.conv(case.layer), case.prefix
    assert own.bias is not None
    lend(conv, weight=own.weight, bias=own.bias)
    x = wanted(2, p + case.grid.cells, DIM)
    if bare:
        wished = torch.cat([x[:, :p], theirs(x[:, p:], case.grid)], dim=1)
    else:
        wished = theirs(x, case.grid)
    told = ours.tokens(x, Site(case.grid, case.layer, p))
    inputs: dict[str, Tensor] = {"tokens": x, "kernels": own.weight, "biases": own.bias}
    yield from compared("tokens", told, wished, inputs)


class Itself:
    """Attention in which every token reads itself alone, with queries of its own."""

    def __init__(self, q: Tensor) -> None:
        self.q = self.k = q

    def weights(self) -> Tensor:
        """Ones on the diagonal."""
        return torch.eye(self.q.shape[2]).expand(*self.q.shape[:2], -1, -1)

    def __call__(self, v: Tensor) -> Tensor:
        """The values themselves."""
        return v


def crpe(case: Case) -> Iterator[Answer]:
    """CoaT's term with 8 heads and one prefix token; what attention reads is not theirs."""
    from timm.models.coat import ConvRelPosEnc

    heads, p = 8, case.prefix
    ours = cast(CRPE, strategy("crpe", case, heads=heads, dim=heads * HEAD_DIM))
    theirs = cast(Any, ConvRelPosEnc(HEAD_DIM, heads, {3: 2, 5: 3, 7: 3}))
    parameters: dict[str, Tensor] = {}
    for i, (conv, own) in enumerate(zip(theirs.conv_list, ours.convs(case.layer), strict=True)):
        assert own.bias is not None
        lend(conv, weight=own.weight, bias=own.bias)
        parameters |= {f"kernels {i}": own.weight, f"biases {i}": own.bias}
    q, v = (wanted(2, heads, p + case.grid.cells, HEAD_DIM, seed=i) for i in (1, 2))
    read = ours.values(v, Itself(q), Site(case.grid, case.layer, p)) - v
    inputs = {"queries": q, "values": v} | parameters
    yield from compared("what is added", read, theirs(q, v, size=case.grid), inputs)


ORACLES = [
    Oracle("peg", "timm", "timm.models.twins.PosConv", peg, cases(EVERYWHERE)),
    Oracle(
        "cpe_coat",
        "timm",
        "timm.models.coat.ConvPosEnc",
        cpe_coat,
        cases(EVERYWHERE, prefixes=(1,)),
    ),
    Oracle(
        "crpe", "timm", "timm.models.coat.ConvRelPosEnc", crpe, cases(EVERYWHERE, prefixes=(1,))
    ),
]
