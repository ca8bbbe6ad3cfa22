"""Every file in configs/embedding learns: a few steps on digits lower the loss."""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import replace

import networks
import torch
from small_runs import whole

from vitpos import build, checks, config
from vitpos.data.samples import Data
from vitpos.machine import Machine
from vitpos.schema import Run
from vitpos.train import Epoch, Loop

STEPS = 12
WORDS = (
    "dataset=mnist5k", "backbone=micro", "backbone.depth=2", "backbone.mlp_ratio=2",
    "training=smoke", "training.limit=64", "training.batch_size=64", f"training.epochs={STEPS}",
    "training.warmup_epochs=2", "training.augment.geometry=false", "training.label_smoothing=0",
    "device=cpu", "precision=fp32", "threads=1",
)  # fmt: skip
WIDTHS = [(dim, heads) for dim, heads in itertools.product((32, 48, 64, 96), (2, 4, 3, 6))]
MACHINE = Machine(torch.device("cpu"), "fp32", 1, "explicit")


@functools.cache
def usual() -> Run:
    """The run of all of them: 64 images, seen again in every step as they are."""
    return config.compose(WORDS)


@functools.cache
def digits() -> Data:
    """Few images to validate on: the loop does so after every epoch, which is a step here."""
    data = whole("mnist5k")
    return replace(data, validation=data.validation.take(torch.arange(20)))


def fitting(run: Run) -> Iterator[Run]:
    """The run with each width that its strategy can live with."""
    for dim, heads in WIDTHS:
        wide = replace(run, backbone=replace(run.backbone, dim=dim, heads=heads))
        if not checks.consistency(wide):
            yield wide


def test_learns(name: str) -> None:
    """No loss, gradient or weight leaves the finite numbers, and the loss falls."""
    run = next(fitting(replace(usual(), embedding=networks.options(name))))
    loop = Loop(run, build.network(run, 10), digits(), MACHINE)
    losses = [item.row["train/loss"] for item in loop.run_to_end() if isinstance(item, Epoch)]
    loop.stop_if_spoilt()

    assert len(losses) == STEPS
    assert losses[-1] < 0.8 * losses[0]


def test_everything_learns_as_one() -> None:
    """So does a network that has several strategies at once."""
    run = replace(usual(), embedding=networks.options("learned1d+rope_mixed+swin_rpb"))
    loop = Loop(run, build.network(run, 10), digits(), MACHINE)
    losses = [item.row["train/loss"] for item in loop.run_to_end() if isinstance(item, Epoch)]

    assert losses[-1] < 0.8 * losses[0]
