"""Gone on with after any step, a run has the bits of one that was not interrupted.

What is kept of a run are the bytes of its checkpoint; a fresh loop, as another process would have
it, reads them and makes the steps up to the next epoch and one more. After every step its own bytes
are compared, and so are its lines of metrics.
"""

from collections.abc import Callable, Container, Iterable
from dataclasses import replace

import amounts
import forty_steps as forty
import pytest
import torch
from forty_steps import FAMILIES, OPTIONS, STEPS, Kept, differing, fresh, kept, put

from vitpos.lanes.steps import Lanes
from vitpos.schema import Run
from vitpos.train import Loop

pytestmark = pytest.mark.torture
TOGETHER = OPTIONS["together"]
OTHERS = {
    "two embeddings": ("embedding=learned1d+rope_mixed", *TOGETHER),
    "pyramid": ("backbone=pyramid", "backbone.depths=[1,1]", "embedding=swin_rpb", *TOGETHER),
    "hybrid": ("backbone=hybrid", "backbone.depths=[1,1]", "backbone.dropout=0.2"),
    "stem": ("patch=conv_stem", "backbone.pool=cls", "backbone.registers=2"),
    "shuffle": ("patch.shuffle=true", "backbone.pool=attention", "training.schedule=linear"),
    "locate": ("task=locate", *TOGETHER[:3]),
    "relate": ("task=relate",),
    "where": ("task=where", "backbone.layer_scale=0.1"),
    "jigsaw": ("task=jigsaw", "embedding=none"),
    "replica": ("replica=1", "training.weight_decay=0", "training.clip_grad=0", *TOGETHER),
    "sdpa": ("attention=sdpa", "backbone.qk_norm=true", "training.schedule=constant"),
    "shifted": ("dataset=mnist5k_shifted", "training.ema=0.5"),
}  # fmt: skip
Tell = Callable[[str, object], None]


def broken_points(
    run: Run, steps: Iterable[int], reach: Callable[[int], int], make: Callable[[Run], Loop] = fresh
) -> list[str]:
    """Go on from each of these steps as far as told; those from where the bits are others."""
    steps = list(steps)
    wanted = kept(make(run), max(map(reach, steps)), steps)
    found = []
    for step in steps:
        loop = put(make(run), step, wanted.states[step])
        odd = differing(kept(loop, reach(step)), wanted)
        found += [f"from step {step}: {odd}"] * bool(odd)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_goes_on_after_any_step(family: str, record_property: Tell) -> None:
    """In fp32 and bf16, with averaged weights, dropout, augmentation, micro-batches, and all."""
    tried = 0
    for case, steps in forty.sample(family):
        odd = broken_points(forty.composed(*case.words), steps, forty.over_the_border)
        tried += len(steps)

        assert not odd, f"{case}: {odd}"
    record_property("steps gone on from", tried)


def test_the_sample_is_fair() -> None:
    """Every family, precision, option and step is in what CI tries; all strategies are in all."""
    parts = [part for family in FAMILIES for part in forty.sample(family)]

    assert len(FAMILIES) > 30
    assert {case.option for case, _ in parts} == set(OPTIONS)
    assert {case.precision for case, _ in parts} == set(forty.PRECISIONS)
    steps = {step for _, steps in parts for step in steps}
    assert steps.union(*map(steps_of_other, OTHERS)) == set(range(1, STEPS + 1))
    every = [case for family in FAMILIES for case in forty.cases(family)]
    assert {case.name for case in every} == set(forty.networks.NAMES)
    assert len(every) >= 10 * len(FAMILIES)


@pytest.mark.parametrize("kind", OTHERS)
def test_whatever_a_run_can_have_goes_on(kind: str, record_property: Tell) -> None:
    """Other backbones, patches, tasks, schedules: nothing of them is left out of the state."""
    steps = steps_of_other(kind)
    odd = broken_points(forty.composed(*OTHERS[kind]), steps, forty.over_the_border)

    assert not odd
    record_property("steps gone on from", len(steps))


def steps_of_other(kind: str) -> list[int]:
    """In CI one early step and one of the last five, which families leave to these."""
    number = list(OTHERS).index(kind)
    return list(range(1, STEPS + 1)) if amounts.whole else [3 * number + 1, 36 + number % 5]


@pytest.mark.parametrize("precision", forty.PRECISIONS)
def test_goes_on_to_the_very_end(precision: str, record_property: Tell) -> None:
    """With everything on: all later steps, lines of metrics and the look at the test images."""
    run = forty.composed("embedding=learned1d+rope2d", f"precision={precision}", *TOGETHER)
    steps = amounts.some(range(11, STEPS + 1), 2)
    odd = broken_points(run, steps, lambda step: STEPS)

    assert not odd
    record_property("steps gone on from", len(steps))


def test_goes_on_in_the_loop_of_another_run(record_property: Tell) -> None:
    """A loop that was trained with another seed, and renewed, keeps nothing of it."""
    run = forty.composed("embedding=rope_mixed", *TOGETHER)
    used = fresh(replace(run, seed=1))
    kept(used, 7)

    def renewed(run: Run) -> Loop:
        used.renew(run)
        return used

    steps = amounts.some(range(1, STEPS + 1), 3)
    wanted = kept(fresh(run), states=steps)
    for step in steps:
        found = kept(put(renewed(run), step, wanted.states[step]), forty.over_the_border(step))

        assert not differing(found, wanted), step
    record_property("steps gone on from", len(steps))


def lanes(loops: list[Loop], until: int, states: Container[int] = ()) -> list[Kept]:
    """Let them learn together up to a step."""
    found = [Kept() for _ in loops]
    for items in Lanes(loops).run_to_end():
        for one, loop, item in zip(found, loops, items, strict=True):
            one.add(loop, item, states)
        if loops[0].step == until:
            break
    return found


def test_lanes_go_on_after_any_step(record_property: Tell) -> None:
    """Two seeds that are trained at once, left and taken up together."""
    run = forty.composed("embedding=learned1d", *TOGETHER)
    runs = [replace(run, seed=seed) for seed in (3, 4)]
    steps = amounts.some(range(1, STEPS), 3)
    wanted = lanes([fresh(one) for one in runs], STEPS, steps)
    for step in steps:
        pairs = zip(runs, wanted, strict=True)
        loops = [put(fresh(one), step, whole.states[step]) for one, whole in pairs]
        found = lanes(loops, forty.over_the_border(step))

        assert not [
            differing(*pair) for pair in zip(found, wanted, strict=True) if differing(*pair)
        ]
    record_property("steps gone on from", len(steps))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("manner", ["eager", "recorded"])
def test_goes_on_on_a_gpu(manner: str, precision: str, record_property: Tell) -> None:
    """A family after the other, with everything on, also where steps are recorded and repeated."""
    if precision == "bf16" and not torch.cuda.is_bf16_supported():
        pytest.skip("this GPU has no bfloat16")

    def make(run: Run) -> Loop:
        loop = fresh(run)
        loop.ready = True  # recorded, but not compiled: that would take a minute for each family
        return loop

    tried = 0
    compiles = "off" if manner == "eager" else "auto"
    for number, names in enumerate(FAMILIES.values()):
        words = (f"embedding={names[0]}", f"precision={precision}", f"compile={compiles}")
        steps = range(1, STEPS + 1) if amounts.whole else [number % STEPS + 1]
        odd = broken_points(
            forty.composed(*words, *TOGETHER, device="cuda:0"), steps, lambda step: STEPS, make
        )
        tried += len(list(steps))

        assert not odd, f"{names[0]}: {odd}"
    record_property("steps gone on from", tried)
