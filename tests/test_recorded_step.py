"""A step can be recorded and repeated: it lives in its tensors and makes the host wait for nothing.

Without a GPU: its operations are written down once and done again (`recording`), and it is done on
the device `meta`, which has no numbers, so that every question for one is an error.
"""

import contextlib
from collections.abc import Iterator

import networks
import pytest
import torch
from recording import Repeated
from test_step import SMALL, noise
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vitpos import build, config, machine
from vitpos.data import policies
from vitpos.schema import Run
from vitpos.train import Epoch, Loop

BUSY = (
    "training=full", "training.epochs=2", "training.warmup_epochs=0.5", "training.batch_size=24",
    "training.lr=0.01", "backbone.dropout=0.1", "backbone.drop_path=0.1", "training.ema=0.9",
    "precision=fp32",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies change images as on a GPU, where the host does not know which."""
    monkeypatch.setattr(policies, "grouped", policies.masked)


def run(*words: str) -> Run:
    """A run in which all that can change from step to step does."""
    return config.compose([*SMALL, *BUSY, *words])


def loop(run_: Run, *, recorded: bool = False, scaled: bool = False) -> Loop:
    """Its loop, with rates and the like as tensors, as on a GPU; `scaled` as for fp16."""
    it = Loop(run_, build.network(run_, 10), noise(), machine.prepare(run_))
    it.feed.told = False
    for group in it.learner.optimiser.param_groups:
        group["lr"] = torch.tensor(1.0)
    if scaled:
        it.learner.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=3)
    if recorded:
        it.learner.repeated = Repeated(it.learner.work)
    return it


def rows(it: Loop) -> list[dict[str, float | int]]:
    """What its epochs say, to the end."""
    return [item.row for item in it.run_to_end() if isinstance(item, Epoch)]


def numbers(it: Loop) -> dict[str, Tensor]:
    """All that it would save."""
    return {name: tensor.detach().clone() for name, tensor in it.tensors().items()}


@pytest.mark.parametrize("scaled", [False, True])
def test_a_recorded_step_is_the_step(scaled: bool) -> None:
    """Two epochs of repeated operations end with the same bits: nothing was left in Python.

    Rates, images, draws, dropout, the number of the step and fp16's scale all change meanwhile.
    """
    plain, recorded = (loop(run(), recorded=r, scaled=scaled) for r in (False, True))

    assert rows(plain) == rows(recorded)
    torch.testing.assert_close(numbers(recorded), numbers(plain), rtol=0, atol=0)


def test_tensors_say_what_numbers_say() -> None:
    """Rates and shares as tensors of a GPU move the weights where Python's numbers do."""
    run_ = run()
    told = Loop(run_, build.network(run_, 10), noise(), machine.prepare(run_))
    first, second = rows(told), rows(loop(run_))

    assert first[-1]["train/loss"] == pytest.approx(second[-1]["train/loss"], rel=1e-4)
    assert first[-1]["optim/lr"] == second[-1]["optim/lr"]


@pytest.mark.parametrize("embedding", ["learned1d", "rope_mixed", "fourier_fixed"])
def test_a_renewed_loop_is_a_new_one(embedding: str) -> None:
    """Another seed and other rates in the old tensors, recorded: the bits of a loop of its own."""
    words = (f"embedding={embedding}",)
    other = run(*words, "seed=7", "training.lr=0.002", "training.schedule=linear")
    it = loop(run(*words), recorded=True, scaled=True)
    before = rows(it)
    storages = [weight.data_ptr() for weight in it.model.parameters()]
    it.renew(other)
    for group in it.learner.optimiser.param_groups:
        assert group["lr"].ndim == 0
    it.learner.scaler.load_state_dict(
        torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=3).state_dict()
    )
    renewed = rows(it)
    fresh = loop(other, scaled=True)

    assert renewed == rows(fresh) != before
    torch.testing.assert_close(numbers(it), numbers(fresh), rtol=0, atol=0)
    assert storages == [weight.data_ptr() for weight in it.model.parameters()]


def test_renewing_brings_all_that_a_seed_decides(name: str) -> None:
    """The network of every strategy says afterwards what a new one of that seed says."""
    images = networks.noise(2, 3, networks.SIZE, networks.SIZE)
    it = loop(run())
    old, new = networks.vit(name), networks.vit(name, seed=5)
    it.learner.model, it.learner.averaged = old, None
    it.learner.renew(new, it.training)

    assert torch.equal(old.eval()(images), new.eval()(images))


@pytest.mark.parametrize(
    "word", ["embedding=rope2d", "training.weight_decay=0.3", "training.clip_grad=0",
             "training.label_smoothing=0.3", "backbone.dropout=0", "precision=bf16",
             "training.augment.erase=0", "training.batch_size=12", "training.limit=100"],
)  # fmt: skip
def test_other_steps_are_not_taken(word: str) -> None:
    """What is part of the recorded operations cannot be renewed."""
    it = loop(run())

    assert it.takes(run("seed=3", "training.lr=1", "training.epochs=5", "training.warmup_epochs=1"))
    assert not it.takes(run(word))
    with pytest.raises(ValueError, match="not those of this one"):
        it.renew(run(word))


class Watch(TorchDispatchMode):
    """Fails where a number is asked for, or where a tensor moves between devices."""

    ASKS = ("_local_scalar_dense", "nonzero", "unique", "masked_select", "item", "equal")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        assert name not in self.ASKS, f"{name} makes the host wait"
        tensors = [t for t in tree_leaves((args, kwargs, result)) if isinstance(t, Tensor)]
        devices = {t.device.type for t in tensors if t.ndim or "copy" in name}
        assert devices <= {"meta"}, f"{name} moves between {sorted(devices)}"
        return result


@contextlib.contextmanager
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """A device that is not the CPU; autocast does not know it."""
    known = torch.autocast
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: known("cpu", enabled=False))
    yield torch.device("meta")


class Plain(torch.optim.Optimizer):
    """Goes down the gradient by a rate that is a tensor; torch's AdamW knows only real devices."""

    def __init__(self, model: torch.nn.Module, *_: object, **__: object) -> None:
        super().__init__(model.parameters(), {"lr": torch.zeros((), device="meta")})

    @torch.no_grad()
    def step(self) -> None:
        """Move each weight."""
        for group in self.param_groups:
            for weight in group["params"]:
                weight.sub_(group["lr"] * weight.grad)


def away(model: torch.nn.Module, run_: Run, device: torch.device) -> Loop:
    """The loop of a run on that device, before an epoch."""
    chosen = machine.Machine(device, "fp32", 1, "explicit")
    here = Loop(run_, build.network(run_, 10), noise(), machine.prepare(run_))
    data = noise().to(device)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vitpos.step.optimiser", Plain)
        it = Loop(run_, model, data, chosen)
    it.feed.tables = {n: t.to(device) for n, t in here.augment.drawn(0).items()}
    return it


@pytest.mark.parametrize("policy", ["trivial", "rand"])
def test_no_step_makes_the_host_wait(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two epochs nothing is asked and nothing is moved, whatever is switched on."""
    run_ = run(f"training.augment.policy={policy}", "patch.shuffle=true")
    with elsewhere(monkeypatch) as device:
        it = away(build.network(run_, 10), run_, device)
        with Watch():
            it.learner.work()

    assert it.learner.sums.device.type == "meta"


def test_no_strategy_makes_the_host_wait(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and backward of each stay on the device, and so does its validation."""
    with elsewhere(monkeypatch) as device:
        model = networks.vit(name).to(device).train()
        images = torch.zeros(2, 3, networks.SIZE, networks.SIZE, device=device)
        with Watch():
            model(images).sum().backward()
            model.eval()(images)
