"""The page's interpreter computes what torch computes, for every strategy and every backbone."""

from collections.abc import Iterator
from typing import Any

import networks
import probing
import pytest
import torch
from exported import Interpret, apart, copied, interpreting

from vitpos import specimens
from vitpos.pages.live.stored import EXACT, RUNGS, Rung
from vitpos.patches import made
from vitpos.probes.subject import Subject

SMALL = {"dim": 32, "heads": 2, "depth": 2}
BACKBONES: dict[str, dict[str, Any]] = {
    "cls": {"pool": "cls"},
    "cls and registers": {"pool": "cls", "registers": 2},
    "attention pooling": {"pool": "attention"},
    "norm of queries and keys": {"qk_norm": True},
    "layer scale": {"layer_scale": 0.1},
    "windows": {"kind": "pyramid", "depths": [2, 1], "depth": 3, "window": 2},
    "convolutions first": {"kind": "hybrid", "depths": [1, 2], "depth": 3, "convolutions": 1},
}


@pytest.fixture(scope="module")
def interpret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interpret]:
    """Runs the interpreter on a graph."""
    with interpreting(tmp_path_factory.mktemp("profile")) as run:
        yield run


def subject(names: str, **of_network: Any) -> Subject:
    """A small network with loud weights and images of noise for it."""
    model = specimens.loud(specimens.vit(names, **of_network), std=0.2).eval()
    samples = probing.noise(2)
    size = specimens.SIZE
    samples = samples._replace(pixels=samples.pixels[:, :, :size, :size].contiguous())
    return probing.given(model, samples, networks.options(names))


@torch.no_grad()
def test_computes_what_torch_computes(name: str, interpret: Interpret) -> None:
    """Logits, tokens with and without position, and attention, of each strategy."""
    copy = copied(subject(name))
    wanted = copy.watched(copy.pixels)

    assert apart(interpret(copy), wanted) < 1e-5


@pytest.mark.parametrize("backbone", BACKBONES)
@torch.no_grad()
def test_any_backbone(backbone: str, interpret: Interpret) -> None:
    """Prefix tokens, other pools and norms, several stages, convolutions."""
    copy = copied(subject("learned1d+rope_mixed+swin_rpb", **SMALL | BACKBONES[backbone]))
    wanted = copy.watched(copy.pixels)

    assert apart(interpret(copy), wanted) < 1e-5


@pytest.mark.parametrize("kind", ["overlap", "conv_stem", "spt", "hybrid"])
@torch.no_grad()
def test_any_patches(kind: str, interpret: Interpret) -> None:
    """Patches that see more than themselves."""
    model = networks.loud(networks.vit("learned1d"), std=0.2)
    model.patches = specimens.loud(made(networks.patches(8, kind), 3, 0, 32), std=0.2)
    copy = copied(probing.given(model, probing.noise(1), networks.options("learned1d")))
    wanted = copy.watched(copy.pixels)

    assert apart(interpret(copy), wanted) < 1e-5


@pytest.mark.parametrize("rung", [EXACT, *RUNGS], ids=str)
def test_reads_numbers_as_they_are_kept(rung: Rung, interpret: Interpret) -> None:
    """Whatever is rounded, the page computes what torch computes with the rounded numbers."""
    copy = copied(subject("rope_mixed+learned1d", dim=40, heads=2), rung)
    wanted = copy.program.changed(copy.store.kept).play(copy.pixels)

    assert apart(interpret(copy), tuple(wanted)) < 1e-5
