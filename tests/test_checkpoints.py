"""Checkpoints: damage is always noticed, and a whole one is never lost."""

import errno
import hashlib
import json
import os
import pickle
import resource
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vitpos import checkpoints
from vitpos.durable import Lines, sweep_temporary, write
from vitpos.errors import BadRun, NoResources

RUN = "0" * 64


def state(step: int) -> dict[str, Tensor]:
    """A small state that tells its step."""
    return {"model/a": torch.full((3,), float(step)), "loop/b": torch.tensor(step)}


def saved(folder: Path, *steps: int) -> Path:
    """Checkpoints of these steps; the newest file."""
    for step in steps:
        checkpoints.save(folder, step, state(step), RUN)
    return folder / f"step-{steps[-1]:08d}.safetensors"


def loaded(folder: Path) -> tuple[int | None, list[str]]:
    """The step that is gone on from, and what was said."""
    notes: list[str] = []
    found = checkpoints.load(folder, notes.append, identity=RUN)
    if found is None:
        return None, notes
    step, tensors = found
    assert all(tensors[name].equal(tensor) for name, tensor in state(step).items())
    return step, notes


def files(folder: Path) -> list[str]:
    """Names of all files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    """Shapes, types and bits, of the newest step."""
    assert loaded(tmp_path / "none") == (None, [])
    saved(tmp_path, 4, 8, 12)

    assert loaded(tmp_path) == (12, [])


def test_keeps_two(tmp_path: Path) -> None:
    """The two newest, and no file that is in no list."""
    saved(tmp_path, 1, 2, 3)
    (tmp_path / "step-00000001.safetensors").write_bytes(b"left by a kill before it was removed")
    saved(tmp_path, 4)

    assert files(tmp_path) == [
        "index.jsonl",
        "step-00000003.safetensors",
        "step-00000004.safetensors",
    ]


def test_notices_every_flipped_byte(tmp_path: Path) -> None:
    """Whichever byte is damaged, the one before is used, with a note that names the file."""
    newest = saved(tmp_path, 4, 8)
    content = newest.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        newest.write_bytes(damaged)
        step, notes = loaded(tmp_path)

        assert step == 4
        assert len(notes) == 1
        assert str(newest) in notes[0]
        assert "using the one before" in notes[0]


@settings(max_examples=25)
@given(st.data())
def test_notices_every_truncation(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A file of any other length, or with anything after its end."""
    folder = tmp_path_factory.mktemp("cut")
    newest = saved(folder, 4, 8)
    content = newest.read_bytes()
    length = data.draw(st.integers(0, len(content) - 1))
    newest.write_bytes(data.draw(st.sampled_from([content[:length], content + content[:1]])))

    assert loaded(folder)[0] == 4


def absent(path: Path) -> None:
    """No file."""
    path.unlink()


def empty(path: Path) -> None:
    """No bytes."""
    path.write_bytes(b"")


def a_folder(path: Path) -> None:
    """Not a file."""
    path.unlink()
    path.mkdir()


def text(path: Path) -> None:
    """As many bytes of something else."""
    path.write_bytes(b"x" * path.stat().st_size)


def a_pipe(path: Path) -> None:
    """What would never end when read."""
    path.unlink()
    os.mkfifo(path)


DAMAGES = (absent, empty, a_folder, text, a_pipe)


@pytest.mark.parametrize("damage", DAMAGES)
def test_passes_over_what_is_no_checkpoint(damage: Callable[[Path], None], tmp_path: Path) -> None:
    """The one before is used; if all are like that, the error names them."""
    newest = saved(tmp_path, 4, 8)
    damage(newest)

    assert loaded(tmp_path)[0] == 4
    damage(tmp_path / "step-00000004.safetensors")
    with pytest.raises(BadRun, match=r"no checkpoint .* is whole: step-00000004.*step-00000008"):
        loaded(tmp_path)


def forge(folder: Path, content: bytes) -> Path:
    """A file with a right line in the index, as somebody else could send it."""
    folder.mkdir(exist_ok=True)
    path = folder / "step-00000009.safetensors"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    row = {"step": 9, "file": path.name, "size": len(content), "sha256": digest, "identity": RUN}
    Lines(folder / "index.jsonl").rewrite([row])
    return path


class Effect:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def header(words: object, length: int | None = None) -> bytes:
    """The start of a safetensors file."""
    said = json.dumps(words).encode()
    return struct.pack("<Q", len(said) if length is None else length) + said


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    """Whatever the name of the file and the index say."""
    effect = tmp_path / "effect"
    path = forge(tmp_path / "checkpoints", pickle.dumps(Effect(effect)))
    with pytest.raises(BadRun, match="is not a checkpoint") as caught:
        loaded(tmp_path / "checkpoints")

    assert str(path) in str(caught.value)
    assert not effect.exists()
    torch.save({"a": 1}, tmp_path / "t.pt")
    forge(tmp_path / "checkpoints", (tmp_path / "t.pt").read_bytes())
    with pytest.raises(BadRun, match="is not a checkpoint"):
        loaded(tmp_path / "checkpoints")


def tensors(kind: str, shape: list[int], size: int) -> dict[str, object]:
    """The words of a header for one tensor."""
    return {"a": {"dtype": kind, "shape": shape, "data_offsets": [0, size]}}


BOMBS = {
    "long header": header({}, 2**62),
    "huge shape": header(tensors("F32", [10**12], 4 * 10**12)),
    "overflow": header(tensors("F32", [2**40, 2**40], 0)),
    "overlap": header(tensors("U8", [4], 4) | {"b": tensors("U8", [4], 4)["a"]}) + b"abcd",
    "deep": struct.pack("<Q", 90000) + b"[" * 90000,
    "type": header(tensors("F4096", [1], 1)) + b"a",
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_lying_header_is_refused(bomb: str, tmp_path: Path) -> None:
    """A header that promises more than the file has costs neither memory nor a traceback."""
    forge(tmp_path, BOMBS[bomb])

    with pytest.raises(BadRun, match="is not a checkpoint"):
        loaded(tmp_path)


def test_an_index_names_no_file_elsewhere(tmp_path: Path) -> None:
    """`../x` is looked for in the folder of checkpoints, where it is not."""
    content = safetensors.torch.save(state(9))
    (tmp_path / "x").write_bytes(content)
    row = {"step": 9, "file": "../x", "size": len(content), "identity": RUN}
    row["sha256"] = hashlib.sha256(content).hexdigest()
    (tmp_path / "c").mkdir()
    Lines(tmp_path / "c" / "index.jsonl").rewrite([row])

    with pytest.raises(BadRun, match="is whole"):
        loaded(tmp_path / "c")


def test_a_torn_last_line_of_the_index_is_left_out(tmp_path: Path) -> None:
    """The checkpoint before counts; damage within is told with its line."""
    saved(tmp_path, 4, 8)
    index = tmp_path / "index.jsonl"
    content = index.read_bytes()
    index.write_bytes(content[:-20])

    assert loaded(tmp_path) == (4, [])
    index.write_bytes(content.replace(b'"step": 8', b'"step": 9'))
    step, notes = loaded(tmp_path)
    assert step == 4
    assert "index.jsonl is damaged at line 2; using the others" in notes[0]
    index.unlink()
    assert "lists no checkpoint" in loaded(tmp_path)[1][0]
    Lines(index).rewrite([{"step": "4"}])
    with pytest.raises(BadRun, match=r"index\.jsonl has no whole line"):
        loaded(tmp_path)


def test_another_run_s_checkpoint_is_refused(tmp_path: Path) -> None:
    """Also where the network has the same shapes."""
    saved(tmp_path, 4)

    with pytest.raises(BadRun, match="belongs to another run"):
        checkpoints.load(tmp_path, print, identity="1" * 64)


def test_one_that_was_passed_over_is_not_among_the_two_kept(tmp_path: Path) -> None:
    """A damaged one later than the step gone on from is struck from the index."""
    saved(tmp_path, 4, 8).write_bytes(b"damaged")
    checkpoints.forget(tmp_path, 4)
    saved(tmp_path, 10)

    assert [entry.step for entry in checkpoints.entries(tmp_path)] == [4, 10]


@pytest.mark.parametrize("call", ["open", "fsync", "replace", "sync"])
def test_a_full_disk_leaves_the_one_before(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever call fails first: one line with path and need, and no half file."""
    saved(tmp_path, 4)

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    where = {
        "open": "pathlib.Path.open",
        "fsync": "vitpos.durable.os.fsync",
        "replace": "pathlib.Path.replace",
        "sync": "vitpos.durable.sync_folder",
    }
    with monkeypatch.context() as patch:
        patch.setattr(where[call], full)
        with pytest.raises(
            NoResources, match=r"cannot write .*step-00000008.*no space.*MiB needed"
        ):
            saved(tmp_path, 8)

    assert loaded(tmp_path) == (4, [])
    assert not list(tmp_path.glob(".*"))


def test_a_limit_on_file_sizes_is_a_full_disk(tmp_path: Path) -> None:
    """The kernel cuts the write short; what was there stays."""
    target = tmp_path / "a"
    write(target, b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(NoResources, match="no file may be as large") as caught:
            write(target, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert caught.value.code == 5
    assert target.read_bytes() == b"before"
    assert files(tmp_path) == ["a"]


def test_killed_at_any_call_there_is_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends before the i-th call to the file system, for every i, with what is there."""
    for kill_at in range(1, 40):
        folder = tmp_path / str(kill_at)
        saved(folder, 4, 8)
        with monkeypatch.context() as patch:
            calls = mortal(patch, kill_at)
            try:
                saved(folder, 12)
            except Killed:
                done = False
            else:
                done = True
        step, notes = loaded(folder)

        assert notes == []
        assert step in (8, 12)
        assert not done or step == 12
        sweep_temporary(folder)
        saved(folder, 16)
        assert len(files(folder)) == 3
        if done:
            break
    assert calls[0] >= 8
    assert done


class Killed(BaseException):
    """The process is gone: nothing after it is done."""


def mortal(patch: pytest.MonkeyPatch, kill_at: int) -> list[int]:
    """Raise `Killed` at the i-th call that changes a file, and at all later ones."""
    calls = [0]

    def wrap(owner: object, name: str) -> None:
        whole = getattr(owner, name)

        def call(*args: object, **options: object) -> object:
            calls[0] += 1
            if calls[0] >= kill_at:
                raise Killed
            return whole(*args, **options)

        patch.setattr(owner, name, call)

    for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir")):
        wrap(owner, name)
    return calls
