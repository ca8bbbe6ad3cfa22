"""The tensors of several loops as rows of common ones, so that one optimiser moves them all.

A loop keeps its parameters, averages, moments and sums: they become views of their rows. What it
saves, loads and validates with is therefore what the lanes have made of it, and nothing is copied.

The fused optimiser of CPUs goes through 16 numbers at a time and the rest one by one, which rounds
differently. So weights of other sizes stay as they are, one for each lane, and so do those of
position embeddings, which speak to each lane alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vitpos import optim
from vitpos.lanes.network import VECTOR
from vitpos.train import Loop
from vitpos.vit import ViT

MOMENTS = ("exp_avg", "exp_avg_sq")


class Stack:
    """Weights, averages and moments of all lanes. The loops are of one arm and at the same step."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self.loops = loops
        self.own = [dict(loop.model.named_parameters()) for loop in loops]
        self.rows = {n: merged(c).requires_grad_() for n, c in columns(self.own) if fits(n, c[0])}
        self.apart = {n: c for n, c in columns(self.own) if n not in self.rows}
        self.averaged = self.averages()
        self.optimiser = self.adamw()
        self.known = 0  # how many tensors have moments of which the loops know
        self.take_moments()

    def weights(self) -> dict[str, Tensor]:
        """All but those of position embeddings, [lanes, ...], for one pass."""
        few = {n: torch.stack(c) for n, c in self.apart.items() if not n.startswith("position.")}
        return self.rows | few

    def moving(self) -> list[Tensor]:
        """What the optimiser moves."""
        return [*self.rows.values(), *(own for column in self.apart.values() for own in column)]

    def averages(self) -> list[Tensor]:
        """The averaged weights in the order of `moving`; none if nothing is averaged."""
        shadows = [loop.averaged for loop in self.loops if loop.averaged is not None]
        found = dict(columns([dict(shadow.named_parameters()) for shadow in shadows]))
        apart = [own.data for name in self.apart for own in found.get(name, [])]
        return [*(merged(found[name]) for name in self.rows if found), *apart]

    def adamw(self) -> torch.optim.AdamW:
        """As `optim.optimiser` makes it."""
        first = self.loops[0]
        roles = optim.groups(first.model, first.training.weight_decay)
        parts = [
            {
                "params": [w for n in names for w in self.tensors(n)],
                "weight_decay": first.training.weight_decay if role == "decay" else 0.0,
            }
            for role, names in roles.items()
            if any(self.own[0][name].numel() for name in names)
        ]
        beta1, beta2 = first.training.betas
        return torch.optim.AdamW(parts, lr=first.training.lr, betas=(beta1, beta2), fused=True)

    def tensors(self, name: str) -> list[Tensor]:
        """The tensors that hold the weights of this name."""
        return [self.rows[name]] if name in self.rows else [*self.apart[name]]

    def take_moments(self) -> None:
        """Those that the loops have from before."""
        for name, row in self.rows.items():
            states = self.states(name)
            if states[0]:
                stacked = {what: torch.stack([s[what] for s in states]) for what in MOMENTS}
                self.optimiser.state[row] = {"step": states[0]["step"].clone(), **stacked}
        for name, column in self.apart.items():
            for own, state in zip(column, self.states(name), strict=True):
                if state:
                    self.optimiser.state[own] = state

    def states(self, name: str) -> list[dict[str, Any]]:
        """What each loop's optimiser knows of the weights of this name; empty: nothing yet."""
        pairs = zip(self.loops, self.own, strict=True)
        return [loop.optimiser.state.get(own[name], {}) for loop, own in pairs]

    def move(self, rate: float) -> None:
        """One step of the optimiser."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        if self.known != len(self.optimiser.state):
            self.tell_moments()
            self.known = len(self.optimiser.state)

    def tell_moments(self) -> None:
        """Have the loops find theirs: rows of common ones."""
        state = self.optimiser.state
        for name, row in self.rows.items():
            for i, (loop, own) in enumerate(zip(self.loops, self.own, strict=True)):
                if row in state:
                    moments = {what: state[row][what][i] for what in MOMENTS}
                    loop.optimiser.state[own[name]] = {"step": state[row]["step"], **moments}
        for column in self.apart.values():
            for loop, weight in zip(self.loops, column, strict=True):
                if weight in state:
                    loop.optimiser.state[weight] = state[weight]

    def clipped(self, limit: float) -> Float[Tensor, " lanes"]:
        """The norm of each lane's gradients, which then are made no longer than `limit`; 0: any."""
        rows = {n: row.grad for n, row in self.rows.items() if row.grad is not None}
        apart = {n: [w.grad for w in c if w.grad is not None] for n, c in self.apart.items()}
        norms = []
        for name in self.own[0]:  # in the order in which a loop has them
            if name in rows:
                norms.append(torch.linalg.vector_norm(rows[name].flatten(1), dim=1))
            elif apart.get(name):
                norms.append(torch.stack([torch.linalg.vector_norm(g) for g in apart[name]]))
        found = torch.linalg.vector_norm(torch.stack(norms, dim=1), dim=1)
        if limit:
            factors = (limit / (found + 1e-6)).clamp(max=1.0)
            for grad in rows.values():
                grad.mul_(factors.view(-1, *[1] * (grad.ndim - 1)))
            for column in apart.values():
                for grad, factor in zip(column, factors, strict=False):
                    grad.mul_(factor)
        return found

    def average(self, decay: float, step: int) -> None:
        """Move the averaged weights, if there are any."""
        if self.averaged:
            optim.average(self.averaged, self.moving(), decay, step)


def columns(lanes: Sequence[Mapping[str, nn.Parameter]]) -> list[tuple[str, list[nn.Parameter]]]:
    """Of each name, what all lanes have."""
    return [(name, [lane[name] for lane in lanes]) for name in (lanes[0] if lanes else ())]


def fits(name: str, weight: Tensor) -> bool:
    """Whether the weights of this name are stacked."""
    return weight.numel() > 0 and weight.numel() % VECTOR == 0 and not name.startswith("position.")


def merged(column: Sequence[nn.Parameter]) -> Tensor:
    """One tensor [lanes, ...] of which each parameter is a row from now on."""
    rows = torch.stack([weight.data for weight in column])
    for weight, row in zip(column, rows, strict=True):
        weight.data = row
    return rows
