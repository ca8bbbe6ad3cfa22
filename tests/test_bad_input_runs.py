"""Folders that are no runs, and runs whose config or checkpoints are not right: rows 67 to 81."""

import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from bad_input import Command, acted, acts, refused, vitpos
from small_runs import Watch, _quick, resume, train

from vitpos import checkpoints

__all__ = ["_quick", "vitpos"]
READERS = ("eval", "probe", "compare", "report", "plot", "show", "tensorboard")


@acts("67 missing", "67 long", "67 escape", *(f"67 {command}" for command in READERS))
@pytest.mark.parametrize("command", ["resume", "rerun", *READERS])
def test_refuses_what_is_not_there(command: str, vitpos: Command, tmp_path: Path) -> None:
    """Every command that reads a run: code 4, and the name as it was typed."""
    refused(vitpos(command, "missing"), 4, "missing is not there", "vitpos list runs")
    refused(vitpos(command, "x" * 300), 4, "xxx")
    refused(vitpos(command, "a\x1b[31m"), 4, "x1b")
    assert not list(tmp_path.iterdir())


@acts("68 a file", "68 eval", "68 compare", "68 rerun", "68 diff")
def test_refuses_a_file_for_a_folder(vitpos: Command, tmp_path: Path) -> None:
    """A file is named as what it is not."""
    (tmp_path / "file").write_text("x")

    for command in ("resume", "eval", "rerun", "show"):
        refused(vitpos(command, "file"), 4, "file is not the folder of a run")
    refused(vitpos("diff", "file", "file"), 4, "file is not the folder of a run")
    for command in ("compare", "report", "plot", "probe", "tensorboard"):
        refused(vitpos(command, "file"), 4, "file holds no runs")
    assert (tmp_path / "file").read_text() == "x"


@acts("69 empty", "69 eval", "69 probe", "69 compare", "69 report", "69 show")
def test_refuses_an_empty_folder(vitpos: Command, tmp_path: Path) -> None:
    """What was looked for, and nothing in the folder afterwards."""
    (tmp_path / "empty").mkdir()

    for command in ("resume", "eval", "show"):
        refused(vitpos(command, "empty"), 4, "empty is not the folder of a run", "config.yaml")
    for command in ("compare", "report", "probe"):
        refused(vitpos(command, "empty"), 4, "empty holds no runs", "config.yaml")
    assert not list((tmp_path / "empty").iterdir())


@acts("71 finished")
@pytest.mark.usefixtures("_quick")
def test_a_finished_run_is_no_error(vitpos: Command, tmp_path: Path) -> None:
    """Code 0, the result, and not a byte is changed."""
    path = train(tmp_path / "runs")
    before = snapshot(path)
    said = vitpos("resume", str(path))

    assert said.code == 0
    assert "is already finished: test accuracy " in said.out
    assert snapshot(path) == before


@pytest.fixture
def broken(tmp_path: Path, _quick: None) -> Path:
    """A run that was interrupted after its second checkpoint."""
    return train(tmp_path / "runs", show=Watch(after=9))


SPOILT: dict[str, tuple[Callable[[bytes], bytes], Sequence[str]]] = acted({
    "79 syntax": (lambda old: old + b"a: [1, 2\n", ["config.yaml:"]),
    "79 tab": (lambda old: b"a: 1\n\tb: 2\n" + old, ["config.yaml:2"]),
    "79 twice": (lambda old: old + b"seed: 3\n", ["config.yaml:", "seed occurs twice"]),
    "79 twice below": (
        lambda old: old.replace(b"  dim: 16\n", b"  dim: 16\n  dim: 16\n"), ["dim occurs twice"]
    ),
    "80 alias": (lambda old: b"a: &a [1, 2]\nb: [*a, *a]\n" + old, ["config.yaml:1", "aliases"]),
    "80 bomb": (
        lambda old: b"a: &a [1]\n" + b"".join(
            b"%c: &%c [*%c, *%c]\n" % (n + 1, n + 1, n, n) for n in b"abcdefgh"
        ) + old,
        ["config.yaml:1", "aliases"],
    ),
    "80 python": (
        lambda old: old.replace(b"seed: 0", b"seed: !!python/object/apply:os.getpid []"),
        ["config.yaml:", "tags"],
    ),
    "80 binary tag": (lambda old: old.replace(b"seed: 0", b"seed: !!binary aa"), ["tags"]),
    "81 target": (
        lambda old: old.replace(b"vitpos.embeddings.axial.Axial", b"os.system"),
        ["config.yaml", "os.system", "not trusted"],
    ),
    "81 no target": (
        lambda old: old.replace(b"vitpos.embeddings.axial.Axial", b"vitpos.embeddings.nope.A"),
        ["config.yaml", "vitpos.embeddings.nope"],
    ),
    "81 long": (lambda old: old + b"#" * 5_000_000, ["config.yaml", "too many"]),
    "81 binary": (lambda old: bytes(range(256)), ["config.yaml:"]),
    "81 control": (lambda old: b"a: 1\nb: \x01\n", ["config.yaml:2"]),
    "81 BOM": (lambda old: b"\xef\xbb\xbf" + old, ["config.yaml:1", "byte order mark"]),
    "81 UTF-16": (lambda old: old.decode().encode("utf-16"), ["config.yaml:1", "UTF-8"]),
    "empty": (lambda old: b"", ["config.yaml", "damaged"]),
    "a list": (lambda old: b"- 1\n", ["config.yaml", "damaged"]),
    "a word": (lambda old: b"x", ["config.yaml", "damaged"]),
    "deep": (lambda old: b"[" * 100, ["config.yaml:1", "too deep"]),
    "brackets": (lambda old: b"[" * 60000, ["config.yaml:1", "more than 500 brackets"]),
    "deep block": (lambda old: b"- " * 5000, ["config.yaml:1", "too deep"]),
    "date": (lambda old: old.replace(b"seed: 0", b"seed: 2020-01-01"), [".yaml:", "in quotes"]),
    "complex key": (lambda old: old + b"? [a]\n: 1\n", ["config.yaml:", "key"]),
    "unknown key": (lambda old: old + b"zzz: 1\n", ["config.yaml:", "unknown key zzz"]),
    "missing": (lambda old: old.replace(b"seed: 0\n", b""), ["config.yaml", "seed is missing"]),
    "range": (lambda old: old.replace(b"seed: 0\n", b"seed: -1\n"), ["config.yaml:", "seed = -1"]),
    "needs": (lambda old: old.replace(b"multiple_of: 4", b"multiple_of: x"), ["config.yaml"]),
    "odd needs": (lambda old: old.replace(b"head_dim:\n", b"nothing:\n"), ["config.yaml"]),
    "70 other": (lambda old: old.replace(b"depth: 2", b"depth: 3"), ["config.yaml", "began with"]),
    "72 more": (lambda old: old.replace(b"epochs: 3", b"epochs: 9"), ["config.yaml", "began with"]),
    "72 sooner": (
        lambda old: old.replace(b"epochs: 3", b"epochs: 2"), ["config.yaml", "began with"]
    ),
})  # fmt: skip


def test_refuses_a_config_that_was_damaged(vitpos: Command, broken: Path, tmp_path: Path) -> None:
    """Rows 70, 72 and 79 to 81: code 4, with file and line, and nothing is written."""
    path = broken / "config.yaml"
    whole = path.read_bytes()
    before = snapshot(broken)
    path.write_bytes(whole.replace(b"seed: 0", b"seed: 1"))
    refused(vitpos("resume", str(broken)), 4, "config.yaml is damaged", "not what was written")
    by_hand = whole.partition(b"\n")[2]  # whoever changes it takes out its check sum
    for row, (spoil, expected) in SPOILT.items():
        path.write_bytes(spoil(by_hand))
        assert path.read_bytes() != by_hand, row
        refused(vitpos("resume", str(broken)), 4, *expected)
    path.write_bytes(whole)

    assert snapshot(broken) == before
    assert resume(broken).steps


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files but the lock, which tells of the last process."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path): path.read_bytes() for path in files}


def long_header(old: bytes) -> bytes:
    """A header of a gigabyte, it says."""
    return struct.pack("<Q", 2**30) + old[8:]


def huge_shape(old: bytes) -> bytes:
    """A tensor of 10^12 numbers, it says."""
    header = json.dumps({"x": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}})
    return struct.pack("<Q", len(header)) + header.encode() + b"\0" * 64


def more_tensors(old: bytes) -> bytes:
    """One that the header tells of twice."""
    (length,) = struct.unpack("<Q", old[:8])
    header = json.loads(old[8 : 8 + length])
    name = next(name for name in header if name != "__metadata__")
    text = json.dumps(header | {"another": header[name]}).encode()
    return struct.pack("<Q", len(text)) + text + old[8 + length :]


PICKLE = b"\x80\x02cos\nsystem\n(S'touch effect'\ntR."
DAMAGES: dict[str, Callable[[bytes], bytes]] = acted(
    {
        "73 cut": lambda old: old[:-1],
        "74 flipped": lambda old: old[:-1] + bytes([old[-1] ^ 1]),
        "75 empty": lambda old: b"",
        "76 text": lambda old: b"step: 8\n",
        "77 pickle": lambda old: PICKLE,
        "78 long header": long_header,
        "78 huge shape": huge_shape,
        "78 more tensors": more_tensors,
    }
)


@acts("77 named .pt")
@pytest.mark.parametrize("damage", DAMAGES)
def test_checkpoints_that_are_none_are_passed_over(
    damage: str, vitpos: Command, broken: Path, tmp_path: Path
) -> None:
    """Named, and the one before is used; if none is left, code 4, and nothing is changed."""
    newest, older = sorted((broken / "checkpoints").glob("step-*"), reverse=True)
    (broken / "checkpoints" / "step-00000010.pt").write_bytes(PICKLE)  # of this name: not looked at
    whole = older.read_bytes()
    for path in (newest, older):
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    before = snapshot(broken)
    said = vitpos("resume", str(broken), "--quiet")

    assert said.code == 4
    assert "Traceback" not in said.err
    assert [line[:6] for line in said.err.splitlines()] == ["note: ", "note: ", "error:", "hint: "]
    assert f"{newest.name} is damaged" in said.err
    assert "start the run again" in said.err
    assert snapshot(broken) == before
    older.write_bytes(whole)
    watch = resume(broken)
    assert any(newest.name in note and "using the one before" in note for note in watch.notes)
    assert watch.steps[0] == 9
    assert not (tmp_path / "effect").exists()


def test_a_header_that_lies_is_no_checkpoint_however_it_is_listed(broken: Path) -> None:
    """Also where somebody has made the digest right: an error that names the file, at once."""
    folder = broken / "checkpoints"
    newest = max(folder.glob("step-*"))
    whole = newest.read_bytes()
    for lie in (long_header, huge_shape, more_tensors):
        newest.write_bytes(lie(whole))
        entry = checkpoints.entries(folder)[-1]

        with pytest.raises(checkpoints.BadRun, match=f"{newest.name} is not a checkpoint"):
            checkpoints.tensors_of(newest, newest.read_bytes())
        assert checkpoints.read(newest, entry)[1]


@pytest.mark.parametrize("name", ["record.json", "summary.json"])
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"machine": 1}']
)
def test_odd_documents_are_told_by_name(
    name: str, content: bytes, vitpos: Command, broken: Path
) -> None:
    """A record that is none is damage; a summary without a result is as good as none."""
    (broken / name).write_bytes(content)
    said = vitpos("resume", str(broken))

    if name == "summary.json" and content.startswith(b"{") and len(content) > 1:
        assert said.code == 0
    else:
        refused(said, 4, name, "damaged")
