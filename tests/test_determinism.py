"""The same bits from the same seed, in other processes, and the same batches for every arm."""

import hashlib
from itertools import islice
from pathlib import Path

import networks
import pytest
import torch
from processes import TINY, run
from small_runs import compose, few, results

from vitpos import build, machine
from vitpos.data.samples import Samples
from vitpos.feed import order
from vitpos.schema import Run
from vitpos.step import Learner
from vitpos.train import Loop

CHANGES = (
    "training.augment.policy=trivial", "training.augment.mixup=0.8", "training.augment.cutmix=1.0",
    "training.augment.erase=0.5",
)  # fmt: skip


def loop(run_: Run) -> Loop:
    """The loop of a run before its first step."""
    return Loop(run_, build.network(run_, 10), few(run_.dataset), machine.prepare(run_))


def batches(it: Loop, epochs: int) -> str:
    """A digest of what the network would get: which images, as they are changed, and targets."""
    digest = hashlib.sha256()
    samples: Samples = it.samples
    for epoch in range(epochs):
        tables = it.augment.tables(epoch)
        for ids in order(it.run.seed, epoch, len(samples.labels), it.training.batch_size):
            images, targets = it.augment(samples.pixels[ids], samples.labels[ids], ids, tables)
            for tensor in (ids, images, targets):
                digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def test_arms_share_every_batch(tmp_path: Path) -> None:
    """Two epochs are the same to the bit for every embedding that ships; not for another seed."""
    found = {
        name: batches(loop(compose(tmp_path, f"embedding={name}", "backbone.dim=32", *CHANGES)), 2)
        for name in networks.NAMES
    }

    assert len(found) >= 8
    assert len(set(found.values())) == 1, found
    assert (
        batches(loop(compose(tmp_path, "seed=1", "backbone.dim=32", *CHANGES)), 2)
        not in found.values()
    )


def test_what_is_trained_is_what_was_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop gives its network the very batches of the digest above, training or not."""
    seen = hashlib.sha256()
    whole = Learner.backward

    def listen(self: Learner, ids):
        pixels, labels = self.samples.take(ids)
        images, targets = self.augment(pixels, labels, ids, self.feed.tables)
        for tensor in (ids, images, targets):
            seen.update(tensor.contiguous().numpy().tobytes())
        return whole(self, ids)

    monkeypatch.setattr(Learner, "backward", listen)
    run_ = compose(tmp_path, "training.epochs=2", *CHANGES)
    for _ in islice(loop(run_).run_to_end(), None):
        pass

    assert seen.hexdigest() == batches(loop(run_), 2)


def test_arms_share_every_other_weight(tmp_path: Path) -> None:
    """Weights that are not of the position embedding start with the same bits in every pair.

    Where an embedding appends channels to the image, the weights of the image's own channels do.
    """
    states = {}
    for name in networks.NAMES:
        model = loop(compose(tmp_path, f"embedding={name}", "backbone.dim=32")).model
        own = build.is_position(model)
        states[name] = {n: w for n, w in model.named_parameters() if n not in own}
    first = states["none"]

    assert all(state.keys() == first.keys() for state in states.values())
    for name, state in states.items():
        width = first["patches.project.weight"].shape[1]
        state["patches.project.weight"] = state["patches.project.weight"][:, :width]
        assert all(torch.equal(state[n], w) for n, w in first.items()), name


@pytest.mark.slow
def test_two_processes_compute_the_same_bits(tmp_path: Path) -> None:
    """`vitpos train` twice, with other hash seeds: the same tensors, metrics and predictions."""
    words = (*TINY, *CHANGES, "precision=bf16", "training.ema=0.9", "embedding=rope_mixed")
    found = []
    for name in "ab":
        done = run("train", *words, "backbone.dim=16", f"outputs={tmp_path / name}", "--quiet")
        assert done.returncode == 0, done.stderr
        found.append(results(Path(done.stdout.strip())))

    assert found[0] == found[1]
