"""What of lanes is for GPUs, as far as a machine without one can tell; the rest needs one."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_runs import compose, few

import vitpos
from vitpos import build, machine
from vitpos.lanes import norms
from vitpos.lanes.rule import TOLERANCE
from vitpos.lanes.steps import Lanes
from vitpos.specimens import noise
from vitpos.train import Loop

NAMES = ["learned1d", "rope2d", "swin_rpb", "shaw", "peg+rope_mixed"]
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def lanes(outputs: Path, *words: str) -> Lanes:
    """Three of them before their first step."""
    run = compose(outputs, *words)
    chosen, data = machine.prepare(run), few(run.dataset)
    data = data.to(chosen.device)
    runs = [replace(run, seed=seed) for seed in range(3)]
    return Lanes([Loop(one, build.network(one, 10), data, chosen) for one in runs])


def test_the_norm_of_gpus_is_that_of_cpus() -> None:
    """Values and gradients agree in float32, and in half precision to its rounding."""
    weight, bias = (noise(3, 32, seed=seed).requires_grad_() for seed in (1, 2))
    x = noise(3, 2, 5, 32).requires_grad_()
    tensors = [x, weight, bias]
    found = [norm(*tensors) for norm in (norms.plain, norms.Normed.apply)]
    first, second = (torch.autograd.grad(it.square().sum(), tensors) for it in found)
    half = [norm(x.bfloat16(), weight, bias) for norm in (norms.plain, norms.Normed.apply)]

    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(half[0].float(), half[1].float(), rtol=0.03, atol=0.03)


@pytest.mark.slow
def test_a_compiler_sees_one_graph() -> None:
    """Losses of all lanes and their gradients, as they are on a GPU, without a break."""
    program = Path(__file__).with_name("compiled_lanes.py")
    place = {"PYTHONPATH": str(Path(vitpos.__file__).parents[1])}
    words = [sys.executable, str(program), "learned1d", "swin_rpb", "peg+rope_mixed"]
    done = subprocess.run(
        words, env=os.environ | place, capture_output=True, text=True, check=False, timeout=300
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == words[2:]


@on_gpu
@pytest.mark.parametrize("name", NAMES)
def test_lanes_of_a_gpu_are_the_runs_alone_within_the_tolerance(name: str, tmp_path: Path) -> None:
    """Twelve steps, compiled and recorded, against runs alone that are neither."""
    words = (f"embedding={name}", "device=cuda", "backbone.dim=32", "precision=fp32")
    together = lanes(tmp_path, *words)
    for _ in together.run_to_end():
        pass
    apart = lanes(tmp_path, *words, "compile=off").loops
    for loop in apart:
        for _ in loop.run_to_end():
            pass

    assert together.manner == "compiled and recorded"
    assert together.trouble() == []
    for one, other in zip(together.loops, apart, strict=True):
        wanted = other.tensors()
        for key, tensor in one.tensors().items():
            torch.testing.assert_close(tensor, wanted[key], atol=TOLERANCE, rtol=TOLERANCE)
