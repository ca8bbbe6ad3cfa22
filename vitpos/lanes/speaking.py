"""How position embeddings speak to several lanes, whatever they are.

A strategy without numbers of its own says the same to every lane, and so speaks once, to all images
of all lanes as one batch. Any other speaks to each lane in turn, and only at the places where it
has something to say: what it does there are the very calls of a run alone. So no strategy needs to
know of lanes, and plugins need not either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import is_

import torch
from torch import Tensor
from typing_extensions import override

from vitpos.attention import Attend, meet, softmax
from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.embeddings.together import Together
from vitpos.lanes.shapes import Draws, Heads, Packed, Spread, Terms, Tokens
from vitpos.shapes import Weights


@dataclass(frozen=True)
class LaneSite:
    """Where in the network the lanes are, each with draws and tokens of its own."""

    site: Site
    draws: Draws | None
    content: Tokens | None = None

    def of(self, lane: int) -> Site:
        """What a lane is asked as if it were alone."""
        draws = None if self.draws is None else self.draws[lane]
        return self.site._replace(
            draws=draws, content=None if self.content is None else self.content[lane]
        )

    def of_all(self) -> Site:
        """The same for all images of all lanes as one batch; the draws then are without effect."""
        draws = None if self.draws is None else self.draws[0]
        content = None if self.content is None else self.content.flatten(0, 1)
        return self.site._replace(draws=draws, content=content)


class Speech:
    """What the embeddings of all lanes say at each of their places."""

    def __init__(self, positions: Sequence[PositionEmbedding]) -> None:
        self.positions = positions
        named = [parts(position) for position in positions]
        self.parts = [Part(same) for same in zip(*named, strict=True)]
        inside = ("heads", "logits", "values")
        own = [part for part in self.parts if not part.once]
        self.folds = not any(part.speaks(hook) for part in own for hook in inside)
        self.of_values = any(part.speaks("values") for part in self.parts)

    def ask(self, hook: str, given: Sequence[Spread], at: LaneSite) -> list[Tensor]:
        """What comes of these tensors when each part in turn has had its say."""
        found = list(given)
        for part in self.parts:
            found = part.ask(hook, found, at)
        return found

    def logits(self, q: Heads, k: Heads, at: LaneSite) -> Terms | None:
        """The sum of what the parts add to the logits."""
        said = [part.logits(q, k, at) for part in self.parts]
        terms = [term for term in said if term is not None]
        return sum(terms[1:], terms[0]) if terms else None

    def read(self, packed: Packed, at: LaneSite, implementation: str) -> Heads:
        """What each token reads: all that positions have to do with inside attention."""
        if self.folds:
            found = alone(self.positions[0], packed.flatten(0, 1), at.of_all(), implementation)
            return found.unflatten(0, packed.shape[:2])
        if self.of_values or implementation == "tile":
            lanes = enumerate(self.positions)
            rows = [alone(p, packed[i], at.of(i), implementation) for i, p in lanes]
            return torch.stack(rows)
        q, k, v = packed.permute(3, 0, 1, 4, 2, 5)
        q, k = self.ask("heads", [q, k], at)
        gather = LaneAttend(q, k, self.logits(q, k, at), v.shape[-1] ** -0.5, implementation)
        return gather(v.flatten(0, 1)).unflatten(0, v.shape[:2])


class LaneAttend(Attend):
    """Attention of all images of all lanes as one batch, each lane with a bias of its own."""

    def __init__(
        self, q: Heads, k: Heads, terms: Terms | None, scale: float, implementation: str
    ) -> None:
        self.lanes, batch = q.shape[:2]
        bias, self.terms = None, None
        if terms is not None and len(terms) == 1 and terms.shape[1] == 1:
            bias = terms[0]
        elif terms is not None and implementation == "explicit":
            self.terms = terms
        elif terms is not None:
            bias = terms.expand(self.lanes, batch, -1, -1, -1).flatten(0, 1)
        super().__init__(q.flatten(0, 1), k.flatten(0, 1), bias, scale, implementation)

    @override
    def weights(self) -> Weights:
        if self.known is None and self.terms is not None:
            logits = ((self.q * self.scale) @ self.k.mT).unflatten(0, (self.lanes, -1))
            self.known = softmax((logits + self.terms).flatten(0, 1))
        return super().weights()


def alone(position: PositionEmbedding, packed: Tensor, site: Site, implementation: str) -> Tensor:
    """`Speech.read` for a single lane, or for all where they have the same to say."""
    gather, v = meet(packed, position, site, implementation)
    return position.values(v, gather, site)


def parts(position: PositionEmbedding) -> list[PositionEmbedding]:
    """The strategies of which an embedding is made."""
    if isinstance(position, Together):
        return [part for _, part in position.strategies()]
    return [position]


class Part:
    """One strategy, as each lane has it."""

    def __init__(self, lanes: Sequence[PositionEmbedding]) -> None:
        self.lanes = lanes
        self.once = says_the_same(lanes)

    def speaks(self, hook: str) -> bool:
        """Whether it has something to say at this place, or is silent as the base is."""
        return getattr(type(self.lanes[0]), hook) is not getattr(PositionEmbedding, hook)

    def ask(self, hook: str, given: list[Tensor], at: LaneSite) -> list[Tensor]:
        """What it makes of these tensors; where it leaves one as it is, the very tensor."""
        if not self.speaks(hook):
            return given
        if self.once:
            found = answers(self.lanes[0], hook, [x.flatten(0, 1) for x in given], at.of_all())
            return [x.unflatten(0, given[0].shape[:2]) for x in found]
        rows = {id(x): x.unbind(0) for x in given}  # what is one tensor stays one
        said = [
            answers(lane, hook, [rows[id(x)][i] for x in given], at.of(i))
            for i, lane in enumerate(self.lanes)
        ]
        return joined(said, given, rows)

    def logits(self, q: Heads, k: Heads, at: LaneSite) -> Terms | None:
        """What it adds to the logits."""
        if not self.speaks("logits"):
            return None
        if self.once:
            term = self.lanes[0].logits(q.flatten(0, 1), k.flatten(0, 1), at.of_all())
            if term is None or len(term) == 1:
                return term if term is None else term[None]
            return term.unflatten(0, q.shape[:2])
        lanes = enumerate(zip(self.lanes, q, k, strict=True))
        said = [lane.logits(of_q, of_k, at.of(i)) for i, (lane, of_q, of_k) in lanes]
        terms = [term for term in said if term is not None]
        return torch.stack(terms) if terms else None


def answers(
    strategy: PositionEmbedding, hook: str, given: Sequence[Tensor], site: Site
) -> Sequence[Tensor]:
    """What a strategy makes of as many tensors as its hook takes and gives."""
    match hook, given:
        case "pixels", [x]:
            return [strategy.pixels(x)]
        case "tokens", [x]:
            return [strategy.tokens(x, site)]
        case "inputs", [x, told]:
            return strategy.inputs(x, told, site)
        case "heads", [q, k]:
            return strategy.heads(q, k, site)
    raise ValueError(f"{hook} is not asked for {len(given)} tensors")


def joined(
    said: Sequence[Sequence[Tensor]],
    given: Sequence[Tensor],
    rows: Mapping[int, Sequence[Tensor]],
) -> list[Tensor]:
    """The answers of all lanes, side by side; what is one tensor in each lane stays one."""
    found: list[Tensor] = []
    for place, answer in enumerate(said[0]):
        before = [x for x in given if all(map(is_, rows[id(x)], column(said, place)))]
        twin = next((n for n in range(place) if said[0][n] is answer), None)
        if before:
            found.append(before[0])
        elif twin is not None:
            found.append(found[twin])
        else:
            found.append(torch.stack(column(said, place)))
    return found


def column(said: Sequence[Sequence[Tensor]], place: int) -> list[Tensor]:
    """One of the answers of each lane."""
    return [answer[place] for answer in said]


@torch.no_grad()
def says_the_same(lanes: Sequence[PositionEmbedding]) -> bool:
    """Whether a strategy has no numbers of its own, and none of the draws of a step moves it."""
    first = lanes[0]
    if first.state_dict():
        return False
    trunk = first.trunk
    grid, width = trunk.grid, trunk.dim // trunk.heads
    x = torch.linspace(-1, 1, (trunk.prefix + grid.cells) * trunk.dim)
    x = x.view(1, -1, trunk.dim)
    q = x.unflatten(-1, (trunk.heads, width)).transpose(1, 2)
    heard = []
    for draws in (torch.zeros(2, 3 + grid.cells), torch.linspace(0, 1, 6 + 2 * grid.cells)):
        site = Site(grid, 0, trunk.prefix, draws.view(2, -1), x)
        gather = Attend(q, q, None, width**-0.5, "explicit")
        parts = [first.tokens(x, site), *first.inputs(x, x, site), *first.heads(q, q, site)]
        parts += [first.values(q, gather, site)]
        term = first.logits(q, q, site)
        heard.append(parts if term is None else [*parts, term])
    return all(map(torch.equal, *heard))
