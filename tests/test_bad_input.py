"""All that a person can get wrong is tried, and most of it without waiting for torch."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bad_input import ACTED, ROWS, cases

from vitpos import cli

TESTS = Path(__file__).parent
# What no file, no GPU and no network is asked for: with the code, and what is said of it.
QUICK = [
    ("train training.lr=-1", 2, "training.lr = -1"),
    ("train embedding=rop2d", 2, "did you mean rope2d"),
    ("train posembed=rope", 2, "did you mean embedding"),
    ("train patch.size=5", 2, "28 pixels"),
    ("train backbone.heads=5", 2, "64 channels"),
    ("train name=../../x", 2, "name=x"),
    ("train outputs=/dev/null", 2, "is not a folder"),
    ("train device=gpu", 2, "did you mean cuda"),
    ("train dataset=cifar10 dataset.root=nowhere", 3, "vitpos data"),
    ("train -m seed=0,0", 2, "twice"),
    ("sweep embedding=none,rope2d seed=0..999", 2, "--yes"),
    ("sweep embedding=none,rope2d --baseline=x", 2, "there is no arm x"),
    ("sweep study=nope", 2, "there is no study"),
    ("tune study=nope", 2, "there is no study"),
    ("data nope", 2, "there is no such dataset"),
    ("list nope", 2, "there are no nope"),
    ("list runs nowhere", 4, "nowhere is not there"),
    ("compare nowhere", 4, "nowhere is not there"),
    ("plot nowhere", 4, "nowhere is not there"),
    ("diff nowhere nowhere", 4, "nowhere is not there"),
    ("train --nonsense", 2, "No such option"),
    ("nonsense", 2, "No such command"),
]
WITHOUT_TORCH = """
import sys
from vitpos import cli, outcome
for line in sys.stdin:
    words = line.split()
    code = outcome.of(lambda: cli.app(args=words, prog_name="vitpos"))
    heavy = sorted({"torch", "tensorboard", "torchvision"} & sys.modules.keys())
    print(code, *heavy, flush=True)
    print("----", file=sys.stderr, flush=True)
"""


def place() -> dict[str, str]:
    """An environment in which this package is found."""
    return os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])}


def test_every_case_is_tried() -> None:
    """84 rows, no number is missing, and each case of each has a test that says so."""
    for path in TESTS.glob("test_bad_input_*.py"):
        importlib.import_module(path.stem)

    assert [*ROWS] == list(range(1, 85))
    assert cases() - ACTED == set()
    assert {name for name in ACTED if name[0].isdigit()} - cases() == set()


def test_says_what_is_wrong_before_torch_is_loaded(tmp_path: Path) -> None:
    """One process, many mistakes: code and words of each, and nothing heavy is there at the end."""
    lines = "\n".join(words for words, _, _ in QUICK)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_TORCH],
        input=lines, capture_output=True, text=True, cwd=tmp_path, env=place(), check=True,
    )  # fmt: skip
    said = done.stderr.split("----\n")

    for (words, code, part), found, text in zip(
        QUICK, done.stdout.splitlines(), said, strict=False
    ):
        assert found == str(code), f"{words}: {found} {text}"
        assert part in text, words
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["train", "--cfg"], 0),
        (["train", "training.lr=-1"], 2),
        (["train", "dataset=cifar10", "dataset.root=nowhere"], 3),
        (["resume", "nowhere"], 4),
        (["train", "--nonsense"], 2),
        (["nonsense"], 2),
        (["--help"], 0),
    ],
)
def test_codes_of_real_processes(words: list[str], code: int, tmp_path: Path) -> None:
    """The same through the command itself, with warnings as errors."""
    call = [sys.executable, "-W", "error", "-m", "vitpos", *words]
    done = subprocess.run(
        call, capture_output=True, text=True, cwd=tmp_path, env=place(), check=False
    )

    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
