"""Tasks: canvases, what is right to say of them, and what nobody knows without position."""

import os
import subprocess
import sys
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import networks
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import TINY
from torch import Tensor

import vitpos
from vitpos import build, config, experiment, identities
from vitpos.data.placing import placed
from vitpos.data.samples import Samples
from vitpos.data.shuffle import shuffled
from vitpos.errors import BadInput, Problem
from vitpos.lanes import rule
from vitpos.schema import Run
from vitpos.tasks.asked import asked
from vitpos.terminal.screen import Quiet
from vitpos.train import Loop
from vitpos.typed import typed

KINDS = ("locate", "relate", "where", "jigsaw")
IDS = torch.arange(40)
CLUTTERED = ("task=locate", "task.clutter=3")


@cache
def prepared(*words: str) -> Loop:
    """A tiny run before its first step."""
    return experiment.prepare(config.compose([*TINY, "training.limit=640", *words]), Quiet())


def training(loop: Loop, epoch: int = 0) -> tuple[Tensor, Tensor]:
    """The first samples as the network learns from them."""
    samples = loop.samples.take(IDS)
    return loop.augment(*samples, IDS, loop.augment.tables(epoch))


def bright(images: Tensor) -> Tensor:
    """Where images are not black, [images, rows, columns]."""
    darkest = images.flatten(1).min(dim=1).values[:, None, None]
    return images[:, 0] > darkest


def scores(loop: Loop, images: Tensor) -> Tensor:
    """What the network says, in evaluation and exactly."""
    with torch.no_grad():
        return loop.model.eval()(images)


def test_classifying_is_no_part_of_an_identity() -> None:
    """A config from before there were tasks is the same run; another task is another one."""
    run, problems = config.compose(TINY), list[Problem]()
    older = asdict(run)
    del older["task"]

    assert typed(Run, older, "", problems.append) == run
    assert not problems
    assert identities.fingerprint(older) == identities.identity(run)
    found = {identities.identity(config.compose([*TINY, f"task={kind}"])) for kind in KINDS}
    assert len(found | {identities.identity(run)}) == len(KINDS) + 1


@given(
    size=st.integers(1, 6),
    side=st.integers(1, 9),
    at=st.tuples(st.integers(-7, 9), st.integers(-7, 9)),
    channels=st.sampled_from([1, 3]),
)
@settings(max_examples=40, deadline=None)
def test_an_image_comes_to_its_place(
    size: int, side: int, at: tuple[int, int], channels: int
) -> None:
    """Pixel by pixel; what lies over the border is lost, and all else is black."""
    image = torch.randint(1, 256, (1, channels, size, size), dtype=torch.uint8)
    canvas = torch.zeros(channels, side + 40, side + 40, dtype=torch.uint8)
    canvas[:, at[0] + 20 :, at[1] + 20 :][:, :size, :size] = image[0]
    found = placed(image, torch.tensor([at]), side)

    assert torch.equal(found[0], canvas[:, 20 : 20 + side, 20 : 20 + side])


@pytest.mark.parametrize("words", [CLUTTERED, *((f"task={kind}",) for kind in KINDS)])
def test_scenes_belong_to_seed_epoch_and_image(words: tuple[str, ...]) -> None:
    """All arms learn from the same ones; all arms and seeds are examined on the same ones."""
    loop, arm = prepared(*words), prepared(*words, "embedding=peg")
    other = prepared(*words, "seed=1")
    same, right = training(loop)
    exams = [it.exam.shown(IDS) for it in (loop, arm, other)]

    assert torch.equal(training(arm)[0], same)
    assert not torch.equal(training(loop, 1)[0], same)
    assert not torch.equal(training(other)[0], same)
    assert all(torch.equal(images, exams[0][0]) for images, _ in exams)
    assert all(torch.equal(wanted, exams[0][1]) for _, wanted in exams)
    assert right.shape[1:] == exams[0][1].shape[1:]


def test_where_names_the_cell_that_holds_the_digit() -> None:
    """All of it, and every cell comes up."""
    loop = prepared("task=where", "task.canvas=112")
    tables = loop.augment.tables(0)["cell"]
    for images, cells in (training(loop), loop.exam.shown(IDS)):
        lit = bright(images).unflatten(2, (4, 28)).unflatten(1, (4, 28)).any(dim=(2, 4))

        assert torch.equal(lit.flatten(1).int().argmax(dim=1), cells)
        assert (lit.flatten(1).sum(dim=1) == 1).all()
    counts = tables.bincount(minlength=16)
    assert counts.min() > 20
    assert counts.max() < 64


@pytest.mark.parametrize("relation", ["left", "above"])
def test_relate_tells_which_comes_first(relation: str) -> None:
    """Told apart by class, at places that share no column of patches, and one half is yes."""
    loop = prepared("task=relate", f"task.relation={relation}", "training.augment.geometry=false")
    tables, labels = loop.augment.tables(0), loop.samples.labels
    axis = 0 if relation == "above" else 1
    mine, others = tables["place"][:, axis], tables["other"][:, axis]
    is_a = labels < labels[tables["partner"]]
    a_first = torch.where(is_a, mine < others, others < mine)

    assert (labels != labels[tables["partner"]]).all()
    assert torch.equal(tables["answer"].bool(), a_first)
    assert ((mine - others).abs() >= 14).all()
    assert not (tables["place"] % 7).any()
    assert not (tables["other"] % 7).any()
    assert abs(float(tables["answer"].float().mean()) - 0.5) < 0.08
    assert len(tables["partner"].unique()) > 300


def test_locate_tells_the_box_around_the_digit() -> None:
    """Its rows and columns begin and end where the digit does, whatever lies behind it."""
    for words in (("task=locate",), CLUTTERED):
        loop = prepared(*words, "training.augment.geometry=false")
        images, wanted = training(prepared("task=locate", "training.augment.geometry=false"))
        _, right = training(loop)
        grey = images[:, 0] * loop.data.std[0] + loop.data.mean[0]
        lit = (grey * 255).round() >= 32
        for light, box in zip(lit, right[:, 1:] * 56, strict=True):
            rows, cols = (light.any(dim=d).nonzero().flatten() for d in (1, 0))
            ends = torch.tensor([[int(x[0]), int(x[-1]) + 1] for x in (rows, cols)]).float()

            assert torch.allclose(box[:2], ends.mean(dim=1), atol=1e-4)
            assert torch.allclose(box[2:], ends[:, 1] - ends[:, 0], atol=1e-4)
        assert torch.equal(wanted[:, 0].long(), loop.samples.labels[IDS])
        assert torch.equal(right, wanted)


def test_clutter_leaves_the_image_whole() -> None:
    """It lies behind: nothing of the image is lost, and there is more around it."""
    plain, full = (
        bright(prepared("task=locate", f"task.clutter={pieces}").exam.shown(IDS)[0])
        for pieces in (0, 8)
    )

    assert (full | ~plain).all()
    assert (full.sum(dim=(1, 2)) > plain.sum(dim=(1, 2))).float().mean() > 0.9


def test_a_jigsaw_is_asked_for_the_places_of_before() -> None:
    """The patch of token t was cut from the cell that is asked for at t."""
    loop = prepared("task=jigsaw")
    images, order = loop.exam.shown(IDS)
    back = shuffled(images, 7, order.argsort(dim=1))
    whole = loop.exam.images(loop.exam.samples.pixels[IDS], IDS)

    assert torch.equal(back, whole)
    assert scores(loop, images).shape == (40, 16, 16)
    assert torch.equal(order.sort(dim=1).values, torch.arange(16).expand(40, 16))


def moved(loop: Loop, rows: dict[str, Tensor]) -> Tensor:
    """The images of the exam, with other rows of its tables."""
    exam = loop.exam
    assert exam.scene is not None
    few = {name: table[IDS] for name, table in (exam.rows | rows).items()}
    pixels, _ = exam.scene(IDS, few, exam.samples.pixels.__getitem__)
    return exam.images(pixels, IDS)


def swapped(loop: Loop) -> Tensor:
    """The pairs of the exam, each with the other answer."""
    rows = loop.exam.rows
    return moved(loop, {"place": rows["other"], "other": rows["place"]})


def mirrored(loop: Loop) -> Tensor:
    """The pairs of the exam, each at the columns seen in a mirror: with the other answer too."""
    places = {}
    for name in ("place", "other"):
        row, col = loop.exam.rows[name].unbind(1)
        places[name] = torch.stack((row, 42 - col), dim=1)
    return moved(loop, places)


def everywhere(loop: Loop) -> Tensor:
    """The images of the exam in where, each in the next of the cells."""
    row, col = loop.exam.rows["place"].unbind(1)
    return moved(loop, {"place": torch.stack((row, (col + 14) % 56), dim=1)})


CHANGES: dict[str, Any] = {"where": everywhere, "relate": swapped}


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("pool", ["mean", "cls"])
def test_without_position_answers_do_not_depend_on_the_place(kind: str, pool: str) -> None:
    """Scores of a network with large weights are the same to rounding: it is at chance for sure."""
    loop = prepared(f"task={kind}", "embedding=none", f"backbone.pool={pool}")
    other = prepared(f"task={kind}", "embedding=learned1d", f"backbone.pool={pool}")
    for it in (loop, other):
        networks.loud(it.model, std=0.6)
    pairs = [(scores(it, it.exam.shown(IDS)[0]), it) for it in (loop, other)]
    apart = [(scores(it, CHANGES[kind](it)) - before).abs().max() for before, it in pairs]

    assert apart[0] < 1e-5
    assert apart[1] > 1e-2


def test_distances_without_a_direction_cannot_tell_left_from_right() -> None:
    """Where an image is one patch, ALiBi takes a canvas for its mirror image; offsets do not."""
    apart = {}
    for name in ("alibi2d", "swin_rpb"):
        loop = prepared("task=relate", f"embedding={name}", "patch.size=14")
        networks.loud(loop.model, std=0.6)
        images, _ = loop.exam.shown(IDS)
        apart[name] = float((scores(loop, images) - scores(loop, mirrored(loop))).abs().max())

    assert apart["alibi2d"] < 1e-5
    assert apart["swin_rpb"] > 1e-2


def test_a_network_has_the_head_that_its_task_needs() -> None:
    """As many numbers as answers, and as many tokens as the canvas has patches."""
    found = {kind: prepared(f"task={kind}").model for kind in ("classify", *KINDS)}
    heads = {kind: model.head.out_features for kind, model in found.items()}

    assert heads == {"classify": 10, "locate": 14, "relate": 2, "where": 16, "jigsaw": 16}
    assert found["where"].position.trunk.grid == (8, 8)
    assert found["jigsaw"].position.trunk.grid == (4, 4)


@pytest.mark.parametrize("name", networks.NAMES)
def test_every_token_can_be_asked(name: str) -> None:
    """Of every strategy, and without the prefix tokens."""
    model = networks.vit(name, pool="cls", registers=2).eval()
    model.per_token = True

    assert model(networks.noise(2, 3, 32, 32)).shape == (2, 16, 10)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("task=where", "training.augment.mixup=0.5"), "training.augment.mixup would spoil"),
        (("task=jigsaw", "training.augment.erase=0.5"), "training.augment.erase would spoil"),
        (("task=jigsaw", "patch.shuffle=true"), "moves patches itself"),
        (("task=jigsaw", "patch.size=28"), "no order"),
        (("task=where", "task.cells=5"), "task.cells = 5: 56 pixels are not divisible"),
        (("task=where", "task.cells=8"), "cells of 7 pixels for images of 14"),
        (("task=where", "task.canvas=72", "patch.size=4"), "cells of 18 pixels are not whole"),
        (("task=relate", "task.canvas=21"), "two images of 14 pixels need 28"),
        (("task=locate", "task.canvas=14"), "must be larger than its images"),
        (("task=locate", "task.canvas=60"), "60 pixels are not divisible"),
        (("task=locate", "task.shrink=3"), "28 pixels are not divisible"),
        (("task=locate", "task.cells=3"), "unknown key task.cells"),
        (("task=find",), "there is no such task"),
    ],
)
def test_what_does_not_fit_is_refused(words: tuple[str, ...], said: str) -> None:
    """In one line, before anything is loaded."""
    with pytest.raises(BadInput) as caught:
        config.compose([*TINY, *words])

    assert len(caught.value.problems) == 1
    assert said in caught.value.problems[0].message


def test_images_of_one_class_have_no_a_and_b() -> None:
    """Said when scenes are made: only the data know."""
    task = asked(config.compose([*TINY, "task=relate"]), 10)
    alone = Samples(torch.zeros(4, 1, 28, 28, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64))

    with pytest.raises(BadInput, match="one class"):
        task.scene(alone)


def test_lanes_only_classify() -> None:
    """Other tasks are runs of their own."""
    run = config.compose([*TINY, "task=where"])

    assert rule.forbidden(run) == "lanes only classify"
    assert not rule.forbidden(config.compose(TINY))


def test_networks_of_a_task_share_their_first_weights() -> None:
    """A task gives all arms the same head."""
    heads = []
    for name in ("none", "rope2d", "learned1d"):
        run = config.compose([*TINY, "task=locate", f"embedding={name}"])
        heads.append(build.network(replace(run, seed=3), 10).head.weight)

    assert torch.equal(heads[0], heads[1])
    assert torch.equal(heads[0], heads[2])


@pytest.mark.slow
def test_scenes_and_losses_are_one_graph() -> None:
    """A compiler that takes only whole graphs finds nothing in them that waits for the host."""
    program = Path(__file__).with_name("compiled_tasks.py")
    place = {"PYTHONPATH": str(Path(vitpos.__file__).parents[1])}
    words = [sys.executable, program, *KINDS]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env=os.environ | place
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list(KINDS)


@pytest.mark.slow
def test_position_is_what_where_is_about() -> None:
    """A short training: none stays at chance, and those that know more than distances do not."""
    words = (
        "task=where", "training=quick", "training.epochs=6", "training.limit=null",
        "training.batch_size=64", "training.lr=8e-3", "backbone.depth=1", "backbone.dim=32",
    )  # fmt: skip
    right = {}
    for name in ("none", "learned1d", "rope2d"):
        run = config.compose([*TINY, *words, f"embedding={name}"])
        loop = experiment.prepare(run, Quiet())
        for _ in loop.run_to_end():
            pass
        right[name] = loop.evaluate(loop.data.test).accuracy

    assert abs(right["none"] - 1 / 16) < 0.035
    assert right["learned1d"] > 0.25
    assert right["rope2d"] > 0.25
