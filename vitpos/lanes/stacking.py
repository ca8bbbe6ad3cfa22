"""The tensors of several learners as rows of common ones, so that one optimiser moves them all.

A learner keeps its parameters, averages, moments and sums: they become views of their rows. What it
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
from vitpos.step import Learner

MOMENTS = ("exp_avg", "exp_avg_sq")


class Stack:
    """Weights, averages, moments of all lanes. Learners are of one arm and have as many steps."""

    def __init__(self, learners: Sequence[Learner]) -> None:
        self.learners, self.first = learners, learners[0]
        self.own = [dict(learner.model.named_parameters()) for learner in learners]
        self.rows = {n: merged(c).requires_grad_() for n, c in columns(self.own) if fits(n, c[0])}
        self.apart = {n: c for n, c in columns(self.own) if n not in self.rows}
        self.averaged = self.averages()
        self.optimiser = self.adamw()
        self.known = 0  # how many tensors have moments of which the learners know
        self.take_moments()

    def weights(self) -> dict[str, Tensor]:
        """All but those of position embeddings, [lanes, ...], for one pass."""
        few = {n: torch.stack([*c]) for n, c in self.apart.items() if not n.startswith("position.")}
        return self.rows | few

    def moving(self) -> list[Tensor]:
        """What the optimiser moves."""
        return [*self.rows.values(), *(own for column in self.apart.values() for own in column)]

    def averages(self) -> list[Tensor]:
        """The averaged weights in the order of `moving`; none if nothing is averaged."""
        shadows = [it.averaged for it in self.learners if it.averaged is not None]
        found = dict(columns([dict(shadow.named_parameters()) for shadow in shadows]))
        apart = [own.data for name in self.apart for own in found.get(name, [])]
        return [*(merged(found[name]) for name in self.rows if found), *apart]

    def adamw(self) -> torch.optim.AdamW:
        """As `optim.optimiser` makes it."""
        training, machine = self.first.training, self.first.machine
        roles = {
            role: [tensor for name in names for tensor in self.tensors(name)]
            for role, names in optim.groups(self.first.model, training.weight_decay).items()
        }
        return optim.adamw(roles, training, machine.device, recorded=machine.records)

    def tensors(self, name: str) -> list[Tensor]:
        """The tensors that hold the weights of this name."""
        return [self.rows[name]] if name in self.rows else [*self.apart[name]]

    def take_moments(self) -> None:
        """Those that the learners have from before."""
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
        """What each optimiser knows of the weights of this name; empty: nothing yet."""
        pairs = zip(self.learners, self.own, strict=True)
        return [it.optimiser.state.get(own[name], {}) for it, own in pairs]

    def move(self) -> None:
        """One step of the optimiser."""
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        if self.known != len(self.optimiser.state):
            self.tell_moments()
            self.known = len(self.optimiser.state)

    def tell_moments(self) -> None:
        """Have the learners find theirs: rows of common ones."""
        state = self.optimiser.state
        for name, row in self.rows.items():
            for i, (it, own) in enumerate(zip(self.learners, self.own, strict=True)):
                if row in state:
                    moments = {what: state[row][what][i] for what in MOMENTS}
                    it.optimiser.state[own[name]] = {"step": state[row]["step"], **moments}
        for column in self.apart.values():
            for it, weight in zip(self.learners, column, strict=True):
                if weight in state:
                    it.optimiser.state[weight] = state[weight]

    def clipped(self, limit: float) -> Float[Tensor, " lanes"]:
        """The norm of each lane's gradients, which then are made no longer than `limit`; 0: any."""
        rows = {n: row.grad for n, row in self.rows.items() if row.grad is not None}
        apart = {n: [w.grad for w in c if w.grad is not None] for n, c in self.apart.items()}
        norms = []
        for name in self.own[0]:  # in the order in which a model has them
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

    def average(self, share: float | Tensor) -> None:
        """Move the averaged weights, if there are any."""
        if self.averaged:
            optim.average(self.averaged, self.moving(), share)


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
