"""Probes of behaviour: nothing is found where there is nothing, and what was planted is found."""

import dataclasses

import networks
import numpy as np
import probing
import pytest
import torch

from vitpos import build, config
from vitpos.data.sources import load as read
from vitpos.probes import PROBES, load
from vitpos.probes.asking import change, scores
from vitpos.probes.probe import Found
from vitpos.probes.running import looked
from vitpos.probes.shuffle import blocks, elsewhere, orders
from vitpos.probes.subject import Subject
from vitpos.schema import Task
from vitpos.tasks.asked import asked as question
from vitpos.tasks.choice import Choice

DEFAULT = [name for name in PROBES if name != "transfer"]
CLASSES = ("resolution", "shuffle", "translation", "symmetry", "transfer")


def find(name: str, subject: probing.Subject) -> Found:
    """What a probe finds."""
    assert load(name).why_not(subject) == ""
    return load(name).measure(subject)


def test_answers_belong_to_pairs_of_patch_and_position(name: str) -> None:
    """Patches told to be where they came from give the same answer, whatever the strategy."""
    numbers = find("shuffle", probing.subject(name, images=6)).numbers

    assert numbers["defect"] < 1e-3


def test_shuffling_changes_nothing_without_position() -> None:
    """The null: the same set of patches gives the same answers, class for class."""
    numbers = find("shuffle", probing.subject("none")).numbers

    assert numbers["drop"] == numbers["positions/drop"] == 0.0
    assert numbers["change"] < 1e-4
    assert numbers["grid2/accuracy"] == numbers["accuracy"]


def test_silence_changes_nothing_without_position() -> None:
    """The null: there is nothing to silence, not even by a bit."""
    found = find("knockout", probing.subject("none"))

    assert {value for name, value in found.numbers.items() if name.endswith("drop")} == {0.0}


def test_a_cyclic_shift_of_whole_patches_changes_nothing_without_position() -> None:
    """The null: the same patches in the same order but for where it starts."""
    subject = probing.subject("none")
    images, own = subject.images(8), scores(subject, subject.images(8))
    whole, sub = (scores(subject, images.roll(pixels, -1)) for pixels in (networks.PATCH, 1))

    assert find("translation", subject).numbers["circular/whole_consistency"] == 1.0
    assert change(own, whole) < 1e-4
    assert change(own, sub) > 1e-3


@pytest.mark.parametrize("strategy", ["rope2d", "peg", "coordconv", "swin_rpb", "gpsa", "tupe"])
def test_position_is_seen(strategy: str) -> None:
    """With loud weights, answers depend on where patches are."""
    subject = probing.subject(strategy)

    assert find("shuffle", subject).numbers["change"] > 1e-2
    assert elsewhere_changes(subject)


def elsewhere_changes(subject: probing.Subject) -> bool:
    """Whether telling tokens other places changes answers."""
    images = subject.images(4)
    places = orders(subject, 4, 16)
    return not torch.allclose(elsewhere(subject, images, places), scores(subject, images))


def test_the_planted_table_is_found() -> None:
    """Every image depends on it: half of them are right without, by chance."""
    subject = probing.planted()
    knockout, shuffle = find("knockout", subject).numbers, find("shuffle", subject).numbers
    shifts = find("translation", subject)

    assert knockout["accuracy"] == 1.0
    assert knockout["drop"] == knockout["layer0/drop"] == 0.5
    assert knockout["layer1/drop"] == 0.0
    assert 0.2 < shuffle["drop"] < 0.8
    assert 0.2 < shuffle["positions/drop"] < 0.8
    # two patches down change no side, two patches to the right change it for every image
    assert shifts.arrays["circular_consistency"][-1].tolist() == [1.0, 1.0, 0.0, 0.0]


def test_a_shuffled_table_is_no_shuffled_image_by_chance() -> None:
    """Telling tokens that they are elsewhere asks for the class of that other place."""
    subject = probing.planted(images=16)
    images, places = subject.images(16), orders(subject, 16, 16)
    told = places.gather(1, torch.arange(16)[:, None] % 16)[:, 0]  # where the bright patch is said

    answers = elsewhere(subject, images, places).argmax(-1)

    assert answers.tolist() == (told % 4 >= 2).long().tolist()


@pytest.mark.parametrize("probe_name", DEFAULT)
def test_finds_the_same_each_time(probe_name: str) -> None:
    """The same network and images give the same numbers and arrays, bit for bit."""
    first, second = (find(probe_name, probing.subject("rope2d", images=8)) for _ in range(2))

    assert first.numbers == second.numbers
    assert first.arrays.keys() == second.arrays.keys()
    assert all(np.array_equal(first.arrays[k], second.arrays[k]) for k in first.arrays)


@pytest.mark.parametrize("probe_name", DEFAULT)
def test_leaves_the_network_as_it_was(probe_name: str) -> None:
    """Weights, parts and answers are the same afterwards."""
    subject = probing.subject("learned1d+rope2d", images=8)
    before = {name: weight.clone() for name, weight in subject.model.state_dict().items()}
    position, patches = subject.model.position, subject.model.patches
    find(probe_name, subject)
    after = subject.model.state_dict()

    assert subject.model.position is position
    assert subject.model.patches is patches
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("probe_name", CLASSES)
def test_is_refused_for_what_has_no_classes(probe_name: str) -> None:
    """Tasks whose answer should change with the image."""
    subject = probing.subject("none", images=4)
    other = dataclasses.replace(subject.run, task=Task(kind="jigsaw"))
    entry, _ = looked(dataclasses.replace(subject, run=other), probe_name)

    assert "class" in entry["why_not"]
    assert entry["numbers"] == {}


@pytest.mark.parametrize("task", ["where", "relate", "locate", "jigsaw"])
def test_looks_inside_networks_of_all_tasks(task: str) -> None:
    """At the canvases that they were evaluated on."""
    run = config.compose(
        [
            "dataset=mnist5k",
            f"task={task}",
            "embedding=rope2d",
            "backbone.dim=32",
            "backbone.depth=1",
        ]
    )
    data = read(run.dataset)
    subject = Subject(
        run,
        build.network(run, 10).eval(),
        data.test,
        data.mean,
        data.std,
        probing.CPU,
        limit=33,
        task=question(run, 10),
    )
    entries = {name: looked(subject, name)[0] for name in PROBES if name not in CLASSES}

    assert subject.images(5).shape == (5, 1, run.image_size, run.image_size)
    assert {entry["why_not"] for entry in entries.values()} == {""}
    assert all(entry["numbers"] for entry in entries.values())


def test_a_place_that_is_found_by_position_is_not_found_without() -> None:
    """Knock-out in a task about places, whose answers are cells."""
    subject = probing.planted()
    entry, _ = looked(dataclasses.replace(subject, task=Choice(2)), "knockout")

    assert entry["numbers"]["probe/knockout/drop"] == 0.5


def test_blocks_are_moved_whole() -> None:
    """Each block of the result is one of the image, each once, also where they are no squares."""
    images = torch.arange(2 * 3 * 4 * 8.0).view(2, 3, 4, 8)
    order = torch.tensor([[3, 1, 0, 2], [0, 1, 2, 3]])

    moved = blocks(images, 2, order)

    assert torch.equal(moved[1], images[1])
    assert torch.equal(moved[0, :, :2, :4], images[0, :, 2:, 4:])
    assert torch.equal(moved[0, :, 2:, 4:], images[0, :, 2:, :4])
