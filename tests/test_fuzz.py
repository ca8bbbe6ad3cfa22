"""Whatever stands in a file, reading it ends soon: with its contents, or with an error of ours."""

import hashlib
import io
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import fuzzing
import numpy as np
import pytest
import read_back
import torch
import yaml
from amounts import amount
from PIL import Image
from small_data import cifar10, mnist
from small_studies import BODY

from vitpos import (
    build,
    catalogue,
    checkpoints,
    diff,
    evaluate,
    frames,
    machine,
    overview,
    records,
    rerun,
    snapshots,
)
from vitpos.boards import guide, replay
from vitpos.comparing import gathering, readings
from vitpos.comparing.comparison import Asked, compare
from vitpos.comparing.conditions import Configs
from vitpos.data import decode, kept, known, published
from vitpos.durable import Lines
from vitpos.errors import BadRun, UserError
from vitpos.runs import RunFolder
from vitpos.sweeps import frozen, halving, studies

Reader = Callable[[Path], object]
Change = Callable[[random.Random, bytes], bytes]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run, a copy of it, and a study."""
    found = read_back.made(tmp_path_factory.mktemp("fuzz"))
    other = found["run"].with_name("other")
    return found | {"other": shutil.copytree(found["run"], other)}


def each(*readers: Callable[[], object]) -> None:
    """All of them, whatever the others say; the first error that was told."""
    told: UserError | None = None
    for read in readers:
        try:
            read()
        except UserError as error:
            told = told or error
    if told is not None:
        raise told


def of_run(path: Path, other: Path) -> None:
    """As all commands read it that only look."""
    each(
        lambda: shown(path),
        lambda: RunFolder(path).run(),
        lambda: RunFolder(path).record(),
        lambda: RunFolder(path).is_over(),
        lambda: records.arm_identity(records.read(path)),
        lambda: replay.replay(path),
        lambda: diff.facts(path, other),
        lambda: frames.of_config(records.read(path)),
        lambda: frames.epochs(records.read(path)),
        lambda: list(frames.measures(records.read(path))),
        lambda: list(frames.facts(records.read(path), "machine")),
        lambda: Configs().of_run(records.read(path)),
    )
    for metric, at in (("val/accuracy", "epoch=1"), ("val/loss", "seconds=1"), ("test/loss", None)):
        readings.reading(metric, at).of(records.read(path))
    readings.reading("test/accuracy@56", None).of(records.read(path))
    readings.reading("probe/shuffle/drop", None).of(records.read(path))


def shown(path: Path) -> None:
    """The page of a run, and its line in a list."""
    overview.lines(overview.facts(path), 80)
    records.lines([records.read(path)], path)


def compared(path: Path, other: Path) -> None:
    """The table of two runs."""
    compare((path, other), Asked())


def evaluated(path: Path) -> None:
    """As far as an evaluation comes before it has a network."""
    record = evaluate.recorded(RunFolder(path))
    run = RunFolder(path).run()
    evaluate.wanted(run, record, [], {})
    rerun.placed(run, record["machine"])


def quickly(path: Path, name: str) -> None:
    """What is asked of most runs most often."""
    run = RunFolder(path)
    if name == "config.yaml":
        each(run.run, lambda: Configs().of_run(records.read(path)))
    elif name.endswith(".jsonl"):
        each(lambda: records.rows(path), run.timings.read, lambda: replay.rows(path))
        for metric, at in (("val/loss", "epoch=1"), ("val/loss", "seconds=1")):
            readings.reading(metric, at).of(records.read(path))
        readings.reading("test/accuracy@56", None).of(records.read(path))
    else:
        each(lambda: records.lines([records.read(path)], path), lambda: evaluated(path))
        readings.reading("probe/shuffle/drop", None).of(records.read(path))
        read_back.reach.read(path, 8)


KINDS: dict[str, Change] = {
    "config.yaml": fuzzing.text,
    "record.json": fuzzing.document,
    "summary.json": fuzzing.document,
    "metrics.jsonl": fuzzing.lines,
    "timings.jsonl": fuzzing.lines,
    "evaluations.jsonl": fuzzing.lines,
    "probes.json": fuzzing.document,
    "positions/attention.json": fuzzing.document,
}


@pytest.mark.torture
@pytest.mark.parametrize("name", KINDS)
def test_no_file_of_a_run_stops_a_reader(
    name: str, folders: dict[str, Path], record_property: Callable[[str, object], None]
) -> None:
    """Pages, lists, tables, notebooks, TensorBoard: each reads it, or says what is wrong."""
    path, other = folders["run"], folders["other"]
    content = (path / name).read_bytes()

    def case(number: int) -> None:
        chance = random.Random(f"{name} {number}")
        (path / name).write_bytes(KINDS[name](chance, content))
        each(
            lambda: quickly(path, name),
            lambda: of_run(path, other) if number % amount(25, 5) == 0 else None,
            lambda: compared(path, other) if number % amount(25, 5) == 0 else None,
        )

    try:
        tried(case, amount(100, 10_000), record_property)
    finally:
        (path / name).write_bytes(content)


def tried(case: fuzzing.Case, count: int, record_property: Callable[[str, object], None]) -> None:
    """All cases, in processes of their own; nothing but contents and errors of ours came out."""
    ends, wrong, slowest, most = dict[str, int](), list[str](), 0.0, 0.0
    for numbers in fuzzing.batches(count):
        found = fuzzing.watched(case, numbers)
        wrong += found["wrong"]
        for end, times in found["ends"].items():
            ends[end] = ends.get(end, 0) + times
        slowest = max(slowest, found.get("slowest", 0.0))
        most = max(most, found.get("most", 0.0))
    for end, times in ends.items():
        record_property(end, times)
    record_property("slowest seconds", round(slowest, 3))
    record_property("most MB", round(most))

    assert not wrong, "\n".join(wrong[:20])
    assert sum(ends.values()) == count


@pytest.mark.torture
def test_no_checkpoint_stops_a_reader(
    folders: dict[str, Path], record_property: Callable[[str, object], None]
) -> None:
    """Also where the digest in its index is that of the odd file."""
    path = folders["run"]
    run, place = RunFolder(path).run(), path / "checkpoints"
    entry = checkpoints.entries(place)[-1]
    content, index = (place / entry.file).read_bytes(), (place / "index.jsonl").read_bytes()
    network, chosen = build.network(run, 10), machine.prepare(run)

    def case(number: int) -> None:
        odd = fuzzing.header(random.Random(number), content)
        (place / entry.file).write_bytes(odd)
        digest = hashlib.sha256(odd).hexdigest()
        row = entry._replace(size=len(odd), sha256=digest)._asdict()
        Lines(place / "index.jsonl").path.write_bytes(fuzzing.seals.line(row))
        saved = checkpoints.load(place, lambda text: None)
        assert saved is not None
        evaluate.restore(network, saved[1], chosen)

    try:
        tried(case, amount(300, 10_000), record_property)
    finally:
        (place / entry.file).write_bytes(content)
        (place / "index.jsonl").write_bytes(index)


OF_STUDY: dict[str, tuple[Change, Reader]] = {
    "plans": (
        fuzzing.document,
        lambda path: each(
            lambda: frozen.thaw(path),
            lambda: frozen.created(path),
            lambda: frozen.datasets(path),
            lambda: gathering.source(path),
            lambda: guide.latest(path.parents[1]),
        ),
    ),
    "journal.jsonl": (fuzzing.lines, lambda path: Lines(path).read()),
    "looks.jsonl": (fuzzing.lines, lambda path: Lines(path).read()),
    "stopping.jsonl": (fuzzing.lines, lambda path: stopped(path.parent)),
    "index.jsonl": (fuzzing.lines, lambda path: checkpoints.listed(path.parent)),
}


def stopped(folder: Path) -> object:
    """The decisions of the plan there."""
    return halving.decisions(folder, frozen.plans(folder)[0].stem)


@pytest.mark.torture
@pytest.mark.parametrize("name", OF_STUDY)
def test_no_file_of_a_study_stops_a_reader(
    name: str, folders: dict[str, Path], record_property: Callable[[str, object], None]
) -> None:
    """Plans, attempts, looks, decisions, and the index of checkpoints."""
    change, read = OF_STUDY[name]
    top = folders["run"] / "checkpoints" if name == "index.jsonl" else folders["study"]
    path = frozen.plans(top)[0] if name == "plans" else top / name
    content = path.read_bytes()

    def case(number: int) -> None:
        path.write_bytes(change(random.Random(f"{name} {number}"), content))
        read(path)

    try:
        tried(case, amount(150, 10_000), record_property)
    finally:
        path.write_bytes(content)


@pytest.mark.torture
def test_no_study_file_stops_its_reader(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """It is written by people, and perhaps by strangers."""
    path = tmp_path / "odd.yaml"
    body = BODY | {"grid": {"training.lr": [0.1, 0.2]}, "tune": {"grid": {"seed": [1, 2]}}}
    content = yaml.safe_dump(body, sort_keys=False).encode()

    def case(number: int) -> None:
        chance = random.Random(number)
        if chance.random() < 0.5:
            path.write_bytes(fuzzing.changed(chance, content))
        else:
            path.write_text(yaml.safe_dump(fuzzing.spoilt(chance, body), allow_unicode=False))
        each(lambda: studies.read(str(path), {}), lambda: catalogue.read(path))

    tried(case, amount(150, 10_000), record_property)


def pictures() -> list[tuple[str, bytes]]:
    """A small image in each format, grey, in colours, and with a palette."""
    found = []
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    for ending in ("png", "jpg", "gif", "bmp", "webp", "tif", "ppm"):
        for mode in ("RGB", "L", "P"):
            if (ending, mode) in (("jpg", "P"), ("ppm", "P")):
                continue
            file = io.BytesIO()
            name = {"jpg": "JPEG", "tif": "TIFF"}.get(ending, ending.upper())
            Image.fromarray(pixels).convert(mode).save(file, name)
            found.append((ending, file.getvalue()))
    return found


@pytest.mark.torture
def test_no_image_stops_the_reader(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Of any format that is read."""
    known = pictures()

    def case(number: int) -> None:
        chance = random.Random(number)
        ending, content = known[number % len(known)]
        path = tmp_path / f"x.{ending}"
        path.write_bytes(fuzzing.changed(chance, content))
        with decode.quiet():
            decode.square(path, 8, 1 + 2 * (number % 2))

    tried(case, amount(300, 10_000), record_property)


@pytest.mark.torture
def test_no_arrays_stop_the_reader(
    folders: dict[str, Path], record_property: Callable[[str, object], None]
) -> None:
    """Also where the check sums are right for what was changed."""
    path = folders["run"] / "predictions.npz"
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        parts = {name: file.read(name) for name in file.namelist()}

    def case(number: int) -> None:
        chance = random.Random(number)
        odd = fuzzing.changed(chance, content)
        if chance.random() < 0.6:
            name = chance.choice([*parts])
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
                for each_, part in parts.items():
                    file.writestr(each_, fuzzing.changed(chance, part) if each_ == name else part)
            odd = packed.getvalue()
        path.write_bytes(odd)
        read_back.of_predictions(folders["run"])

    try:
        tried(case, amount(300, 10_000), record_property)
    finally:
        path.write_bytes(content)


@pytest.mark.torture
def test_no_snapshot_stops_the_reader(
    folders: dict[str, Path], record_property: Callable[[str, object], None]
) -> None:
    """It costs a picture."""
    path = sorted((folders["run"] / "positions").glob("*.safetensors"))[-1]
    content = path.read_bytes()

    def case(number: int) -> None:
        path.write_bytes(fuzzing.header(random.Random(number), content))
        if snapshots.read(folders["run"]).notes:
            raise BadRun("noted")

    try:
        tried(case, amount(150, 10_000), record_property)
    finally:
        path.write_bytes(content)


@pytest.mark.torture
def test_no_kept_pixels_stop_the_reader(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Images are decoded again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pixels = np.arange(4 * 3 * 8 * 8, dtype=np.uint8).reshape(4, 3, 8, 8)
    kept.keep("a", pixels)
    content = kept.place("a").read_bytes()

    def case(number: int) -> None:
        odd = fuzzing.header(random.Random(number), content)
        kept.place("a").write_bytes(odd)
        found = kept.recall("a", pixels.shape)
        if found is None:
            raise BadRun("not taken")
        assert np.array_equal(found, pixels)

    tried(case, amount(150, 10_000), record_property)


@pytest.mark.torture
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_no_file_of_a_data_set_stops_the_reader(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Nothing but the files that were published is opened; of IDX also what has another digest."""
    (mnist if name == "mnist" else cifar10)(tmp_path, monkeypatch)
    facts = known.known(name)
    files = [tmp_path / facts.folder / file for file in facts.files]
    contents = [path.read_bytes() for path in files]
    published.read(name, tmp_path)
    if name == "mnist":
        torch.zeros(1)

    def case(number: int) -> None:
        at = number % len(files)
        chance = random.Random(number)
        odd = fuzzing.changed(chance, contents[at])
        files[at].write_bytes(odd)
        try:
            if name == "mnist" and chance.random() < 0.7:
                digest = hashlib.sha256(odd).hexdigest()
                before = facts.files[files[at].name]
                facts.files[files[at].name] = digest
                try:
                    published.read(name, tmp_path)
                finally:
                    facts.files[files[at].name] = before
            else:
                published.read(name, tmp_path)
        finally:
            files[at].write_bytes(contents[at])

    tried(case, amount(150, 10_000), record_property)
