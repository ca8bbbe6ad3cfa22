"""torch.compile sees each step as one graph; what it makes is kept; if it fails, that is told."""

import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import networks
import pytest
import torch
from test_step import loop as loop_of
from torch._inductor.runtime.cache_dir_utils import default_cache_dir

from vitpos import compiling, config, identities, machine
from vitpos.errors import BadInput

ALL = [*networks.NAMES, *networks.COMBINATIONS]
FEW = 12  # strategies of one process


def compiled(*words, **environment):
    """Compile these in a process without checks of shapes."""
    here = Path(__file__).parent
    place = {"PYTHONPATH": f"{here.parent}", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, here / "compiled.py", *words],
        env=place | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, len(ALL), FEW))
def test_every_strategy_compiles_whole(first):
    """No graph break, for all strategies and combinations, in training; the same gradients."""
    done = compiled(*ALL[first : first + FEW])

    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_augmentation_compiles_whole():
    """No graph break with everything switched on; the same images, bit for bit."""
    done = compiled("augmentation")

    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("word", "found"),
    [("auto", "auto"), ("on", "on"), ("true", "on"), ("off", "off"), ("false", "off")],
)
def test_compile_is_a_word(word, found):
    """YAML's truth values mean on and off, as in runs from before there was `auto`."""
    assert config.compose([f"compile={word}"]).compile == found


def test_runs_from_before_there_was_auto_are_who_they_were():
    """`auto` and `off` are what `false` was, `on` is what `true` was."""
    plain = {word: asdict(config.compose([f"compile={word}"])) for word in ("auto", "off", "on")}
    before = plain["auto"] | {"compile": False}
    found = {word: identities.fingerprint(data) for word, data in plain.items()}

    assert found["auto"] == found["off"] == identities.fingerprint(before)
    assert found["on"] == identities.fingerprint(before | {"compile": True}) != found["off"]


def test_a_cpu_compiles_only_if_asked():
    """A GPU compiles and records unless told not to."""
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    made = {
        (device.type, word): (it.compiles, it.records)
        for device in (cpu, gpu)
        for word in ("auto", "on", "off")
        for it in [machine.Machine(device, "fp32", 1, "sdpa", compile=word)]
    }

    assert made == {
        ("cpu", "auto"): (False, False),
        ("cpu", "on"): (True, False),
        ("cpu", "off"): (False, False),
        ("cuda", "auto"): (True, True),
        ("cuda", "on"): (True, True),
        ("cuda", "off"): (False, False),
    }


def failing(monkeypatch, asked):
    """A loop whose compiler fails, which was wanted in this way."""
    monkeypatch.setattr(compiling, "whole", lambda function: raising)
    it = loop_of("training.limit=48")
    it.learner.machine = replace(it.machine, compile=asked)
    monkeypatch.setattr(machine.Machine, "compiles", True)
    return it


def raising(*_):
    """A function whose compilation fails."""
    raise RuntimeError("no compiler found\nand many more lines")


def test_a_failed_compile_is_told_and_done_without(monkeypatch):
    """One line, and the numbers of eager steps."""
    it = failing(monkeypatch, "auto")
    plain = loop_of("training.limit=48")
    found, wanted = ([next(x.run_to_end()) and x.tensors()] for x in (it, plain))

    assert it.manner == "eager"
    assert it.trouble() == [
        "steps are not as fast as they could be: RuntimeError: no compiler found"
    ]
    assert it.trouble() == []
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_a_failed_compile_that_was_asked_for_is_an_error(monkeypatch):
    """Who says `compile=on` wants nothing else."""
    it = failing(monkeypatch, "on")

    with pytest.raises(BadInput, match="compile = on: RuntimeError: no compiler found") as caught:
        next(it.run_to_end())
    assert caught.value.hint == "compile=auto"


def test_compiled_code_is_kept_in_a_folder_of_ours(monkeypatch, tmp_path):
    """Below `$XDG_CACHE_HOME/vitpos`, unless the user says where."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TRITON_CACHE_DIR", raising=False)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", default_cache_dir())  # as torch itself sets it

    assert compiling.keep() == tmp_path / "vitpos" / "compiled" / "inductor"
    assert os.environ["TRITON_CACHE_DIR"] == str(tmp_path / "vitpos" / "compiled" / "triton")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/elsewhere")
    assert compiling.keep() == Path("/elsewhere")


KEPT = """
import torch
from torch import nn
from vitpos import compiling
torch.set_num_threads(1)
torch.manual_seed(0)
layers = nn.Sequential(nn.Linear(8, 8), nn.GELU())
loss = compiling.whole(layers.forward)(torch.ones(2, 8)).sum()
loss.backward()
from torch._dynamo.utils import counters
print(counters["inductor"]["fxgraph_cache_miss"], loss.item(), layers[0].bias.grad.sum().item())
"""


@pytest.mark.slow
def test_a_second_process_compiles_nothing(tmp_path):
    """It finds all that the first two, at work at once, have kept, and computes the same."""
    here = Path(__file__).parent
    there = {name: value for name, value in os.environ.items() if name not in compiling.PLACES}
    place = there | {"PYTHONPATH": f"{here.parent}", "XDG_CACHE_HOME": str(tmp_path)}

    def process():
        words = [sys.executable, "-c", KEPT]
        return subprocess.Popen(words, env=place, stdout=subprocess.PIPE, text=True)

    first = [process() for _ in range(2)]
    found = [it.communicate(timeout=900)[0].split() for it in first]
    again = process().communicate(timeout=900)[0].split()

    assert again[0] == "0"
    assert [numbers for _, *numbers in found] == [again[1:]] * 2
    assert any((tmp_path / "vitpos" / "compiled" / "inductor").iterdir())
