"""`vitpos plot` draws what a comparison says, and says where."""

import subprocess
import sys
from pathlib import Path

import pytest
from run_folders import call, folder

SMOKE = ("training=smoke",)
BLOCKED = "import sys; sys.modules['matplotlib'] = None; from vitpos import cli; cli.main()"


@pytest.fixture
def outputs(tmp_path):
    """Two arms of three seeds each."""
    for seed in range(3):
        folder(tmp_path, *SMOKE, seed=seed, accuracy=0.7 + seed / 100)
        folder(tmp_path, *SMOKE, "embedding=none", seed=seed, accuracy=0.5 + seed / 100)
    return tmp_path


def test_draws_into_the_folder_of_the_study(capsys, outputs):
    """And prints where; what there is no picture of is told aside."""
    code, said, aside = call(capsys, "plot", outputs, "--baseline", "embedding=none")
    paths = [Path(line) for line in said.splitlines()]

    assert code == 0
    assert [path.name for path in paths] == [
        "curves-val-accuracy-epochs.svg",
        "seeds-test-accuracy.svg",
        "pareto-test-accuracy-params.svg",
    ]
    assert {path.parent for path in paths} == {outputs / "runs" / "plots"}
    assert all(path.read_bytes().startswith(b"<?xml") for path in paths)
    assert "no picture of resolution: no run was evaluated at another size" in aside
    assert not [*outputs.rglob("*.tmp")]


def test_draws_what_is_asked_for(capsys, outputs, tmp_path):
    """Of the runs that are selected, against what is named, in the format, elsewhere."""
    code, said, _ = call(
        capsys, "plot", outputs, "--what", "pareto,seeds", "--x", "memory", "--metric", "test/loss",
        "--where", "embedding=none", "--format", "png", "--output", tmp_path / "pictures",
    )  # fmt: skip
    names = [Path(line).name for line in said.splitlines()]

    assert code == 0
    assert names == ["pareto-test-loss-memory.png", "seeds-test-loss.png"]
    assert (tmp_path / "pictures" / names[0]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--what", "curve"), "--what curve: there is no such picture\nhint: did you mean curves?"),
        (("--x", "parms"), "--x parms: nothing is drawn so\nhint: did you mean params?"),
        (("--what", "resolution"), "no picture of resolution: no run was evaluated"),
        (("--metric", "test/acuracy"), "did you mean test/accuracy?"),
    ],
)
def test_says_what_is_wrong(capsys, outputs, words, complaint):
    """In one error, and writes nothing."""
    code, said, errors = call(capsys, "plot", outputs, *words)

    assert code == 2
    assert complaint in errors
    assert not said
    assert not [*outputs.rglob("plots")]


def test_without_matplotlib_says_how_to_get_it(tmp_path):
    """Before it reads anything."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, "plot", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == (
        "error: pictures need matplotlib, which is not installed\nhint: pip install matplotlib\n"
    )


def test_a_place_that_cannot_be_written_is_named(capsys, outputs, tmp_path):
    """In one line."""
    (tmp_path / "file").write_text("")
    code, _, errors = call(capsys, "plot", outputs, "--output", tmp_path / "file" / "plots")

    assert code == 5
    assert f"cannot write {tmp_path / 'file'}" in errors
    assert errors.count("\n") <= 2
