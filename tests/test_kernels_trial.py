"""Kernels that were chosen by themselves are compared with plain PyTorch before they are used."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from small_runs import composed

from vitpos import build, machine
from vitpos.kernels import launching, tile, trial
from vitpos.machine import Machine

RUN = composed("embedding=rope2d", "precision=bf16", "backbone.dim=16")


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine that would use the tile, whose plain PyTorch stands in for the kernel here."""
    monkeypatch.setattr(launching, "use", lambda kernels, device: False)
    return replace(machine.prepare(RUN), attention="tile", kernels="on")


def found(chosen: Machine) -> str:
    """What is said of the kernels."""
    return trial.disagreement(build.network(RUN, 10), RUN, chosen)


def test_what_agrees_is_trusted(chosen):
    """Up to the rounding of half precision."""
    assert found(chosen) == ""


@pytest.mark.parametrize("factor", [1.5, torch.nan])
def test_what_computes_something_else_is_not(chosen, monkeypatch, factor):
    """Also if it is no number at all; how far it is is told."""
    attend = tile.attend
    monkeypatch.setattr(tile, "attend", lambda *words: attend(*words) * factor)

    assert found(chosen).endswith("from plain PyTorch")


def test_what_fails_is_told_in_a_line(chosen, monkeypatch):
    """As a launch that asks for too much; memory that is full is another thing."""

    def fail(*words: Any) -> None:
        raise RuntimeError("out of resource: shared memory\nand so on")

    def burst(*words: Any) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(tile, "attend", fail)
    assert found(chosen) == "RuntimeError: out of resource: shared memory"

    monkeypatch.setattr(tile, "attend", burst)
    with pytest.raises(torch.OutOfMemoryError):
        found(chosen)


def test_weights_and_gradients_are_as_before(chosen):
    """The trial leaves nothing in the network."""
    model, same = build.network(RUN, 10), build.network(RUN, 10)
    trial.disagreement(model, RUN, chosen)

    assert all(weight.grad is None for weight in model.parameters())
    assert all(map(torch.equal, model.parameters(), same.parameters()))


def test_what_the_user_insists_on_is_not_asked(chosen, monkeypatch):
    """Nor what is not used, or not on a GPU."""
    monkeypatch.setattr(trial, "disagreement", lambda *words: "no")
    model, gpu = build.network(RUN, 10), replace(chosen, device=torch.device("cuda", 0))

    assert trial.trusted(RUN, model, gpu) == (
        replace(gpu, kernels="off", attention="sdpa"), "without our kernels: no"
    )  # fmt: skip
    for run, used in (
        (replace(RUN, kernels="on"), gpu),
        (replace(RUN, attention="tile"), gpu),
        (RUN, replace(gpu, kernels="off")),
        (RUN, chosen),
    ):
        assert trial.trusted(run, model, used) == (used, "")
