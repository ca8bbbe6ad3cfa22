"""TensorBoard shows what position embeddings look like on the way, and where cells lie in space."""

import numpy as np
import pytest
from event_files import read, scalars
from google.protobuf import text_format
from small_runs import _quick, results, train
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from vitpos import durable, reach, snapshots
from vitpos.boards import placing
from vitpos.boards.board import rebuild
from vitpos.boards.logdir import Logdir
from vitpos.boards.positions import CONFIG

__all__ = ["_quick"]
WORDS = ("embedding=learned1d", "tensorboard=true", "backbone.heads=2")


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch):
    """Folders that need not outlive a power cut."""
    monkeypatch.setattr(durable.os, "fsync", lambda _: None)


@pytest.fixture
def run(tmp_path):
    """A run of twelve steps in three epochs, two blocks and two heads."""
    return train(tmp_path / "outputs", *WORDS)


def images(path, tag):
    """The steps of a picture, and its bytes."""
    return {image.step: image.encoded_image_string for image in read(path).Images(tag)}


def test_pictures_are_those_of_the_snapshots(run):
    """One for each, each another: the table moves."""
    found = images(run, "position/table/layer0")

    assert list(found) == [0, 4, 8, 12]
    assert len(set(found.values())) == 4


def test_the_end_tells_how_far_each_head_looks(run):
    """In pixels, from none to all across the image."""
    found = {tag: of for tag, of in scalars(run).items() if tag.startswith("attention_distance/")}

    assert sorted(found) == [
        f"attention_distance/layer{layer}/head{head}" for layer in (0, 1) for head in (0, 1)
    ]
    assert all([step for step, _ in of] == [12] for of in found.values())
    assert all(0 < pixels < 28 * 2**0.5 for of in found.values() for _, pixels in of)


def test_a_board_is_rebuilt_with_both(run, tmp_path):
    """From the folder of the run, in the same pixels and numbers."""
    tag = "position/table/layer0"
    before, told = images(run, tag), scalars(run)
    rebuild(run, into=tmp_path)
    names = [name for name in told if name.startswith("attention_distance/")]

    assert images(tmp_path, tag) == before
    assert {name: scalars(tmp_path)[name] for name in names} == {n: told[n] for n in names}


def test_damaged_files_cost_pictures_only(run, tmp_path):
    """The board is rebuilt without them."""
    for path in (run / "positions").iterdir():
        path.write_bytes(b"{}")
    rebuild(run, into=tmp_path)

    assert "images" not in read(tmp_path).Tags() or not read(tmp_path).Tags()["images"]
    assert "train/loss" in scalars(tmp_path)
    assert reach.read(run, 12) == (0, {})


def test_looking_at_attention_moves_nothing(run, tmp_path):
    """The same results as without a board, bit for bit."""
    plain = train(tmp_path / "plain", "embedding=learned1d", "backbone.heads=2")

    assert results(run) == results(plain)


def test_the_projector_has_a_point_for_each_cell(run, tmp_path):
    """With its row and its column; of one run of an arm."""
    other = train(tmp_path / "outputs", *WORDS, "seed=1")
    top = tmp_path / "top"
    top.mkdir()
    Logdir(top, print).show(placing.find([run, other], []))
    (config,) = top.rglob(CONFIG)
    known = text_format.Parse(config.read_text(), ProjectorConfig())
    (one,) = known.embeddings
    points = np.loadtxt(config.parent / one.tensor_path, delimiter="\t")
    labels = (config.parent / one.metadata_path).read_text().splitlines()
    table = snapshots.read(run).snapshots[-1].views["table/layer0"]

    assert one.tensor_name == "table/layer0"
    assert points == pytest.approx(table, abs=1e-5)
    assert labels[0] == "cell\trow\tcolumn"
    assert labels[1:] == [f"({r}, {c})\t{r}\t{c}" for r in range(4) for c in range(4)]


def test_what_has_no_table_is_not_in_the_projector(tmp_path):
    """Rotations are no points."""
    run = train(tmp_path / "outputs", "embedding=rope2d", "tensorboard=true")
    (tmp_path / "top").mkdir()
    Logdir(tmp_path / "top", print).show(placing.find([run], []))

    assert not [*(tmp_path / "top").rglob(CONFIG)]
    assert "position/map/layer0" in read(run).Tags()["images"]
