"""A run that is interrupted anywhere and resumed has the bits of one that was not."""

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from small_runs import STEPS, Watch, _quick, compose, few, results, resume, train

from vitpos import build, checkpoints, experiment, machine
from vitpos.train import Epoch, Loop

__all__ = ["_quick"]
EVERYTHING = (
    "training.ema=0.9", "backbone.dropout=0.2", "backbone.drop_path=0.3",
    "training.augment.policy=trivial", "training.augment.mixup=0.8", "training.augment.cutmix=1.0",
    "training.augment.erase=0.5", "training.micro_batch=6", "backbone.pool=cls",
    "backbone.registers=2", "backbone.layer_scale=0.1",
)  # fmt: skip
KINDS = {
    "plain": (),
    "bf16": ("precision=bf16",),
    "ema": ("training.ema=0.95",),
    "dropout": ("backbone.dropout=0.3",),
    "drop_path": ("backbone.drop_path=0.5",),
    "trivial": ("training.augment.policy=trivial",),
    "rand": ("training.augment.policy=rand",),
    "mixup": ("training.augment.mixup=0.8",),
    "cutmix": ("training.augment.cutmix=1.0",),
    "erase": ("training.augment.erase=0.5",),
    "micro_batch": ("training.micro_batch=5",),
    "learned": ("embedding=learned1d+swin_rpb", "training.weight_decay=0"),
    "mixed": ("embedding=rope_mixed", "attention=sdpa"),
    "linear": ("training.schedule=linear", "training.warmup_epochs=1.5", "training.clip_grad=0"),
}


def agree(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Say which part differs first."""
    assert found.keys() == expected.keys()
    for part, value in expected.items():
        if isinstance(value, dict):
            other = [name for name in value if found[part].get(name) != value[name]]
            assert not other, f"{part} differs in {other}"
        assert found[part] == value, part


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.slow)])
def test_goes_on_after_every_step_as_if_nothing_had_happened(
    precision: str, tmp_path: Path
) -> None:
    """Interrupted after each of 12 steps, with everything on: the same bits in every file."""
    options = (*EVERYTHING, f"precision={precision}")
    expected = results(train(tmp_path / "whole", *options))

    for step in range(1, STEPS + 1):
        path = train(tmp_path / str(step), *options, show=Watch(after=step))
        assert not (path / "summary.json").exists()
        watch = resume(path)

        assert watch.steps == list(range(step + 1, STEPS + 1))
        agree(results(path), expected)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_goes_on_with_each_thing_a_run_can_have(kind: str, tmp_path: Path) -> None:
    """Interrupted in the midst of an epoch."""
    expected = results(train(tmp_path / "whole", *KINDS[kind]))
    path = train(tmp_path / "broken", *KINDS[kind], show=Watch(after=6))
    resume(path)

    agree(results(path), expected)


def test_goes_on_after_the_end_of_an_epoch(tmp_path: Path) -> None:
    """A signal while an epoch is validated and written down, with everything on in bfloat16."""
    options = (*EVERYTHING, "precision=bf16")
    expected = results(train(tmp_path / "whole", *options))
    for epoch in (1, 3):
        path = train(tmp_path / str(epoch), *options, show=Watch(at_epoch=epoch))
        resume(path)

        agree(results(path), expected)


def test_may_be_interrupted_again_and_again(tmp_path: Path) -> None:
    """A stop at every single step of one run changes nothing."""
    expected = results(train(tmp_path / "whole", *EVERYTHING))
    path = train(tmp_path / "often", *EVERYTHING, show=Watch(after=1))
    for step in range(2, STEPS + 1):
        resume(path, Watch(after=step))
    assert resume(path).steps == []

    agree(results(path), expected)


def test_goes_on_from_an_older_state_too(tmp_path: Path) -> None:
    """Lines of metrics later than the checkpoint are forgotten and come again, once."""
    expected = results(train(tmp_path / "whole"))
    path = train(tmp_path / "broken", show=Watch(after=10))
    newest = max((path / "checkpoints").glob("step-*"))
    newest.unlink()
    watch = resume(path)

    assert any("using the one before" in note for note in watch.notes)
    assert watch.steps[0] == 9
    agree(results(path), expected)


def test_a_damaged_state_takes_no_place_of_a_whole_one(tmp_path: Path) -> None:
    """After going on past a damaged checkpoint there are two whole ones again."""
    path = train(tmp_path, show=Watch(after=10))
    max((path / "checkpoints").glob("step-*")).write_bytes(b"damaged")
    resume(path, Watch(after=11))

    assert [entry.step for entry in checkpoints.entries(path / "checkpoints")] == [8, 11]


def test_begins_again_where_no_checkpoint_was_written(tmp_path: Path) -> None:
    """A process that was killed in its first epoch lost that epoch and nothing else."""
    expected = results(train(tmp_path / "whole"))
    path = train(tmp_path / "broken", show=Watch(after=2))
    shutil.rmtree(path / "checkpoints")

    assert resume(path).steps == list(range(1, STEPS + 1))
    agree(results(path), expected)


def test_lost_lines_of_metrics_come_again(tmp_path: Path) -> None:
    """A checkpoint is not gone on from if lines before it are missing."""
    expected = results(train(tmp_path / "whole"))
    for lost in (2, None):
        path = train(tmp_path / f"lost-{lost}", show=Watch(after=10))
        metrics = path / "metrics.jsonl"
        metrics.write_bytes(metrics.read_bytes()[: -lost if lost else 0])
        watch = resume(path)

        assert any("metrics.jsonl has no whole line for epoch" in note for note in watch.notes)
        agree(results(path), expected)


def test_one_seed_gives_one_result(tmp_path: Path) -> None:
    """The same seed twice: the same bits. Another seed: other bits everywhere."""
    first, second = (results(train(tmp_path / n, *EVERYTHING)) for n in "ab")
    other = results(train(tmp_path / "c", *EVERYTHING, "seed=1"))

    agree(first, second)
    weights = {
        n: t for n, t in first["tensors"].items() if n.startswith("model/") and "norm" not in n
    }
    assert all(other["tensors"][name] != value for name, value in weights.items())
    assert other["metrics.jsonl"] != first["metrics.jsonl"]


def test_evaluation_does_not_move_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at the validation images after every step leaves the weights as they are."""
    run = compose(tmp_path, *EVERYTHING)
    states = []
    for often in (False, True):
        chosen = machine.prepare(run)
        loop = Loop(run, build.network(run, 10), few(run.dataset), chosen)
        for item in loop.run_to_end():
            if often and not isinstance(item, Epoch):
                loop.evaluate(loop.data.validation)
        states.append({name: t.clone() for name, t in loop.tensors().items()})

    assert all(states[0][name].equal(states[1][name]) for name in states[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_has_its_code(number: signal.Signals, tmp_path: Path) -> None:
    """128 and the number of the signal; the hint is what to type."""
    watch = Watch(after=3, number=number)
    with pytest.raises(experiment.Interrupted) as caught:
        experiment.start(compose(tmp_path), [], watch)

    assert caught.value.code == 128 + number
    assert caught.value.lines()[1] == f"hint: vitpos resume {watch.folder}"
