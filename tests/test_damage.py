"""Whatever happens to a file on the disk, it is never read as other numbers."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import read_back
from amounts import amount, some
from small_runs import Watch, _quick, results, resume, train

from vitpos.durable import read_json, write_json
from vitpos.errors import UserError

__all__ = ["_quick"]
RUN = (
    "config.yaml", "record.json", "summary.json", "metrics.jsonl", "timings.jsonl",
    "evaluations.jsonl", "predictions.npz", "probes.json", "probes/shuffle.npz",
    "checkpoints/index.jsonl", "checkpoints/step-00000008.safetensors",
    "positions/step000008.safetensors", "positions/attention.json",
)  # fmt: skip
STUDY = ("plans", "journal.jsonl", "looks.jsonl", "stopping.jsonl")
JOURNALS = ("timings", "evaluations", "journal", "looks", "stopping")  # cut off: rows are missing


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run and a study, with every file that there is."""
    return read_back.made(tmp_path_factory.mktemp("damage"))


class Damage(NamedTuple):
    """A change of bytes, and what it is called."""

    kind: str
    at: int
    content: bytes


def flips(content: bytes) -> Iterator[Damage]:
    """Each bit."""
    places = [(at, bit) for at in range(len(content)) for bit in range(8)]
    chosen = places if amount(0, 1) else some([(at, at * 5 % 8) for at in range(len(content))], 100)
    for at, bit in chosen:
        other = bytearray(content)
        other[at] ^= 1 << bit
        yield Damage(f"bit {bit}", at, bytes(other))


def zeros(content: bytes) -> Iterator[Damage]:
    """Pages of zeros, and smaller blocks."""
    for size in (4096, 512, 64):
        for at in some(range(0, len(content), size), 20):
            block = content[at : at + size]
            if any(block):
                changed = content[:at] + bytes(len(block)) + content[at + size :]
                yield Damage(f"{len(block)} zeros", at, changed)


def cuts(content: bytes) -> Iterator[Damage]:
    """Each shorter file."""
    for at in some(range(len(content)), 60):
        yield Damage("cut", at, content[:at])


def seen(read: Callable[[Path], Any], folder: Path) -> Any:
    """What it means, or the error."""
    try:
        return read(folder)
    except UserError as error:
        return error


def verdict(name: str, damage: Damage, before: Any, after: Any) -> str:
    """What became of it: told, as it was, or the one before; else what is wrong."""
    if isinstance(after, UserError):
        named = any(Path(name).name in p.message for p in after.problems)
        said = "told" if named and after.code in (3, 4) else f"does not name it: {after}"
        if "checkpoints/" in name and "step" in name and after.code == 4:
            return f"nothing left: {after}"
        return said
    if after == before:
        return "as it was"
    if name.startswith("checkpoints/"):
        step, tensors, notes = after
        if step < before[0] and notes and tensors == before[1]["before"]:
            return "the one before"
        if (step, tensors) == before[:2] and notes:
            return "as it was"
    rows = isinstance(after, list) and name.startswith(JOURNALS)
    if rows and len(after) < len(before) and after == before[: len(after)]:
        return "cut off" if not damage.kind.startswith("bit") else "a bit lost a line"
    return "other numbers"


@pytest.mark.torture
@pytest.mark.parametrize("name", [*RUN, *STUDY])
def test_no_damage_is_read_as_other_numbers(
    name: str, folders: dict[str, Path], record_property: Callable[[str, object], None]
) -> None:
    """Every bit, page and cut: an error that names the file, the checkpoint before, or no change.

    A file of lines that was cut off lacks what was written last; a single bit never does that.
    """
    folder = folders["study" if name in STUDY else "run"]
    known = read_back.READ_OF_STUDY if name in STUDY else read_back.READ
    name = next(n for n in read_back.files(folder) if n.startswith(name))
    read = read_back.reader(name, known)
    assert read is not None
    before = prepared(name, read, folder)
    tried(name, folder / name, before, lambda: seen(read, folder), record_property)


def tried(
    name: str,
    path: Path,
    before: Any,
    after: Callable[[], Any],
    record_property: Callable[[str, object], None],
) -> None:
    """Damage a file in all ways; none of them is read as other numbers."""
    content, found, wrong = path.read_bytes(), dict[str, int](), list[str]()
    try:
        for make in (flips, zeros, cuts):
            for damage in make(content):
                path.write_bytes(damage.content)
                said = verdict(name, damage, before, after())
                found[said] = found.get(said, 0) + 1
                if said not in ("told", "as it was", "the one before", "cut off"):
                    wrong.append(f"{damage.kind} at {damage.at}: {said}")
    finally:
        path.write_bytes(content)
    for said, count in found.items():
        record_property(said, count)

    assert not wrong, wrong[:20]
    assert sum(found.values()) - found.get("as it was", 0) > 0.5 * sum(found.values())


def prepared(name: str, read: Callable[[Path], Any], folder: Path) -> Any:
    """What a whole file means; of a checkpoint also the tensors of the one before."""
    before = read(folder)
    if not name.startswith("checkpoints/"):
        return before
    last = max((folder / "checkpoints").glob("step-*"))
    content = last.read_bytes()
    last.unlink()
    step, tensors, _ = read(folder)
    last.write_bytes(content)
    assert step < before[0]
    assert not before[2]
    return before[0], Both(before[1], before=tensors), before[2]


class Both(dict[str, Any]):
    """The tensors of a checkpoint that also knows those of the one before."""

    def __init__(self, own: dict[str, Any], before: dict[str, Any]) -> None:
        super().__init__(own)
        self.earlier = before

    def __missing__(self, name: str) -> Any:
        assert name == "before"
        return self.earlier


@pytest.mark.torture
@pytest.mark.parametrize("kind", read_back.ELSEWHERE)
def test_nothing_outside_of_runs_is_read_as_other_numbers(
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Benches, data sets, and images that were decoded before: told, or decoded again."""
    path, read = read_back.ELSEWHERE[kind](tmp_path, monkeypatch)
    tried(path.name, path, read(path), lambda: seen(read, path), record_property)


def test_the_list_of_files_is_complete(folders: dict[str, Path]) -> None:
    """What a run or a study leaves is read back in a way that is tried here, or not at all."""
    for kind, known, tried in (
        ("run", read_back.READ, RUN), ("study", read_back.READ_OF_STUDY, STUDY)
    ):  # fmt: skip
        names = [n for n in read_back.files(folders[kind]) if not read_back.is_unread(n)]
        unknown = [name for name in names if read_back.reader(name, known) is None]
        patterns = {p: [n for n in names if read_back.reader(n, {p: known[p]})] for p in known}

        assert unknown == []
        assert all(any(n.startswith(tried) for n in found) for found in patterns.values()), patterns


def ways(path: Path) -> list[tuple[str, bytes]]:
    """Damaged checkpoints and indexes of an interrupted run."""
    found = []
    for file in sorted((path / "checkpoints").iterdir())[::2]:
        content = file.read_bytes()
        for at in range(7, len(content), 1 + len(content) // amount(2, 12)):
            other = bytearray(content)
            other[at] ^= 16
            found += [(file.name, bytes(other)), (file.name, content[:at])]
    return found


@pytest.mark.torture
@pytest.mark.usefixtures("_quick")
def test_a_damaged_checkpoint_costs_time_and_no_bit(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The run goes on from the one before, says so, and ends as if nothing had happened."""
    expected = results(train(tmp_path / "whole", *read_back.SMALL, "training.epochs=3"))
    broken = train(tmp_path / "broken", *read_back.SMALL, "training.epochs=3", show=Watch(after=10))
    again, notes = tmp_path / "again", 0
    points = ways(broken)
    for name, content in points:
        shutil.copytree(broken, again)
        (again / "checkpoints" / name).write_bytes(content)
        watch = resume(again)

        assert results(again) == expected, name
        notes += bool(watch.notes)
        shutil.rmtree(again)
    record_property("resumed exactly", len(points))
    assert notes


def test_a_document_changed_by_hand_says_what_to_do(tmp_path: Path) -> None:
    """Its check sum is in the way, and the hint says so; without it any text is read."""
    path = tmp_path / "summary.json"
    write_json(path, {"status": "finished", "steps": 12})
    text = path.read_text()
    path.write_text(text.replace("12", "13"))
    with pytest.raises(UserError, match="not what was written") as caught:
        read_json(path)
    path.write_text('{"status": "finished", "steps": 13}')

    assert "take out its crc32" in caught.value.hint
    assert read_json(path) == {"status": "finished", "steps": 13}
