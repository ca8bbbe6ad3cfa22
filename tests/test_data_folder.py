"""A folder of images as a data set."""

import shutil
from pathlib import Path

import pytest
import torch
from small_data import dataset, folder, picture

from vitpos.data import folder as folders
from vitpos.data.files import locate
from vitpos.data.sources import load
from vitpos.errors import BadData

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees what another one decoded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the images go."""
    return tmp_path / "images"


def small(images: Path, **changes: object) -> object:
    """The data set of a folder, of 8 pixels and 4 validation images."""
    return dataset("imagefolder", **{"root": str(images), "size": 8, "validation": 4, **changes})


def test_reads_train_and_test(root: Path) -> None:
    """Classes are the folders of `train`, sorted; validation images come out of it."""
    data = load(small(folder(root, "train", "test")))

    assert data.classes == ("cat", "dog")
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [16, 4, 20]
    assert data.test.labels.tolist() == [0] * 10 + [1] * 10
    assert data.test.pixels[13, :, 0, 0].tolist() == [1, 3, len("test")]
    assert torch.equal(data.train.pixels[:, 0, 0, 0], data.train.labels)


def test_uses_val_where_there_is_one(root: Path) -> None:
    """Then nothing is held out of `train`, however many the config says."""
    data = load(small(folder(root, "train", "test", "val"), validation=5000))

    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [20, 20, 20]
    assert set(data.validation.pixels[:, 2].flatten().tolist()) == {len("val")}


def test_holds_out_a_fifth_where_there_is_no_test(root: Path) -> None:
    """ROOT/CLASS/*: the same fifth each time, of each class as much; the rest as ever."""
    data = load(small(folder(root)))

    assert data.test.labels.bincount().tolist() == [2, 2]
    assert data.validation.labels.bincount().tolist() == [2, 2]
    assert data.train.labels.bincount().tolist() == [6, 6]
    assert load(small(root)).digest == data.digest


def test_measures_mean_and_deviation_of_the_training_images(root: Path) -> None:
    """With null in the config; one value for each channel."""
    data = load(small(folder(root, "train", "test")))
    values = data.train.pixels.double() / 255

    assert data.mean == pytest.approx(values.mean((0, 2, 3)).tolist())
    assert data.mean[0] == pytest.approx(0.5 / 255)


@pytest.mark.parametrize("splits", [("train", "test"), ()])
def test_passes_over_what_is_no_image(root: Path, splits: tuple[str, ...]) -> None:
    """Notes, hidden files and hidden folders are not images and not classes."""
    folder(root, *splits)
    base = root / "train" if splits else root
    before = folders.read(root)
    (base / "cat" / "notes.txt").write_text("cats")
    (base / "cat" / "._00.png").write_bytes(b"what an archive leaves behind")
    (base / "cat" / "more.png").mkdir()
    (base / "README.md").write_text("read me")
    picture(base / ".hidden" / "00.png")

    assert folders.read(root) == before


def test_a_class_may_be_called_train(root: Path) -> None:
    """A folder `train` with images directly in it is a class like any other."""
    folder(root, classes=("bus", "train"))

    assert folders.read(root).classes == ("bus", "train")


def spoil_missing(root: Path) -> str:
    """There is no such folder."""
    shutil.rmtree(root)
    return f"no folder {root}"


def spoil_file(root: Path) -> str:
    """The root is a file."""
    shutil.rmtree(root)
    root.write_text("")
    return "is a file, not a folder"


def spoil_empty(root: Path) -> str:
    """There is nothing in it."""
    shutil.rmtree(root)
    root.mkdir()
    return "has 0 class folders"


def spoil_one_class(root: Path) -> str:
    """One class is none to tell apart."""
    shutil.rmtree(root / "train" / "dog")
    return "train has 1 class folders: two at least"


def spoil_no_test(root: Path) -> str:
    """Only `train` is there."""
    shutil.rmtree(root / "test")
    return "has train, but no class folders in test"


def spoil_no_train(root: Path) -> str:
    """Only `test` is there."""
    shutil.rmtree(root / "train")
    return "has test, but no class folders in train"


def spoil_unknown_class(root: Path) -> str:
    """The test has a class that is not learnt."""
    picture(root / "test" / "cow" / "00.png")
    return "test/cow: no class of that name in"


def spoil_empty_class(root: Path) -> str:
    """A class without images."""
    (root / "train" / "cow").mkdir()
    return "train/cow has no images"


def spoil_link_to_image(root: Path) -> str:
    """A link to an image elsewhere."""
    picture(root.parent / "elsewhere.png")
    (root / "train" / "cat" / "link.png").symlink_to(root.parent / "elsewhere.png")
    return "train/cat/link.png is a link that leads out of"


def spoil_link_to_class(root: Path) -> str:
    """A link to a class elsewhere."""
    picture(root.parent / "cow" / "00.png")
    (root / "train" / "cow").symlink_to(root.parent / "cow")
    return "train/cow is a link that leads out of"


def spoil_link_to_split(root: Path) -> str:
    """A link to a training set elsewhere."""
    (root / "train").rename(root.parent / "elsewhere")
    (root / "train").symlink_to(root.parent / "elsewhere")
    return "train is a link that leads out of"


def spoil_broken_link(root: Path) -> str:
    """A link to an image that is gone."""
    (root / "train" / "cat" / "link.png").symlink_to(root / "gone.png")
    return "train/cat/link.png is a link that leads nowhere"


def spoil_loop(root: Path) -> str:
    """A link to itself."""
    (root / "train" / "cow").symlink_to(root / "train" / "cow")
    return "train/cow is a link that leads nowhere"


def spoil_name(root: Path) -> str:
    """A name with control characters."""
    picture(root / "train" / "\x1b[31mred" / "00.png")
    return "a name that cannot be shown"


SPOILT = [thing for name, thing in sorted(globals().items()) if name.startswith("spoil_")]


@pytest.mark.parametrize("spoil", SPOILT)
def test_says_what_is_wrong_with_a_folder(root: Path, spoil: object) -> None:
    """One line that names the place, and a hint."""
    folder(root, "train", "test")
    problem = spoil(root)

    with pytest.raises(BadData) as caught:
        load(small(root))
    assert problem in caught.value.message
    assert str(root) in caught.value.message
    assert "\n" not in caught.value.message
    assert "\x1b" not in caught.value.message
    assert caught.value.hint


def test_names_a_folder_that_may_not_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permission denied, and where."""
    folder(root, "train", "test")

    def refuse(path: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(folders.os, "scandir", refuse)

    with pytest.raises(BadData, match="cannot be read: Permission denied"):
        locate(small(root))


def test_follows_links_inside_the_folder(root: Path) -> None:
    """A link to an image of the same folder is one more image; the root itself may be a link."""
    folder(root, "train", "test")
    (root / "train" / "cat" / "again.png").symlink_to(root / "train" / "cat" / "00.png")
    (root.parent / "alias").symlink_to(root)

    assert len(folders.read(root.parent / "alias").splits["train"]) == 21


def test_locates_without_looking_at_images(root: Path) -> None:
    """A folder is found by the names in it."""
    folder(root, "train", "test")
    (root / "train" / "cat" / "00.png").write_bytes(b"damaged")

    assert locate(small(root)) == root


def test_classes_agree_with_the_config(root: Path) -> None:
    """A number of classes that the folder does not have is an error; the right one is not."""
    folder(root, "train", "test")

    assert len(load(small(root, classes=2)).classes) == 2
    with pytest.raises(BadData, match=r"dataset\.classes = 3, but its files have 2"):
        load(small(root, classes=3))


def test_asks_for_fewer_validation_images(root: Path) -> None:
    """The default of 5,000 is too many for a small folder, and the hint says so."""
    folder(root, "train", "test")

    with pytest.raises(
        BadData, match="5000 images cannot be held out for validation of 20"
    ) as caught:
        load(small(root, validation=5000))
    assert "dataset.validation=N" in caught.value.hint


def test_a_shared_place_keeps_each_folder_under_its_name(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `dataset.root`, the folder is looked for in $VITPOS_DATA/NAME."""
    monkeypatch.setenv("VITPOS_DATA", str(root))
    folder(root / "pets", "train", "test")

    assert locate(small(root, root=None, name="pets")) == root / "pets"
