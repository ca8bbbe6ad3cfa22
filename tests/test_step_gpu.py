"""The recorded step of a GPU against its plain one. Skipped where there is no CUDA device."""

import pytest
import torch
from test_recorded_step import BUSY, numbers, rows
from test_step import SMALL, noise

from vitpos import build, config, machine
from vitpos.train import Loop

pytestmark = pytest.mark.gpu
PRECISIONS = ["fp32", "bf16", "fp16"]


def loop(*words: str) -> Loop:
    """The loop of a busy run on the GPU."""
    here = [word for word in SMALL if not word.startswith("device=")]
    run = config.compose([*here, *BUSY, "device=cuda", *words])
    return Loop(run, build.network(run, 10), noise().to(torch.device("cuda")), machine.prepare(run))


def uncompiled(it: Loop) -> Loop:
    """The same, its steps recorded but made of torch's own kernels."""
    it.ready = True
    return it


@pytest.mark.parametrize("precision", PRECISIONS)
def test_recorded_is_eager(precision: str) -> None:
    """Without the compiler a graph holds the kernels of eager steps: the same bits."""
    plain = loop("compile=off", f"precision={precision}")
    recorded = uncompiled(loop("compile=auto", f"precision={precision}"))

    assert rows(plain) == rows(recorded)
    assert (plain.manner, recorded.manner) == ("eager", "recorded")
    torch.testing.assert_close(numbers(recorded), numbers(plain), rtol=0, atol=0)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_compiled_is_eager(precision: str) -> None:
    """Compiled and recorded, a run without dropout learns what eager steps learn."""
    still = ("backbone.dropout=0", "backbone.drop_path=0", f"precision={precision}")
    plain, fast = rows(loop("compile=off", *still)), rows(loop("compile=on", *still))

    for slow, quick in zip(plain, fast, strict=True):
        assert quick["train/loss"] == pytest.approx(slow["train/loss"], rel=0.02)
        assert quick["val/loss"] == pytest.approx(slow["val/loss"], rel=0.05)


def test_recorded_steps_repeat() -> None:
    """Two loops of one config have the same bits, dropout and all."""
    first, second = loop(), loop()

    assert rows(first) == rows(second)
    assert first.manner == "compiled and recorded"
    torch.testing.assert_close(numbers(first), numbers(second), rtol=0, atol=0)


@pytest.mark.parametrize("after", [1, 4, 7, 10, 13])
def test_resumed_anywhere_is_not_interrupted(after: int) -> None:
    """Before, at and after the step that is recorded, and in the second epoch."""
    whole, broken, last = loop(), loop(), loop()
    wanted = rows(whole)
    for _ in zip(range(after), broken.run_to_end(), strict=False):
        pass
    last.load(broken.step, {name: tensor.cpu() for name, tensor in numbers(broken).items()})

    assert rows(last)[-1] == wanted[-1]
    torch.testing.assert_close(numbers(last), numbers(whole), rtol=0, atol=0)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_renewed_loop_is_a_new_one(precision: str) -> None:
    """Another seed in the old graph has the bits of a loop of its own."""
    words = (f"precision={precision}", "seed=7", "training.lr=0.002")
    it, fresh = loop(f"precision={precision}"), loop(*words)
    rows(it)
    graph = it.learner.repeated.graph
    it.renew(fresh.run)

    assert rows(it) == rows(fresh)
    assert it.learner.repeated.graph is graph
    torch.testing.assert_close(numbers(it), numbers(fresh), rtol=0, atol=0)


def test_the_host_waits_once_an_epoch() -> None:
    """From the step that is recorded on, an epoch and its validation ask the device once."""
    it = loop("training.epochs=4", "training.warmup_epochs=0")
    items = it.run_to_end()
    for _ in range(2 * it.steps_per_epoch):  # recording waits, and so does that of validation
        next(items)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(it.steps_per_epoch - 1):
            next(items)
        torch.cuda.set_sync_debug_mode("warn")
        with pytest.warns(UserWarning, match="synchroniz") as told:
            next(items)
    finally:
        torch.cuda.set_sync_debug_mode("default")

    assert len(told) == 1


@pytest.mark.parametrize(("precision", "allowed"), [("fp32", False), ("tf32", True)])
def test_tf32_is_a_precision_of_its_own(precision: str, allowed: bool) -> None:
    """Only who asks for it gets products of rounded numbers."""
    if allowed and torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("needs a GPU with TF32")
    it = loop(f"precision={precision}", "compile=off")
    next(it.run_to_end())

    assert torch.backends.cuda.matmul.allow_tf32 is allowed
    assert torch.backends.cudnn.allow_tf32 is allowed
