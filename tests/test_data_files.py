"""Finding the files of a data set and telling whether they are whole."""

import builtins
import subprocess
import sys
from pathlib import Path

import pytest
from small_data import dataset, mnist

from vitpos.data import files
from vitpos.data.known import KNOWN
from vitpos.errors import BadData, BadInput

NAMES = sorted(KNOWN)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole MNIST, small."""
    mnist(tmp_path, monkeypatch)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_names_the_folder_and_the_command(name: str, tmp_path: Path) -> None:
    """Missing files: where was looked, and what to type."""
    with pytest.raises(BadData) as caught:
        files.locate(dataset(name, root=str(tmp_path)))

    assert str(tmp_path / KNOWN[name].folder) in caught.value.message
    assert f"`vitpos data {name}` downloads it" in caught.value.hint
    assert "dataset.root=DIR" in caught.value.hint
    assert "\n" not in caught.value.message


def test_says_at_once_what_is_missing_without_torch(tmp_path: Path) -> None:
    """Neither torch nor numpy is loaded to find that there are no files."""
    code = (
        "import sys; from vitpos.data import files; from vitpos.schema import Dataset\n"
        f"d = Dataset(name='mnist', source='torchvision', root={str(tmp_path)!r}, size=28,"
        " channels=1, classes=10, validation=5, mean=None, std=None, patch=7, geometry=None,"
        " moved='none')\n"
        "try: files.locate(d)\n"
        "except files.BadData as e: print(e.code, {'torch', 'numpy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "3 set()"


def test_names_the_one_file_that_is_missing(root: Path) -> None:
    """A partial copy is told by its first gap."""
    (root / "MNIST/raw/t10k-labels-idx1-ubyte").unlink()

    with pytest.raises(BadData, match=r"MNIST/raw: t10k-labels-idx1-ubyte$"):
        files.locate(dataset("mnist", root=str(root)))


@pytest.mark.parametrize("place", ["", "MNIST", "MNIST/raw"])
def test_tells_a_file_from_a_folder(place: str, tmp_path: Path) -> None:
    """A root that is a file, or a file where a folder should be."""
    path = tmp_path / "data"
    if place:
        path.mkdir()
        path = path / place
        path.parent.mkdir(exist_ok=True)
    path.write_text("not a folder")

    with pytest.raises(BadData, match="is a file, not a folder"):
        files.locate(dataset("mnist", root=str(tmp_path / "data")))


def test_names_a_file_that_may_not_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission is named, with the reason."""
    closed = root / "MNIST/raw/train-labels-idx1-ubyte"
    opened = open

    def refuse(path: Path, *words: object, **named: object) -> object:
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return opened(path, *words, **named)

    monkeypatch.setattr(builtins, "open", refuse)

    with pytest.raises(BadData, match=f"{closed} cannot be read: Permission denied"):
        files.locate(dataset("mnist", root=str(root)))


def test_names_a_link_that_leads_nowhere(root: Path) -> None:
    """A broken link is not taken for a file."""
    path = root / "MNIST/raw/train-labels-idx1-ubyte"
    path.unlink()
    path.symlink_to(root / "nowhere")

    with pytest.raises(BadData, match=f"{path} cannot be read: No such file"):
        files.locate(dataset("mnist", root=str(root)))


def test_whole_files_pass(root: Path) -> None:
    """What is as published is found and accepted."""
    assert files.locate(dataset("mnist", root=str(root))) == root
    files.verify("mnist", root)


@pytest.mark.parametrize("name", list(KNOWN["mnist"].files))
@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "longer"])
def test_finds_any_damage(root: Path, name: str, damage: str) -> None:
    """A flipped bit, a cut, an empty or a longer file: named, with found and expected digest."""
    path = root / "MNIST/raw" / name
    content = path.read_bytes()
    flipped = content[:20] + bytes([content[20] ^ 4]) + content[21:]
    changed = {"flip": flipped, "truncate": content[:-1], "empty": b"", "longer": content + b"\0"}
    path.write_bytes(changed[damage])

    with pytest.raises(BadData, match=f"{path} is damaged: .* with sha256 .*, not ") as caught:
        files.verify("mnist", root)
    assert KNOWN["mnist"].files[name][:12] in caught.value.message
    assert caught.value.hint == f"fetch it again: `vitpos data mnist dataset.root={root}`"


@pytest.mark.parametrize(("field", "said"), [("size", 32), ("channels", 3), ("classes", 7)])
def test_config_agrees_with_the_files(root: Path, field: str, said: int) -> None:
    """A size, channels or classes that the files do not have is told before they are read."""
    with pytest.raises(BadData, match=rf"dataset\.{field} = {said}, but its files have"):
        files.locate(dataset("mnist", root=str(root), **{field: said}))


def test_unknown_names_are_told_the_known(tmp_path: Path) -> None:
    """A config of torchvision's with a name that nobody knows."""
    with pytest.raises(BadInput, match="no data set `imagenet`") as caught:
        files.locate(dataset("mnist", name="imagenet", root=str(tmp_path)))
    assert "cifar10, cifar100, fashion_mnist, mnist" in caught.value.hint


def test_the_root_comes_from_config_then_environment_then_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`dataset.root`, `$VITPOS_DATA`, `$XDG_CACHE_HOME`, home."""
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("VITPOS_DATA", "/shared")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")

    assert files.root(dataset("mnist", root="~/mine")) == Path("/home/someone/mine")
    assert files.root(dataset("mnist")) == Path("/shared")
    assert files.root(dataset("imagefolder")) == Path("/shared/imagefolder")
    monkeypatch.delenv("VITPOS_DATA")
    assert files.root(dataset("mnist")) == Path("/cache/vitpos/data")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert files.root(dataset("mnist")) == Path("/home/someone/.cache/vitpos/data")


def test_shipped_data_has_no_folder() -> None:
    """There is nothing to locate."""
    assert files.locate(dataset("mnist5k")) is None


def test_known_facts_agree_with_the_configs() -> None:
    """Sizes, channels and classes are written in two places and are the same."""
    for name, facts in KNOWN.items():
        config = dataset(name)
        assert (config.size, config.channels, config.classes) == (
            facts.size,
            facts.channels,
            facts.classes,
        )
