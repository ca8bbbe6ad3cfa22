"""Places for results that are none: row 83; and row 40 and 28, odd shapes that are right."""

import errno
import os
from pathlib import Path

import networks
import pytest
import torch
from bad_input import Command, acted, acts, refused, vitpos
from small_runs import TINY, Watch, _quick, compose, train

from vitpos import experiment
from vitpos.errors import NoResources
from vitpos.grid import Grid

__all__ = ["_quick", "vitpos"]
PLACES: dict[str, tuple[str, list[str]]] = acted({
    "83 a file": ("outputs=file", ["outputs = file", "is not a folder"]),
    "83 below a file": ("outputs=file/x", ["outputs = file/x", "is not a folder"]),
    "83 long": (f"outputs={'x' * 300}", ["outputs = xxx", "too long"]),
    "83 NUL": ("outputs='a\0b'", ["outputs"]),
    "83 a device": ("outputs=/dev/null", ["outputs = /dev/null", "is not a folder"]),
    "83 link nowhere": ("outputs=loose/x", ["outputs = loose/x"]),
    "no such user": ("outputs='~nobody_of_this_name/x'", ["outputs = ~nobody_of_this_name/x"]),
})  # fmt: skip


@pytest.mark.parametrize("command", ["train", "sweep"])
@pytest.mark.parametrize("row", PLACES)
def test_refuses_a_place_before_anything_is_loaded(
    row: str, command: str, vitpos: Command, tmp_path: Path
) -> None:
    """Each with its own reason; nothing is made there."""
    word, expected = PLACES[row]
    (tmp_path / "file").write_text("x")
    (tmp_path / "loose").symlink_to("file/below")
    words = ["embedding=none,rope2d"] if command == "sweep" else []

    refused(vitpos(command, *TINY, *words, word), 2, *expected)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "loose"}


@acts("83 no permission", "83 read-only")
def test_refuses_a_folder_that_cannot_be_written(
    vitpos: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A superuser could write anywhere, so it is acted here; `test_odd_places` has it for real."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    refused(vitpos("train", f"outputs={tmp_path}"), 2, f"outputs = {tmp_path}", "cannot be written")


@acts("83 full")
@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_tells_of_a_disk_that_takes_nothing(
    number: int, vitpos: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code 5, where and why; no folder of a run is left without its config."""
    whole = Path.mkdir

    def mkdir(self: Path, *args: object, **options: object) -> None:
        if "full" in str(self):
            raise OSError(number, os.strerror(number), str(self))
        whole(self, *args, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)

    refused(vitpos("train", "--quiet", *TINY, "outputs=full"), 5, "cannot write", "full", "resume")
    assert not list(tmp_path.iterdir())


@acts("83 link elsewhere")
@pytest.mark.usefixtures("_quick")
def test_outputs_may_be_a_link_to_elsewhere(vitpos: Command, tmp_path: Path) -> None:
    """A larger disk, say: the run lies there, and is found by either name."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "outputs").symlink_to("disk")
    path = train(tmp_path / "outputs")

    assert (tmp_path / "disk" / "runs" / path.name / "summary.json").is_file()
    for name in ("outputs", "disk"):
        assert "finished" in vitpos("list", "runs", name).out
        assert vitpos("show", f"{name}/runs/{path.name}").code == 0


@acts("83 link out")
@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("name", ["lock", "metrics.jsonl", "checkpoints"])
def test_a_link_out_of_a_run_is_not_written_through(
    name: str, vitpos: Command, tmp_path: Path
) -> None:
    """A run folder of somebody else's: what it points to stays as it is."""
    path = train(tmp_path / "runs", show=Watch(after=9))
    (path / name).rename(tmp_path / "treasure")
    (path / name).symlink_to(tmp_path / "treasure")
    before = [file.stat().st_mtime_ns for file in (tmp_path / "treasure").rglob("*")]

    refused(vitpos("resume", str(path)), 4, f"{path / name} is a link that leads out of")
    assert [file.stat().st_mtime_ns for file in (tmp_path / "treasure").rglob("*")] == before


@acts("83 not ours")
@pytest.mark.usefixtures("_quick")
def test_what_lies_there_already_is_left_alone(tmp_path: Path) -> None:
    """A folder of other things, also one of the very name of the run."""
    run = compose(tmp_path)
    first = experiment.place(run)
    first.mkdir(parents=True)
    (first / "thesis.tex").write_text("mine")
    (tmp_path / "photo.png").write_bytes(b"mine, too")
    path = train(tmp_path)

    assert path.name == f"{first.name}-2"
    assert [file.name for file in first.iterdir()] == ["thesis.tex"]
    assert (tmp_path / "photo.png").read_bytes() == b"mine, too"


@acts("83 too deep")
@pytest.mark.usefixtures("_quick")
def test_a_path_too_long_for_the_system_is_told(tmp_path: Path) -> None:
    """The folder itself could be made, but not the run in it: one line, and code 2 or 5."""
    deep = tmp_path
    while len(str(deep)) < 4000:
        deep = deep / ("d" * min(200, 4094 - len(str(deep))))

    with pytest.raises(NoResources, match="name too long"):
        train(deep)


@acts("28 trained")
@pytest.mark.usefixtures("_quick")
def test_one_image_at_a_time_is_a_batch(tmp_path: Path) -> None:
    """No layer looks at the other images of a batch."""
    words = ("training.batch_size=1", "training.limit=3", "training.epochs=1")

    assert (train(tmp_path, *words) / "summary.json").exists()


@acts("40 not square")
@pytest.mark.parametrize("name", ["swin_rpb", "swinv2_cpb", "alibi2d", "irpe"])
def test_a_bias_of_offsets_is_right_on_a_grid_that_is_not_square(name: str) -> None:
    """Images have one size each way here; the network takes others: one row per cell."""
    if name not in networks.NAMES:
        name = next(known for known in networks.NAMES if known.startswith(name[:4]))
    model = networks.vit(name).eval()
    with torch.no_grad():
        scores = model(networks.noise(2, 3, networks.PATCH * 3, networks.PATCH * 5, seed=1))

    assert scores.shape == (2, networks.CLASSES)
    assert scores.isfinite().all()
    assert Grid(3, 5).rows == 3
